"""The tables of the label database, and transactions on them; what was committed is on disk."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import urllib.parse
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc

from robopref.addresses import without_secrets
from robopref.data.json_lines import located
from robopref.data.labels.feedback_records import from_json, to_json
from robopref.data.plain_tables import LABELS, SCHEMA, require_files, strange_part
from robopref.errors import DataError, DependencyError
from robopref.files import likely
from robopref.records import Feedback, Query

_Record = TypeVar("_Record", bound=Query | Feedback)
_metadata = sa.MetaData()
queries = sa.Table(
    "queries",
    _metadata,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("instruction", sa.Text, nullable=False),
    sa.Column("feature", sa.JSON(none_as_null=True)),  # of questions about one
)
feedback = sa.Table(
    "feedback",
    _metadata,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("query_id", sa.Text, sa.ForeignKey("queries.id"), nullable=False, index=True),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("labeler", sa.Text, nullable=False, index=True),
    sa.Column("labeler_version", sa.Text, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("rationale", sa.Text, nullable=False),
    sa.Column("order", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Double),
    # What follows belongs to the taking of the answer, not to the answer.
    sa.Column("answer_id", sa.Text, unique=True),  # made by who sent it, so that sending it again adds nothing
    sa.Column("retracted", sa.Double),  # when it was taken back, seconds since the epoch
    sa.Column("origin", sa.Text, unique=True),  # of an imported one: its name there, its version and its content
)
claims = sa.Table(
    "claims",
    _metadata,
    sa.Column("labeler", sa.Text, primary_key=True),
    sa.Column("query_id", sa.Text, sa.ForeignKey("queries.id"), nullable=False, index=True),
    sa.Column("until", sa.Double, nullable=False),  # seconds since the epoch
)
_TABLES: dict[type[Query] | type[Feedback], sa.Table] = {Query: queries, Feedback: feedback}
_ADDED = (
    queries.c.feature,
    *(feedback.c[name] for name in ("order", "seconds", "answer_id", "retracted", "origin")),
)
_NOT_OF_THE_RECORD = ("answer_id", "retracted", "origin")
_OTHER_VERSION = (
    "if another version of robopref made it, export it there with `robopref labels export format=jsonl` and import that"
)
_REMEDIES = {
    "locked": "close the other program that is writing to it",
    "full": "free space on the disk",
    "readonly": "make it writable",
    "unable to open": "check the path",
    "refused": "start the database server, or check the address",
    "no such column": _OTHER_VERSION,
    "does not exist": _OTHER_VERSION,
}
_CONNECTIONS = 20
_PATIENCE = 30  # s to wait for other programs that write to an SQLite file; a busy machine is no failure
_WRITERS = 7_230_655  # any number, the same for every program that writes labels
_TAKE_TURN = f"SELECT pg_advisory_xact_lock({_WRITERS})"


class LabelDatabase:
    """A label database in SQLite, PostgreSQL or any other database that SQLAlchemy reaches.

    Several threads and processes may use one database at the same time; those that write take turns.

    Args:
        url_or_path: An SQLAlchemy URL, or the path of an SQLite file. An SQLite URL may set how many seconds to wait
            for other writers: ``sqlite:///labels.db?timeout=20``.
        create: Whether to make the SQLite file if there is none.

    Raises:
        DataError: The database is missing, damaged, locked or no database.
        DependencyError: The database needs a driver that is not installed.
    """

    def __init__(self, url_or_path: str | Path, *, create: bool = True) -> None:
        text = str(url_or_path)
        self.where = without_secrets(text)
        # A program's own threads take turns here, because SQLite makes those who wait sleep longer than they have to.
        self._turn = threading.Lock()
        with self._explained():
            url = self._url(text) if "://" in text else sa.URL.create("sqlite", database=text)
            self._backend = url.get_backend_name()
            if self._backend == "sqlite" and (file := _file_of(url)) is not None:
                _prepare_file(file, create=create)
            # Connections beyond the pool's are closed after use, and those of PostgreSQL are dear.
            more: dict[str, Any] = {"pool_size": _CONNECTIONS} if self._backend == "postgresql" else {}
            if self._backend == "sqlite" and "timeout" not in url.query:
                more["connect_args"] = {"timeout": _PATIENCE}
            self._engine = sa.create_engine(url, **more)
        if self._backend == "sqlite":
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        try:
            with self.transaction(write=True) as connection:
                self._require_plain(connection)
                _metadata.create_all(connection)
                _add_columns(connection)
                for table in _metadata.tables.values():  # tables of the same name may have other columns
                    connection.execute(sa.select(table).limit(0))
        except DataError:
            self.close()
            raise

    def _url(self, text: str) -> sa.URL:
        try:
            return sa.make_url(text)
        except (exc.ArgumentError, ValueError) as error:  # which quotes it
            raise DataError(f"{self.where} is no address of a database; see docs/labelling.md") from error

    def _require_plain(self, connection: sa.Connection) -> None:
        strange = None
        if self._backend == "sqlite":
            strange = strange_part(connection.exec_driver_sql(SCHEMA), _metadata.tables)
        if strange is not None:
            raise DataError(f"{self.where}: {strange}; drop it with sqlite3, or import an exported .jsonl file")

    def close(self) -> None:
        """Let go of the database; everything that was added is there already."""
        self._engine.dispose()

    @contextlib.contextmanager
    def transaction(self, *, write: bool = False) -> Generator[sa.Connection]:
        """Do several things to the database, all or none; when this ends, they are on disk.

        Args:
            write: Whether anything is written. What is read before then still holds, because writers take turns.

        Yields:
            The connection.

        Raises:
            DataError: The database cannot be read or written.
            DependencyError: It needs a driver that is not installed.
        """
        options: dict[str, Any] = {"robopref_write": write}
        if self._backend == "postgresql" and not write:
            # Every statement sees what is committed by then in any case; this saves beginning and ending.
            options["isolation_level"] = "AUTOCOMMIT"
        turn = self._turn if write else contextlib.nullcontext()
        with self._explained(), turn, self._engine.execution_options(**options).begin() as connection:
            if write and self._backend == "postgresql":
                connection.exec_driver_sql(_TAKE_TURN)
            yield connection

    def records(
        self, connection: sa.Connection, record: type[_Record], where: sa.ColumnElement[bool] | None = None
    ) -> list[_Record]:
        """Read records.

        Args:
            connection: Within a transaction.
            record: `Query` or `Feedback`.
            where: Which rows of their table; all if None.

        Returns:
            The records, in the order they were added.

        Raises:
            DataError: A row is damaged.
        """
        table = _TABLES[record]
        rows = connection.execute(sa.select(table).where(sa.true() if where is None else where).order_by("position"))
        return [self.record(record, row) for row in rows.mappings()]

    def record(self, record: type[_Record], row: sa.RowMapping) -> _Record:
        """Make a record of a row of its table.

        Raises:
            DataError: The row is damaged.
        """
        table = _TABLES[record]
        names = [column.name for column in table.columns if column.name not in _NOT_OF_THE_RECORD]
        stored = {name: row[name] for name in names}
        with located(f"{self.where}: {table.name} row {stored.pop('position')}"):
            return from_json(record, stored)

    def insert(self, connection: sa.Connection, records: Sequence[Query | Feedback], **marks: Any) -> None:
        """Write records that were checked.

        Args:
            connection: Within a transaction that writes.
            records: The records.
            marks: Columns of their table that do not belong to the record.

        Raises:
            DataError: A record cannot be stored.
        """
        for kind, table in _TABLES.items():
            empty = {"feature": None} if kind is Query else {}
            values: list[dict[str, Any]] = [
                empty | to_json(record) | marks for record in records if isinstance(record, kind)
            ]
            if values:
                connection.execute(sa.insert(table), values)

    def marked(self, connection: sa.Connection) -> Iterator[tuple[Feedback, Mapping[str, Any]]]:
        """Read all answers with what belongs to their taking.

        Args:
            connection: Within a transaction.

        Yields:
            In the order in which they were added, each with its ``position``, ``answer_id``, ``retracted`` and
            ``origin``.

        Raises:
            DataError: A row is damaged.
        """
        for row in connection.execute(sa.select(feedback).order_by("position")).mappings():
            yield self.record(Feedback, row), {name: row[name] for name in ("position", *_NOT_OF_THE_RECORD)}

    def mark(self, connection: sa.Connection, position: int, **marks: Any) -> None:
        """Change what belongs to the taking of an answer.

        Args:
            connection: Within a transaction that writes.
            position: Of the answer.
            marks: Such as ``retracted``.
        """
        connection.execute(sa.update(feedback).where(feedback.c.position == position).values(marks))

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Turn what a database raises into one line."""
        try:
            yield
        except (exc.SQLAlchemyError, sqlite3.Error, ValueError, RecursionError) as error:
            cause = str(getattr(error, "orig", None) or error).split("\n")[0]
            remedies = [remedy for sign, remedy in _REMEDIES.items() if sign in cause]
            remedy = remedies[0] if remedies else "check that it is a label database, or import an exported .jsonl file"
            raise DataError(f"{self.where}: {cause}; {remedy}") from error
        except ModuleNotFoundError as error:
            raise DependencyError(f"{self.where} needs the package {error.name}; install it with pip") from error


