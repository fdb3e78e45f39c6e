"""The database of questions and answers; an answer that was taken is on disk.

Ties, abstentions and confidences are different things here: a tie is a `Preference` of 0.5, an abstention holds a
reason and no number, and a confidence stands beside the answer. An answer is stored as JSON with its type.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from robopref.answers import Answers
from robopref.data.json_lines import located
from robopref.data.labels import database as tables
from robopref.data.labels.database import LabelDatabase
from robopref.data.labels.feedback_records import check_answer, read_lines, write_lines
from robopref.data.labels.origins import AnswerOrigin, AnswersThere
from robopref.data.labels.self_answers import SelfAnswers
from robopref.errors import DataError
from robopref.records import Feedback, Query

_STANDING = tables.feedback.c.retracted.is_(None)
_IDS_PER_SELECT = 500  # databases limit the parameters of one statement


class FeedbackStore:
    """Queries and the feedback on them, in SQLite or any other database that SQLAlchemy reaches.

    Several threads and processes may use one database at the same time.
    """

    def __init__(self, url_or_path: str | Path, *, create: bool = True) -> None:
        """Open a database, and make its tables where there are none.

        Args:
            url_or_path: An SQLAlchemy URL, or the path of an SQLite file. An SQLite URL may set how many seconds to
                wait for other writers, in place of 30: ``sqlite:///labels.db?timeout=5``.
            create: Whether to make the SQLite file if there is none.

        Raises:
            DataError: The database is missing, damaged, locked or no database.
            DependencyError: The database needs a driver that is not installed.
        """
        self.database = LabelDatabase(url_or_path, create=create)

    def __enter__(self) -> FeedbackStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; everything that was added is there already."""
        self.database.close()

    def add_queries(self, queries: Iterable[Query], feedback: Iterable[Feedback] = ()) -> None:
        """Add queries, all or none; one that is there already is left as it is.

        Args:
            queries: The queries.
            feedback: Answers to them that are known beforehand, added together with them.

        Raises:
            DataError: A query differs from the one that has its id, an answer does not fit, or the database cannot be
                written.
        """
        queries, feedback = list(queries), list(feedback)
        with self.database.transaction(write=True) as connection:
            known = self._known(connection, [query.id for query in queries])
            new = [query for query in queries if _is_new(query, known)]
            for given in feedback:
                check_answer(given, known.get(given.query_id))
            self.database.insert(connection, [*new, *feedback])

    def queries(self) -> list[Query]:
        """All queries, in the order they were added.

        Raises:
            DataError: The database cannot be read.
        """
        with self.database.transaction() as connection:
            return self.database.records(connection, Query)

    def query(self, query_id: str) -> Query | None:
        """The query of an id, or None if there is none.

        Raises:
            DataError: The database cannot be read.
        """
        with self.database.transaction() as connection:
            return self._known(connection, [query_id]).get(query_id)

    def unanswered(self, labeler: str) -> list[Query]:
        """Queries on which a labeler gave no feedback yet; an abstention is feedback.

        Args:
            labeler: Name of the labeler.

        Returns:
            The queries, in the order they were added.

        Raises:
            DataError: The database cannot be read.
        """
        given = sa.exists().where(
            tables.feedback.c.query_id == tables.queries.c.id, tables.feedback.c.labeler == labeler, _STANDING
        )
        with self.database.transaction() as connection:
            return self.database.records(connection, Query, ~given)

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
        with self.database.transaction(write=True) as connection:
            known = self._known(connection, [given.query_id for given in feedback])
            for given in feedback:
                check_answer(given, known.get(given.query_id))
            self.database.insert(connection, feedback)

    def add_answered(self, labels: Iterable[tuple[Query, Feedback]], mark: str) -> tuple[int, int]:
        """Add questions that answer themselves, all or none; what is there already is left as it is.

        They count as asked and answered, so that they are not handed out to people. An answer that has changed
        takes the place of the earlier one, which is taken back.

        Args:
            labels: Queries, each with the one answer to it.
            mark: Begins the names under which the answers are stored, so that they can be told from others.

        Returns:
            How many queries and answers were added.

        Raises:
            DataError: As for `add_queries`.
        """
        labels = list({query.id: (query, given) for query, given in labels}.values())
        with self.database.transaction(write=True) as connection:
            known = self._known(connection, [query.id for query, _ in labels])
            before = len(known)
            self.database.insert(connection, [query for query, _ in labels if _is_new(query, known)])

            def insert(given: Feedback, name: str) -> None:
                self.database.insert(connection, [given], answer_id=name)

            there = SelfAnswers(
                self.database.marked(connection), mark, change=partial(self.database.mark, connection), insert=insert
            )  # fmt: skip
            answers = 0
            for query, given in labels:
                check_answer(given, query)
                answers += there.put(given)
        return len(known) - before, answers

    def join(
        self, queries: Iterable[Query], feedback: Sequence[Feedback], origins: Sequence[AnswerOrigin | None] = ()
    ) -> tuple[int, int]:
        """Add what was asked and answered elsewhere and is not here yet, all or nothing.

        Args:
            queries: The questions.
            feedback: The answers. What is here, standing or taken back, is not added again.
            origins: Of each answer, if it can be changed where it was given; a later version takes the place of an
                earlier one, which is taken back.

        Returns:
            How many queries and answers were added.

        Raises:
            DataError: As for `add_queries`.
        """
        queries, origins = list(queries), origins or [None] * len(feedback)
        with self.database.transaction(write=True) as connection:
            known = self._known(connection, [q.id for q in queries] + [given.query_id for given in feedback])
            new = [query for query in queries if _is_new(query, known)]
            for given in feedback:
                check_answer(given, known.get(given.query_id))
            self.database.insert(connection, new)
            there = self._answers(connection)
            keys = [there.take(given, origin) for given, origin in zip(feedback, origins, strict=True)]
            self.database.insert(connection, [given for given, key in zip(feedback, keys, strict=True) if key == ""])
            for given, key in zip(feedback, keys, strict=True):
                if key:
                    self.database.insert(connection, [given], origin=key)
        return len(new), sum(key is not None for key in keys)

    def feedback(self, labeler: str | None = None) -> list[Feedback]:
        """Feedback in the order it was added, without what was taken back.

        Args:
            labeler: Whose; everyone's if None.

        Returns:
            The feedback.

        Raises:
            DataError: The database cannot be read.
        """
        with self.database.transaction() as connection:
            whose = sa.true() if labeler is None else tables.feedback.c.labeler == labeler
            return self.database.records(connection, Feedback, whose & _STANDING)

    def answers(self, belongs: Callable[[str], bool]) -> Answers:
        """Standing feedback on the questions about some datasets.

        Args:
            belongs: Says of the name of a dataset whether it is one of them.
        """
        queries = [query for query in self.queries() if belongs(query.source)]
        ids = {query.id for query in queries}
        return Answers.of(queries, [given for given in self.feedback() if given.query_id in ids])

    def take_back(self, labeler: str, *, but: str) -> int:
        """Take back what a labeler said in other versions; it stays in the database, marked as taken back.

        Args:
            labeler: Name of the labeler.
            but: The version whose answers stand.

        Returns:
            How many answers stood until now.

        Raises:
            DataError: The database cannot be written.
        """
        table = tables.feedback
        others = (table.c.labeler == labeler) & (table.c.labeler_version != but) & _STANDING
        with self.database.transaction(write=True) as connection:
            return connection.execute(sa.update(table).where(others).values(retracted=time.time())).rowcount

    def retracted(self) -> list[Feedback]:
        """Feedback that was taken back, in the order it was added.

        Raises:
            DataError: The database cannot be read.
        """
        with self.database.transaction() as connection:
            return self.database.records(connection, Feedback, ~_STANDING)

    def export_jsonl(self, path: str | Path) -> None:
        """Write all queries and standing feedback to a file of one JSON object per line.

        Args:
            path: The file, which appears whole or not at all; one that exists is replaced.

        Raises:
            DataError: The database cannot be read or the file cannot be written.
        """
        with self.database.transaction() as connection:
            records = [
                *self.database.records(connection, Query),
                *self.database.records(connection, Feedback, _STANDING),
            ]
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
        with self.database.transaction(write=True) as connection:
            known = self._known(connection, ids)
            queries: list[Query] = []
            for place, record in records:
                with located(place):
                    if isinstance(record, Query) and _is_new(record, known):
                        queries.append(record)
            there = self._answers(connection)
            feedback: list[Feedback] = []
            for place, record in records:
                if isinstance(record, Feedback):
                    with located(place):
                        check_answer(record, known.get(record.query_id))
                    if there.take(record) is not None:
                        feedback.append(record)
            self.database.insert(connection, [*queries, *feedback])
        return len(queries) + len(feedback)

    def _answers(self, connection: sa.Connection) -> AnswersThere:
        return AnswersThere(self.database.marked(connection), partial(self.database.mark, connection))

    def _known(self, connection: sa.Connection, ids: Iterable[str]) -> dict[str, Query]:
        """The queries among `ids` that the database has."""
        unique = list(dict.fromkeys(ids))
        batches = [unique[start : start + _IDS_PER_SELECT] for start in range(0, len(unique), _IDS_PER_SELECT)]
        return {
            q.id: q
            for batch in batches
            for q in self.database.records(connection, Query, tables.queries.c.id.in_(batch))
        }


def _is_new(query: Query, known: dict[str, Query]) -> bool:
    """Whether a query is to be inserted; it is known from then on."""
    if query.id not in known:
        known[query.id] = query
        return True
    if known[query.id] != query:
        raise DataError(f"query {query.id!r} is there already with other content; a changed question needs another id")
    return False
