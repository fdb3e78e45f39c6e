"""Asking a labeler about many queries at once; every answer is in the database within a moment."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.labelers.request_budget import BudgetSpentError
from robopref.labelers.vlm import ERROR
from robopref.protocols import Labeler
from robopref.records import Abstain, Feedback, Preference, Query

_UNSAVED = 0.01  # s: the most that an answer waits for others, to be stored with them


@dataclass
class AnswerTally:
    """What came of the queries.

    Attributes:
        answers: Answers, ties among them.
        ties: Pairs said to be equal.
        abstentions: How often there was no answer, by reason.
        stopped: Why not all were asked; empty if all were.
        failed: Whether that was because there was nobody to ask, rather than because the budget is spent.
    """

    answers: int = 0
    ties: int = 0
    abstentions: Counter[str] = field(default_factory=Counter[str])
    stopped: str = ""
    failed: bool = False

    def add(self, given: Feedback) -> None:
        """Count feedback."""
        if isinstance(given.answer, Abstain):
            self.abstentions[given.answer.reason] += 1
            return
        self.answers += 1
        self.ties += given.answer == Preference(0.5)

    @property
    def done(self) -> int:
        """Queries that ended in an answer or an abstention."""
        return self.answers + self.abstentions.total()


def label_all(
    labeler: Labeler,
    queries: Sequence[Query],
    store: FeedbackStore,
    *,
    workers: int = 4,
    errors: int = 8,
    done: Callable[[AnswerTally], None] | None = None,
) -> AnswerTally:
    """Ask about all queries, several at a time.

    Interrupted, it waits for the questions that are under way, keeps their answers and asks no more.

    Args:
        labeler: Who answers; several threads ask it.
        queries: What to ask, in this order.
        store: Where the queries are and the answers go.
        workers: How many at a time.
        errors: So many abstentions in a row because of errors mean that the server is down: they are not stored, and
            nothing more is asked.
        done: Called after each answer.

    Returns:
        What came of them.

    Raises:
        ConfigError: The labeler cannot be asked at all, or `workers` or `errors` is not positive.
        DataError: An answer cannot be stored.
    """
    if workers < 1 or errors < 1:
        raise ConfigError(f"workers and errors must be positive, got {workers} and {errors}")
    answers, waiting = _Answers(store, errors), iter(queries)
    tally = answers.tally
    with ThreadPoolExecutor(workers, thread_name_prefix="label") as pool:
        running: set[Future[Feedback]] = set()
        try:
            while True:
                while not tally.stopped and len(running) < workers and (query := next(waiting, None)) is not None:
                    running.add(pool.submit(labeler.label, query))
                if not running:
                    break
                finished, running = wait(running, answers.patience, return_when=FIRST_COMPLETED)
                for future in finished:
                    answers.take(future)
                answers.save_in_time(idle=not finished)
                if done is not None:
                    done(tally)
        except BaseException:
            answers.save()
            for future in running:
                if not future.cancel() and future.exception() is None:
                    store.add(future.result())
            raise
    if not tally.stopped:
        answers.settle()
    answers.save()
    return tally


class _Answers:
    """Answers on their way to the database.

    Those of a fast labeler are stored together, since each time takes the disk a while; none waits longer than that.

    Args:
        store: Where they go.
        errors: So many failures in a row end it.
    """

    def __init__(self, store: FeedbackStore, errors: int) -> None:
        self.tally, self._store, self._errors = AnswerTally(), store, errors
        self._failed: list[Feedback] = []
        self._unsaved: list[Feedback] = []
        self._saved = time.monotonic()

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the next answer before what there is has to be stored; None if there is nothing."""
        return _UNSAVED if self._unsaved else None

    def take(self, future: Future[Feedback]) -> None:
        """Take what came of a question."""
        try:
            given = future.result()
        except BudgetSpentError as error:
            self.tally.stopped = str(error)
            return
        if given.answer == Abstain(ERROR):
            self._failed.append(given)
            if len(self._failed) >= self._errors:
                self.tally.failed = True
                self.tally.stopped = f"{len(self._failed)} questions in a row failed, the last one: {given.rationale}"
            return
        self.settle()
        self._keep(given)

    def settle(self) -> None:
        """Keep failures: something else came after them, so they were not the server's end."""
        for given in self._failed:
            self._keep(given)
        self._failed.clear()

    def save_in_time(self, *, idle: bool) -> None:
        """Store what waits, if it waits long enough or there is time."""
        if idle or time.monotonic() - self._saved >= _UNSAVED:
            self.save()

    def save(self) -> None:
        """Store what waits.

        Raises:
            DataError: One cannot be stored; those before it are.
        """
        unsaved, self._unsaved = self._unsaved, []
        try:
            self._store.add_all(unsaved)
        except DataError:
            for given in unsaved:
                self._store.add(given)
        self._saved = time.monotonic()

    def _keep(self, given: Feedback) -> None:
        self._unsaved.append(given)
        self.tally.add(given)
