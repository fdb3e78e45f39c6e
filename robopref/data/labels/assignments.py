"""Handing out questions to several people at once, and taking their answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from robopref.data.labels.database import claims, feedback, queries
from robopref.data.labels.feedback_records import check_answer
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, ConflictError
from robopref.records import Abstain, Feedback, Query

SKIPPED = "skipped"
# Ends the id of a question that repeats another one, to see whether a person says the same again.
AGAIN = "/again"
# Begins the names of answers that follow from what an operator did.
EVENT = "event "
_REMEMBERED = 1000  # questions at a time

# Scripted teachers and imported files answer without having been asked here, and leave the questions to people.
_standing = feedback.c.retracted.is_(None) & feedback.c.answer_id.is_not(None)
# A question that somebody only skipped still waits for an answer; one that cannot be told apart was answered.
_counts = _standing & sa.func.coalesce(feedback.c.answer["reason"].as_string() != SKIPPED, sa.true())


@dataclass(frozen=True)
class LabelProgress:
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
    answered the other. Only who was handed a question answers it, and it never gets more answers than are wanted. All
    of it lives in the database, so that servers can be killed and restarted, or several can share one database.

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
        self._next_of, self._same, self._standing_of = _statements(replicates)
        self._open_to, self._taken = _on_one(replicates)
        self._reached: dict[str, int] = {}  # position of the question that everyone was handed last
        self._queries: dict[str, Query] = {}  # of late; a question never changes

    def claim(self, labeler: str) -> Query | None:
        """Hand out a question: the one that the labeler has not answered yet, or one that waits for answers.

        They come in order. One before the labeler's last, that has come to wait again, comes after all others.

        Args:
            labeler: Who asks.

        Returns:
            The question, or None if there is none for this labeler at present.

        Raises:
            DataError: The database cannot be written.
        """
        with self._database.transaction(write=True) as connection:
            return self._claim(connection, labeler)

    def query(self, query_id: str) -> Query | None:
        """The question of an id, or None if there is none.

        Raises:
            DataError: The database cannot be read.
        """
        return self._queries.get(query_id) or self._remember(self.store.query(query_id))

    def submit(self, given: Feedback, answer_id: str) -> bool:
        """Take an answer; when this returns, it is on disk.

        An answer that comes after the lease is taken all the same, as long as nobody else was handed the question
        instead, so that no work is lost.

        Args:
            given: The answer.
            answer_id: Name that its sender made for it. Sending the same answer again, because the first
                acknowledgement did not arrive, adds nothing.

        Returns:
            Whether it is new.

        Raises:
            ConflictError: The labeler was not handed this question or has answered it already, it has all the answers
                that are wanted or went to someone else, or the name is that of another answer.
            DataError: There is no such question, the answer does not fit it, or the database cannot be written.
        """
        query = self.query(given.query_id)
        with self._database.transaction(write=True) as connection:
            new = self._submit(connection, given, answer_id, query)
            if new:  # a late copy does not take from the labeler what was handed out since
                mine = (claims.c.labeler == given.labeler) & (claims.c.query_id == given.query_id)
                connection.execute(sa.delete(claims).where(mine))
            return new

    def exchange(self, given: Feedback, answer_id: str) -> Query | None:
        """Take an answer as `submit` does, and hand out the next question as `claim` does, both or neither.

        Args:
            given: The answer.
            answer_id: Name of the answer.

        Returns:
            The next question, or None if there is none for the labeler at present.

        Raises:
            ConflictError: As for `submit`.
            DataError: As for `submit`.
        """
        query = self.query(given.query_id)
        with self._database.transaction(write=True) as connection:
            self._submit(connection, given, answer_id, query)
            return self._claim(connection, given.labeler)

    def last(self, labeler: str) -> str | None:
        """Name of the latest standing answer of a labeler, which `retract` would take back.

        Raises:
            DataError: The database cannot be read.
        """
        return self.standing(labeler)[0]

    def retract(self, labeler: str, answer_id: str) -> bool:
        """Take an answer back and hand its question out to the labeler again, if no one else has it by now.

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
            # Whoever skipped a question has left it to others.
            if connection.scalar(self._open_to, {"query": row.query_id, "asking": labeler, "now": now}):
                self._hold(connection, labeler, row.query_id)
            return True

    def untouched(self) -> int:
        """How many questions nobody has answered or skipped.

        Raises:
            DataError: The database cannot be read.
        """
        given = sa.exists().where(feedback.c.query_id == queries.c.id, _standing)
        with self._database.transaction() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(queries).where(~given)) or 0)

    def progress(self) -> LabelProgress:
        """How far labelling is.

        Raises:
            DataError: The database cannot be read.
        """
        return self.standing("")[1]

    def standing(self, labeler: str) -> tuple[str | None, LabelProgress]:
        """What a labeler could take back, as `last` says it, and how far labelling is.

        Raises:
            DataError: The database cannot be read.
        """
        numbers, people = self._standing_of
        with self._database.transaction() as connection:
            total, done, last = connection.execute(numbers, {"asking": labeler}).one()
            by_labeler = {str(name): int(count) for name, count in connection.execute(people)}
        return last, LabelProgress(int(total) * self.replicates, int(done), by_labeler)

    def _submit(self, connection: sa.Connection, given: Feedback, answer_id: str, query: Query | None) -> bool:
        names = {"name": answer_id, "query": given.query_id, "asking": given.labeler}
        rows = connection.execute(self._same, names).mappings().all()
        for row in rows:
            if row["answer_id"] == answer_id:
                same = self._database.record(Feedback, row)
                if any(getattr(same, key) != getattr(given, key) for key in ("query_id", "labeler", "answer")):
                    raise ConflictError(f"answer {answer_id!r} was given before with other content")
                return False
        check_answer(given, query)
        if rows:
            raise ConflictError(f"{given.labeler} has answered query {given.query_id!r} already")
        self._check_turn(connection, given)
        self._database.insert(connection, [given], answer_id=answer_id)
        return True

    def _check_turn(self, connection: sa.Connection, given: Feedback) -> None:
        """Check that an answer is wanted, and of this labeler."""
        now, which = self.clock(), f"query {given.query_id!r}"
        asking = {"query": given.query_id, "asking": given.labeler, "now": now}
        until, answers, others = connection.execute(self._taken, asking).one()
        if until is None:
            raise ConflictError(f"{which} was not handed out to {given.labeler}")
        if isinstance(given.answer, Abstain) and given.answer.reason == SKIPPED:
            return
        if answers >= self.replicates:
            raise ConflictError(f"{which} has all {self.replicates} answers that are wanted")
        if until <= now and answers + others >= self.replicates:
            raise ConflictError(f"{which} was not answered in time and went to someone else")

    def _claim(self, connection: sa.Connection, labeler: str) -> Query | None:
        asking = {"asking": labeler, "now": self.clock(), "reached": self._reached.get(labeler, 0)}
        row = connection.execute(self._next_of, asking).mappings().first()
        if row is None and asking["reached"]:
            row = connection.execute(self._next_of, {**asking, "reached": 0}).mappings().first()
        if row is None:
            connection.execute(sa.delete(claims).where(claims.c.labeler == labeler))
            return None
        self._hold(connection, labeler, row["id"])
        if not row["held"]:
            self._reached[labeler] = row["position"]
        return self._remember(self._database.record(Query, row))

    def _hold(self, connection: sa.Connection, labeler: str, query_id: str) -> None:
        held = {"query_id": query_id, "until": self.clock() + self.lease}
        if not connection.execute(sa.update(claims).where(claims.c.labeler == labeler).values(held)).rowcount:
            connection.execute(sa.insert(claims), {"labeler": labeler, **held})

    def _remember(self, query: Query | None) -> Query | None:
        if query is not None:
            if len(self._queries) >= _REMEMBERED:
                self._queries.clear()
            self._queries[query.id] = query
        return query


