"""The database of questions and answers; an answer that was taken is on disk.

Ties, abstentions and confidences are different things here: a tie is a `Preference` of 0.5, an abstention holds a
reason and no number, and a confidence stands beside the answer. An answer is stored as JSON with its type.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc

from robopref.data.records import check_answer, from_json, located, read_lines, to_json, write_lines
from robopref.errors import DataError, DependencyError
from robopref.types import Feedback, Query

_Record = TypeVar("_Record", bound=Query | Feedback)
_metadata = sa.MetaData()
_queries = sa.Table(
    "queries",
    _metadata,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("instruction", sa.Text, nullable=False),
)
_feedback = sa.Table(
    "feedback",
    _metadata,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("query_id", sa.Text, sa.ForeignKey("queries.id"), nullable=False, index=True),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("labeler", sa.Text, nullable=False),
    sa.Column("labeler_version", sa.Text, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("rationale", sa.Text, nullable=False),
)
_TABLES: dict[type[Query] | type[Feedback], sa.Table] = {Query: _queries, Feedback: _feedback}
_IDS_PER_SELECT = 500  # databases limit the parameters of one statement
_REMEDIES = {
    "locked": "close the other program that is writing to it",
    "full": "free space on the disk",
    "readonly": "make it writable",
    "unable to open": "check the path",
}


class FeedbackStore:
    """Queries and the feedback on them, in SQLite or any other database that SQLAlchemy reaches.

    Several threads and processes may use one database at the same time.
    """

    def __init__(self, url_or_path: str | Path, *, create: bool = True) -> None:
        """Open a database, and make its tables where there are none.

        Args:
            url_or_path: An SQLAlchemy URL, or the path of an SQLite file. An SQLite URL may set how many seconds to
                wait for other writers: ``sqlite:///labels.db?timeout=20``.
            create: Whether to make the SQLite file if there is none.

        Raises:
            DataError: The database is missing, damaged, locked or no database.
            DependencyError: The database needs a driver that is not installed.
        """
        text = str(url_or_path)
        self._where = text
        with self._explained():
            url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
            self._where = text if "://" not in text else url.render_as_string(hide_password=True)
            if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
                _prepare_file(Path(str(url.database)), create=create)
            self._engine = sa.create_engine(url)
        if url.get_backend_name() == "sqlite":
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        try:
            with self._transaction(write=True) as connection:
                _metadata.create_all(connection)
                for table in (_queries, _feedback):  # tables of the same name may have other columns
                    connection.execute(sa.select(table).limit(0))
        except DataError:
            self.close()
            raise

    def __enter__(self) -> FeedbackStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; everything that was added is there already."""
        self._engine.dispose()

    def add_queries(self, queries: Iterable[Query]) -> None:
        """Add queries, all or none; one that is there already is left as it is.

        Raises:
            DataError: A query differs from the one that has its id, or the database cannot be written.
        """
        queries = list(queries)
        with self._transaction(write=True) as connection:
            known = self._known(connection, [query.id for query in queries])
            _insert(connection, _queries, [query for query in queries if _is_new(query, known)])

    def queries(self) -> list[Query]:
        """All queries, in the order they were added.

        Raises:
            DataError: The database cannot be read.
        """
        with self._transaction() as connection:
            return self._all(connection, Query)

    def unanswered(self, labeler: str) -> list[Query]:
        """Queries on which a labeler gave no feedback yet; an abstention is feedback.

        Args:
            labeler: Name of the labeler.

        Returns:
            The queries, in the order they were added.

        Raises:
            DataError: The database cannot be read.
        """
        given = sa.exists().where(_feedback.c.query_id == _queries.c.id, _feedback.c.labeler == labeler)
        with self._transaction() as connection:
            return self._all(connection, Query, ~given)

    def add(self, feedback: Feedback) -> None:
        """Add feedback; when this returns, it is on disk.

        Raises:
            DataError: There is no such query, the answer does not fit it, or the database cannot be written.
        """
        self.add_all([feedback])

    def add_all(self, feedback: Iterable[Feedback]) -> None:
        """Add feedback, all or none; when this returns, it is on disk.

        Raises:
            DataError: As for `add`.
        """
        feedback = list(feedback)
        with self._transaction(write=True) as connection:
            known = self._known(connection, [given.query_id for given in feedback])
            for given in feedback:
                check_answer(given, known.get(given.query_id))
            _insert(connection, _feedback, feedback)

    def feedback(self, labeler: str | None = None) -> list[Feedback]:
        """Feedback in the order it was added.

        Args:
            labeler: Whose; everyone's if None.

        Returns:
            The feedback.

        Raises:
            DataError: The database cannot be read.
        """
        with self._transaction() as connection:
            return self._all(connection, Feedback, None if labeler is None else _feedback.c.labeler == labeler)

    def export_jsonl(self, path: str | Path) -> None:
        """Write everything to a file of one JSON object per line, which appears whole or not at all.

        Args:
            path: The file; one that exists is replaced.

        Raises:
            DataError: The database cannot be read or the file cannot be written.
        """
        with self._transaction() as connection:
            records = [*self._all(connection, Query), *self._all(connection, Feedback)]
        write_lines(Path(path), records)

    def import_jsonl(self, path: str | Path) -> int:
        """Add what a file written by `export_jsonl` holds and the database does not, all or nothing.

        Args:
            path: The file. Feedback may come before its query.

        Returns:
            How many queries and answers were added.

        Raises:
            DataError: The file cannot be read, or a line, which is named, is not a record or does not fit.
        """
        records = list(read_lines(Path(path)))
        ids = [record.id if isinstance(record, Query) else record.query_id for _, record in records]
        with self._transaction(write=True) as connection:
            known = self._known(connection, ids)
            queries: list[Query] = []
            for place, record in records:
                with located(place):
                    if isinstance(record, Query) and _is_new(record, known):
                        queries.append(record)
            # Equal answers can be given twice, so what the file has beyond the database is found by counting.
            present = Counter(self._all(connection, Feedback))
            feedback: list[Feedback] = []
            for place, record in records:
                if isinstance(record, Feedback):
                    with located(place):
                        check_answer(record, known.get(record.query_id))
                    if present[record]:
                        present[record] -= 1
                    else:
                        feedback.append(record)
            _insert(connection, _queries, queries)
            _insert(connection, _feedback, feedback)
        return len(queries) + len(feedback)

    def _all(
        self, connection: sa.Connection, record: type[_Record], where: sa.ColumnElement[bool] | None = None
    ) -> list[_Record]:
        """Records in the order they were added."""
        table = _TABLES[record]
        rows = connection.execute(sa.select(table).where(sa.true() if where is None else where).order_by("position"))
        found: list[_Record] = []
        for row in rows.mappings():
            stored = {str(name): value for name, value in row.items()}
            with located(f"{self._where}: {table.name} row {stored.pop('position')}"):
                found.append(from_json(record, stored))
        return found

    def _known(self, connection: sa.Connection, ids: Iterable[str]) -> dict[str, Query]:
        """The queries among `ids` that the database has."""
        unique = list(dict.fromkeys(ids))
        batches = [unique[start : start + _IDS_PER_SELECT] for start in range(0, len(unique), _IDS_PER_SELECT)]
        return {q.id: q for batch in batches for q in self._all(connection, Query, _queries.c.id.in_(batch))}

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = False) -> Generator[sa.Connection]:
        engine = self._engine.execution_options(robopref_write=write)
        with self._explained(), engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Turn what a database raises into one line."""
        try:
            yield
        except (exc.SQLAlchemyError, sqlite3.Error, ValueError) as error:
            cause = str(getattr(error, "orig", None) or error).split("\n")[0]
            remedies = [remedy for sign, remedy in _REMEDIES.items() if sign in cause]
            remedy = remedies[0] if remedies else "check that it is a label database, or import an exported .jsonl file"
            raise DataError(f"{self._where}: {cause}; {remedy}") from error
        except ModuleNotFoundError as error:
            raise DependencyError(f"{self._where} needs the package {error.name}; install it with pip") from error


def _prepare_file(path: Path, *, create: bool) -> None:
    if not create and not path.is_file():
        raise DataError(f"{path}: no such label database; expected an existing file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot make its folder ({error.strerror}); check the path") from error


def _configure_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins transactions, the driver would begin them too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # What is checked before a write must still hold when it is written.
    write = connection.get_execution_options().get("robopref_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _is_new(query: Query, known: dict[str, Query]) -> bool:
    """Whether a query is to be inserted; it is known from then on."""
    if query.id not in known:
        known[query.id] = query
        return True
    if known[query.id] != query:
        raise DataError(f"query {query.id!r} is there already with other content; a changed question needs another id")
    return False


def _insert(connection: sa.Connection, table: sa.Table, records: Iterable[Query | Feedback]) -> None:
    values: list[dict[str, Any]] = [to_json(record) for record in records]
    if values:
        connection.execute(sa.insert(table), values)
