"""Asking a labeler about many queries at once; every answer is in the database as soon as it is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError
from robopref.labelers.budget import BudgetSpentError
from robopref.labelers.vlm import ERROR
from robopref.protocols import Labeler
from robopref.records import Abstain, Feedback, Preference, Query


@dataclass
class Tally:
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
    done: Callable[[Tally], None] | None = None,
) -> Tally:
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
    tally, waiting = Tally(), iter(queries)
    failed: list[Feedback] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="label") as pool:
        running: set[Future[Feedback]] = set()
        try:
            while True:
                while not tally.stopped and len(running) < workers and (query := next(waiting, None)) is not None:
                    running.add(pool.submit(labeler.label, query))
                if not running:
                    break
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    _take(future, failed, errors, store, tally)
                if done is not None:
                    done(tally)
        except BaseException:
            for future in running:
                if not future.cancel() and future.exception() is None:
                    store.add(future.result())
            raise
    if not tally.stopped:
        _settle(failed, store, tally)
    return tally


def _take(future: Future[Feedback], failed: list[Feedback], errors: int, store: FeedbackStore, tally: Tally) -> None:
    try:
        given = future.result()
    except BudgetSpentError as error:
        tally.stopped = str(error)
        return
    if given.answer == Abstain(ERROR):
        failed.append(given)
        if len(failed) >= errors:
            tally.failed = True
            tally.stopped = f"{len(failed)} questions in a row failed, the last one: {given.rationale}"
        return
    _settle(failed, store, tally)
    store.add(given)
    tally.add(given)


def _settle(failed: list[Feedback], store: FeedbackStore, tally: Tally) -> None:
    """Something else came after them, so these failures were not the server's end."""
    store.add_all(failed)
    for given in failed:
        tally.add(given)
    failed.clear()
