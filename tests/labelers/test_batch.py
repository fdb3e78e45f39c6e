"""Many questions at once: none is lost, and what is known is on disk at once."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.labelers.batch import label_all
from robopref.labelers.request_budget import BudgetSpentError
from robopref.labelers.vlm import ERROR
from robopref.records import Abstain, Answer, Feedback, Preference, Query, Ranking
from tests.labelers.asking import pair
from tests.waiting import PATIENCE, until

QUERIES = [pair(k, k + 1) for k in range(20)]


class Answering:
    """Answers as a function of the number of the query says."""

    def __init__(self, answer: Callable[[int], Answer]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def label(self, query: Query) -> Feedback:
        self.asked.append(query.id)
        return Feedback(query.id, self.answer(query.items[0].start), "test", rationale="why")


@pytest.fixture
def store(tmp_path: Path):
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        store.add_queries(QUERIES)
        yield store


def test_every_query_ends_in_an_answer_or_an_abstention(store: FeedbackStore) -> None:
    answers = [Preference(1.0), Preference(0.5), Abstain("cannot tell"), Abstain(ERROR)]
    progress: list[int] = []
    tally = label_all(
        Answering(lambda k: answers[k % 4]), QUERIES, store, workers=3, done=lambda tally: progress.append(tally.done)
    )
    assert (tally.answers, tally.ties, tally.stopped) == (10, 5, "")
    assert tally.abstentions == {"cannot tell": 5, ERROR: 5}
    assert tally.done == 20
    assert progress == sorted(progress)
    assert {given.query_id for given in store.feedback()} == {query.id for query in QUERIES}


def test_several_are_asked_at_a_time_but_no_more_than_workers(store: FeedbackStore) -> None:
    open_now, most, turn, three = 0, 0, threading.Lock(), threading.Event()

    def together(_: int) -> Answer:
        nonlocal open_now, most
        with turn:
            open_now += 1
            most = max(most, open_now)
            if open_now == 3:
                three.set()
        assert three.wait(PATIENCE)
        time.sleep(0.002)  # in which a fourth could come
        with turn:
            open_now -= 1
        return Preference(1.0)

    label_all(Answering(together), QUERIES, store, workers=3)
    assert most == 3


def test_a_server_that_is_down_leaves_its_questions_open(store: FeedbackStore) -> None:
    labeler = Answering(lambda k: Preference(1.0) if k < 5 else Abstain(ERROR))
    tally = label_all(labeler, QUERIES, store, workers=1, errors=4)
    assert "4 questions in a row failed, the last one: why" in tally.stopped
    assert len(store.feedback()) == 5
    assert len(labeler.asked) == 9
    assert [query.id for query in store.unanswered("test")] == [query.id for query in QUERIES[5:]]


def test_failures_between_answers_are_stored(store: FeedbackStore) -> None:
    tally = label_all(
        Answering(lambda k: Abstain(ERROR) if k % 2 else Preference(1.0)), QUERIES, store, workers=1, errors=2
    )
    assert not tally.stopped
    assert tally.abstentions[ERROR] == 10
    assert len(store.feedback()) == 20


def test_a_spent_budget_stops_without_an_answer(store: FeedbackStore) -> None:
    def spend(k: int) -> Answer:
        if k >= 7:
            raise BudgetSpentError("the budget is spent")
        return Preference(0.0)

    tally = label_all(Answering(spend), QUERIES, store, workers=2)
    assert tally.stopped == "the budget is spent"
    assert len(store.feedback()) == tally.done == 7


@pytest.mark.parametrize("error", [ConfigError("a wrong key"), KeyboardInterrupt()])
def test_answers_given_before_the_end_stay(store: FeedbackStore, error: BaseException) -> None:
    def answer(k: int) -> Answer:
        if k == 9:
            raise error
        return Preference(0.0)

    with pytest.raises(type(error)):
        label_all(Answering(answer), QUERIES, store, workers=1)
    assert len(store.feedback()) == 9


def test_an_answer_is_on_disk_while_others_are_thought_about(store: FeedbackStore) -> None:
    """A question of two is not answered before the other's answer was found in the database."""

    def answer(k: int) -> Answer:
        if k == 1:
            until(lambda: any(given.query_id == QUERIES[0].id for given in store.feedback()))
        return Preference(1.0)

    assert label_all(Answering(answer), QUERIES[:2], store, workers=2).answers == 2


def test_answers_before_one_that_cannot_be_stored_are_kept(store: FeedbackStore) -> None:
    with pytest.raises(DataError, match="Ranking"):
        label_all(Answering(lambda k: Ranking((0, 1)) if k == 7 else Preference(1.0)), QUERIES, store, workers=1)
    assert len(store.feedback()) >= 7


def test_it_needs_a_worker(store: FeedbackStore) -> None:
    with pytest.raises(ConfigError, match="workers"):
        label_all(Answering(lambda _: Preference(1.0)), QUERIES, store, workers=0)