def _add_columns(connection: sa.Connection) -> None:
    """Give a database of the time before orders, times, undo, origins and features the columns that it lacks."""
    there = {
        (table.name, column["name"])
        for table in (queries, feedback)
        for column in sa.inspect(connection).get_columns(table.name)
    }
    for column in _ADDED:
        table = column.table.name
        if (table, column.name) not in there:
            kind = column.type.compile(connection.dialect)
            empty = "" if column.nullable else " NOT NULL DEFAULT '[]'"
            connection.execute(sa.DDL(f'ALTER TABLE {table} ADD COLUMN "{column.name}" {kind}{empty}'))
            if column.unique:  # SQLite adds no column that is unique from the start
                connection.execute(sa.DDL(f"CREATE UNIQUE INDEX unique_{column.name} ON {table} ({column.name})"))


def _file_of(url: sa.URL) -> Path | None:
    """Where an SQLite database is, also if SQLite is told by a URI of its own; None if in memory."""
    name = url.database or ""
    if "uri" in url.query and name.startswith("file:"):
        name = urllib.parse.unquote(name.removeprefix("file:"))
    return None if name in ("", ":memory:") or url.query.get("mode") == "memory" else Path(name)


def _prepare_file(path: Path, *, create: bool) -> None:
    require_files(path)
    if path.is_dir():
        meant = likely(path, LABELS)
        raise DataError(
            f"{path} is a folder, and a label database is a file; "
            + (f"did you mean {' or '.join(map(str, meant))}?" if meant else "there is none in it")
        )
    if not create and not path.is_file():
        raise DataError(
            f"{path}: no such label database; robopref label run=<folder> makes one, <folder>/labels.sqlite, or name "
            "another with database="
        )
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