def _statements(replicates: int) -> tuple[sa.Executable, sa.Executable, tuple[sa.Executable, sa.Executable]]:
    """The statements of a turn: the next question, answers that speak against a new one, and what stands.

    They are built once, because that takes longer than the database does.
    """
    asking, columns = sa.bindparam("asking"), list(queries.columns)
    held = sa.select(sa.literal(1).label("held"), *columns).join(claims, claims.c.query_id == queries.c.id)
    held = held.where(claims.c.labeler == asking, _is_open(replicates))
    waits = sa.select(sa.literal(0).label("held"), *columns).where(
        queries.c.position >= sa.bindparam("reached"), _is_open(replicates)
    )
    waits = waits.order_by(queries.c.position).limit(1)
    both = sa.union_all(*(sa.select(part.subquery()) for part in (held, waits))).subquery()
    following = sa.select(both).order_by(both.c.held.desc()).limit(1)
    given = (feedback.c.query_id == sa.bindparam("query")) & (feedback.c.labeler == asking) & _standing
    same = sa.select(feedback).where((feedback.c.answer_id == sa.bindparam("name")) | given)
    total = sa.select(sa.func.count()).select_from(queries).scalar_subquery()
    each = sa.select(sa.func.count().label("n")).where(_counts).group_by(feedback.c.query_id).subquery()
    capped = sa.case((each.c.n > replicates, replicates), else_=each.c.n)
    done = sa.select(sa.func.coalesce(sa.func.sum(capped), 0)).scalar_subquery()
    last = sa.select(feedback.c.answer_id).where(
        feedback.c.labeler == asking, _standing, ~feedback.c.answer_id.startswith(EVENT)
    )
    last = last.order_by(feedback.c.position.desc()).limit(1).scalar_subquery()
    people = sa.select(feedback.c.labeler, sa.func.count()).where(_standing).group_by(feedback.c.labeler)
    return following, same, (sa.select(total, done, last), people.order_by(feedback.c.labeler))


def _on_one(replicates: int) -> tuple[sa.Executable, sa.Executable]:
    """Statements on the question ``:query``: whether ``:asking`` may get it, and who has it or has answered it.

    The second gives until when the labeler has it, the answers that count, and how many others have it now.
    """
    asking, query = sa.bindparam("asking"), sa.bindparam("query")
    open_to = sa.select(sa.literal(1)).select_from(queries).where(queries.c.id == query, _is_open(replicates))
    until = sa.select(claims.c.until).where(claims.c.query_id == query, claims.c.labeler == asking)
    answers = sa.select(sa.func.count()).where(feedback.c.query_id == query, _counts)
    others = sa.select(sa.func.count()).where(
        claims.c.query_id == query, claims.c.labeler != asking, claims.c.until > sa.bindparam("now")
    )
    return open_to, sa.select(*(part.scalar_subquery() for part in (until, answers, others)))


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
