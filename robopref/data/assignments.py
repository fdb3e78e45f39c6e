"""Handing out questions to several people at once, and taking their answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from robopref.data.database import claims, feedback, queries
from robopref.data.feedback import FeedbackStore
from robopref.data.records import check_answer
from robopref.errors import ConfigError, ConflictError
from robopref.types import Feedback, Query

SKIPPED = "skipped"
# Ends the id of a question that repeats another one, to see whether a person says the same again.
AGAIN = "/again"
# Begins the names of answers that follow from what an operator did.
EVENT = "event "

# Scripted teachers and imported files answer without having been asked here, and leave the questions to people.
_standing = feedback.c.retracted.is_(None) & feedback.c.answer_id.is_not(None)
# A question that somebody only skipped still waits for an answer; one that cannot be told apart was answered.
_counts = _standing & sa.func.coalesce(feedback.c.answer["reason"].as_string() != SKIPPED, sa.true())


@dataclass(frozen=True)
class Progress:
    """How far labelling is.

    Attributes:
        wanted: Answers wanted altogether, `replicates` to each query.
        done: Answers that count towards them; those beyond `replicates` and skipped ones do not.
        by_labeler: Standing answers of everyone who gave any, skipped ones among them.
    """

    wanted: int
    done: int
    by_labeler: dict[str, int]


class Assignments:
    """Who answers which question next.

    A question is handed out to one person at a time, for as long as the lease lasts, unless several answers to it are
    still wanted. Nobody is asked a question twice, and a question that repeats another one (`AGAIN`) goes to those who
    answered the other. All of it lives in the database, so that servers can be killed and restarted, or several can
    share one database.

    Args:
        store: Questions and answers.
        replicates: Answers of different people wanted to each question.
        lease: Seconds after which a question that was handed out, and not answered, may go to someone else.
        clock: Seconds since the epoch.

    Raises:
        ConfigError: `replicates` or `lease` is not positive.
    """

    def __init__(
        self, store: FeedbackStore, *, replicates: int = 1, lease: float = 300.0, clock: Callable[[], float] = time.time
    ) -> None:
        if replicates < 1 or not lease > 0:
            raise ConfigError(f"replicates must be at least 1 and lease positive, got {replicates} and {lease}")
        self.store, self.replicates, self.lease, self.clock = store, replicates, lease, clock
        self._database = store.database
        waiting = sa.select(queries.c.id).where(_is_open(replicates)).order_by(queries.c.position).limit(1)
        self._first_open, self._still_open = waiting, waiting.where(queries.c.id == sa.bindparam("held"))

    def claim(self, labeler: str) -> Query | None:
        """Hand out a question: the one that the labeler has not answered yet, or the first that waits for answers.

        Args:
            labeler: Who asks.

        Returns:
            The question, or None if there is none for this labeler at present.

        Raises:
            DataError: The database cannot be written.
        """
        now = self.clock()
        # A claim that is forgotten with the power is only made again.
        with self._database.transaction(write=True, durable=False) as connection:
            held = connection.scalar(sa.select(claims.c.query_id).where(claims.c.labeler == labeler))
            asking = {"asking": labeler, "now": now}
            found: str | None = None
            if held is not None:
                found = connection.scalar(self._still_open, {**asking, "held": held})
            if found is None:
                found = connection.scalar(self._first_open, asking)
            connection.execute(sa.delete(claims).where(claims.c.labeler == labeler))
            if found is None:
                return None
            self._hold(connection, labeler, found, now)
            return self._database.records(connection, Query, queries.c.id == found)[0]

    def submit(self, given: Feedback, answer_id: str) -> bool:
        """Take an answer; when this returns, it is on disk.

        An answer that comes after the lease is taken all the same, so that no work is lost.

        Args:
            given: The answer.
            answer_id: Name that its sender made for it. Sending the same answer again, because the first
                acknowledgement did not arrive, adds nothing.

        Returns:
            Whether it is new.

        Raises:
            ConflictError: The labeler has answered this question already, or the name is that of another answer.
            DataError: There is no such question, the answer does not fit it, or the database cannot be written.
        """
        with self._database.transaction(write=True) as connection:
            same = self._database.records(connection, Feedback, feedback.c.answer_id == answer_id)
            if same:
                key = ("query_id", "labeler", "answer")
                if any(getattr(same[0], name) != getattr(given, name) for name in key):
                    raise ConflictError(f"answer {answer_id!r} was given before with other content")
                return False
            found = self._database.records(connection, Query, queries.c.id == given.query_id)
            check_answer(given, found[0] if found else None)
            where = (feedback.c.query_id == given.query_id) & (feedback.c.labeler == given.labeler) & _standing
            if connection.scalar(sa.select(sa.func.count()).where(where)):
                raise ConflictError(f"{given.labeler} has answered query {given.query_id!r} already")
            self._database.insert(connection, [given], answer_id=answer_id)
            connection.execute(
                sa.delete(claims).where(claims.c.labeler == given.labeler, claims.c.query_id == given.query_id)
            )
            return True

    def last(self, labeler: str) -> str | None:
        """Name of the latest standing answer of a labeler, which `retract` would take back.

        Raises:
            DataError: The database cannot be read.
        """
        with self._database.transaction() as connection:
            return connection.scalar(
                sa.select(feedback.c.answer_id)
                .where(feedback.c.labeler == labeler, _standing, ~feedback.c.answer_id.startswith(EVENT))
                .order_by(feedback.c.position.desc())
                .limit(1)
            )

    def retract(self, labeler: str, answer_id: str) -> bool:
        """Take an answer back and hand its question out to the labeler again.

        The answer stays in the database, marked as taken back.

        Args:
            labeler: Whose answer.
            answer_id: Which one.

        Returns:
            Whether it stood until now; False if it was taken back before.

        Raises:
            ConflictError: The labeler gave no such answer.
            DataError: The database cannot be written.
        """
        now = self.clock()
        which = (feedback.c.labeler == labeler) & (feedback.c.answer_id == answer_id)
        with self._database.transaction(write=True) as connection:
            row = connection.execute(sa.select(feedback.c.query_id, feedback.c.retracted).where(which)).one_or_none()
            if row is None:
                raise ConflictError(f"{labeler} gave no answer {answer_id!r}")
            if row.retracted is not None:
                return False
            connection.execute(sa.update(feedback).where(which).values(retracted=now))
            connection.execute(sa.delete(claims).where(claims.c.labeler == labeler))
            self._hold(connection, labeler, row.query_id, now)
            return True

    def untouched(self) -> int:
        """How many questions nobody has answered or skipped.

        Raises:
            DataError: The database cannot be read.
        """
        given = sa.exists().where(feedback.c.query_id == queries.c.id, _standing)
        with self._database.transaction() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(queries).where(~given)) or 0)

    def progress(self) -> Progress:
        """How far labelling is.

        Raises:
            DataError: The database cannot be read.
        """
        with self._database.transaction() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(queries)) or 0
            each = sa.select(sa.func.count().label("n")).where(_counts).group_by(feedback.c.query_id).subquery()
            capped = sa.case((each.c.n > self.replicates, self.replicates), else_=each.c.n)
            done = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(capped), 0)))
            people = sa.select(feedback.c.labeler, sa.func.count()).where(_standing).group_by(feedback.c.labeler)
            by_labeler = {str(name): int(count) for name, count in connection.execute(people.order_by("labeler"))}
        return Progress(total * self.replicates, int(done or 0), by_labeler)

    def _hold(self, connection: sa.Connection, labeler: str, query_id: str, now: float) -> None:
        row = {"labeler": labeler, "query_id": query_id, "until": now + self.lease}
        connection.execute(sa.insert(claims), row)


def _is_open(replicates: int) -> sa.ColumnElement[bool]:
    """Whether the labeler ``:asking`` may get a question at the time ``:now``."""
    asking, now = sa.bindparam("asking"), sa.bindparam("now")
    first = feedback.alias()
    mine = sa.exists().where(feedback.c.query_id == queries.c.id, feedback.c.labeler == asking, _standing)
    answers = sa.select(sa.func.count()).where(feedback.c.query_id == queries.c.id, _counts)
    others = sa.select(sa.func.count()).where(
        claims.c.query_id == queries.c.id, claims.c.labeler != asking, claims.c.until > now
    )
    taken = answers.correlate(queries).scalar_subquery() + others.correlate(queries).scalar_subquery()
    # A repeated question goes to those who answered it the first time.
    theirs = sa.exists().where(
        first.c.query_id + AGAIN == queries.c.id, first.c.labeler == asking, first.c.retracted.is_(None)
    )
    return ~mine & (taken < replicates) & (~queries.c.id.endswith(AGAIN) | theirs)
