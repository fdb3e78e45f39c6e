"""Handing out questions and taking answers, on both databases: nothing lost, nothing twice."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from robopref.data.assignments import AGAIN, SKIPPED, Assignments
from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError, ConflictError, DataError
from robopref.types import Abstain, Answer, Feedback, Item, Preference, Query
from tests.postgres import postgres_server

QUERIES = [Query(f"q{i}", "pair", (Item("rope", i, i + 1, 0), Item("rope", i, i + 1, 1))) for i in range(4)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; PostgreSQL's is emptied afterwards."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'labels.db'}"
        return
    server = request.getfixturevalue("server")
    yield server
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE claims, feedback, queries")
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[FeedbackStore]:
    with FeedbackStore(url) as store:
        store.add_queries(QUERIES)
        yield store


def give(query: Query, labeler: str, answer: Answer | None = None) -> Feedback:
    return Feedback(query.id, answer or Preference(1.0), labeler, order=(1, 0), seconds=1.5)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_everything_stored_comes_back_from_either_database(store: FeedbackStore) -> None:
    answers = [give(QUERIES[0], "앤", Preference(0.75)), give(QUERIES[1], "ann", Abstain("can't tell\n\"'"))]
    store.add_all(answers)
    assert store.queries() == QUERIES
    assert store.feedback() == answers
    assert store.unanswered("ann") == [QUERIES[0], *QUERIES[2:]]


def test_a_question_is_handed_out_to_one_person_at_a_time(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assert [assignments.claim(name) for name in "abcde"] == [*QUERIES, None]


def test_asking_again_gives_the_same_question(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assert [assignments.claim(name) for name in "abab"] == [*QUERIES[:2], *QUERIES[:2]]
    # A server that was killed and started again knows it too.
    assert Assignments(store).claim("b") == QUERIES[1]


def test_a_question_that_was_not_answered_in_time_goes_to_someone_else(store: FeedbackStore) -> None:
    clock = Clock()
    assignments = Assignments(store, lease=60, clock=clock)
    assert assignments.claim("a") == QUERIES[0]
    clock.now += 59
    assert assignments.claim("b") == QUERIES[1]
    clock.now += 2
    assert assignments.claim("c") == QUERIES[0]
    assert assignments.claim("a") == QUERIES[2]  # its first question is taken now
    assert assignments.submit(give(QUERIES[0], "a"), "late")  # work that is done is not thrown away
    assert assignments.submit(give(QUERIES[0], "c"), "in time")
    assert len(store.feedback()) == 2
    assert assignments.progress().done == 1  # one answer was wanted


def test_a_question_is_answered_by_as_many_people_as_wanted(store: FeedbackStore) -> None:
    assignments = Assignments(store, replicates=2)
    assert [assignments.claim(name) for name in "abc"] == [QUERIES[0], QUERIES[0], QUERIES[1]]
    for name in "ab":
        assert assignments.submit(give(QUERIES[0], name), f"{name}0")
    assert [assignments.claim(name) for name in "abd"] == [QUERIES[1], QUERIES[2], QUERIES[2]]
    progress = assignments.progress()
    assert (progress.wanted, progress.done, progress.by_labeler) == (8, 2, {"a": 1, "b": 1})


def test_nobody_is_asked_a_question_twice(store: FeedbackStore) -> None:
    assignments, seen = Assignments(store, replicates=5), []
    while query := assignments.claim("a"):
        seen.append(query)
        assignments.submit(give(query, "a"), query.id)
    assert seen == QUERIES


def test_a_skipped_question_waits_for_someone_else(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    for query, reason in zip(QUERIES, (SKIPPED, "cannot tell", SKIPPED, "bad episode"), strict=True):
        assert assignments.claim("a") == query
        assignments.submit(give(query, "a", Abstain(reason)), query.id)
    assert assignments.claim("a") is None
    assert assignments.progress().done == 2
    for query in (QUERIES[0], QUERIES[2]):
        assert assignments.claim("b") == query
        assignments.submit(give(query, "b"), f"b-{query.id}")
    assert assignments.claim("b") is None


def test_a_repeated_question_goes_to_who_answered_it_before(store: FeedbackStore) -> None:
    again = [Query(query.id + AGAIN, "pair", query.items) for query in QUERIES[:2]]
    store.add_queries(again)
    assignments = Assignments(store)
    for query, name in zip(QUERIES, "abaa", strict=True):
        assert assignments.claim(name) == query
        assignments.submit(give(query, name), query.id)
    assert assignments.claim("c") is None
    assert assignments.claim("b") == again[1]
    assert assignments.claim("a") == again[0]
    assignments.retract("a", QUERIES[0].id)
    assert assignments.claim("c") is None  # its first answer is gone, and with it the reason to ask again


def test_answers_of_scripted_teachers_leave_the_questions_to_people(store: FeedbackStore) -> None:
    store.add_all([give(query, "scripted-teacher") for query in QUERIES])
    assignments = Assignments(store)
    assert assignments.claim("a") == QUERIES[0]
    assert assignments.progress().done == 0
    assert assignments.progress().by_labeler == {}


def test_sending_an_answer_again_adds_nothing(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    given = give(QUERIES[0], "a")
    assert assignments.submit(given, "one")
    assert not assignments.submit(given, "one")
    assert not assignments.submit(Feedback(given.query_id, given.answer, "a", time=9.0), "one")
    assert store.feedback() == [given]


def test_what_contradicts_an_earlier_answer_is_refused(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assignments.submit(give(QUERIES[0], "a"), "one")
    with pytest.raises(ConflictError, match="answered query 'q0' already"):
        assignments.submit(give(QUERIES[0], "a"), "two")
    for other in (give(QUERIES[0], "a", Preference(0.0)), give(QUERIES[0], "b"), give(QUERIES[1], "a")):
        with pytest.raises(ConflictError, match="'one' was given before with other content"):
            assignments.submit(other, "one")
    with pytest.raises(DataError, match="does not exist"):
        assignments.submit(Feedback("q9", Preference(1.0), "a"), "nine")
    assert store.feedback() == [give(QUERIES[0], "a")]


def test_an_answer_that_is_taken_back_stays_in_the_history(store: FeedbackStore, tmp_path: Path) -> None:
    assignments = Assignments(store)
    for query in QUERIES[:2]:
        assignments.submit(give(query, "a"), query.id)
    assert assignments.claim("a") == QUERIES[2]
    assert assignments.last("a") == "q1"
    store.export_jsonl(tmp_path / "before.jsonl")
    assert assignments.retract("a", "q1")
    assert not assignments.retract("a", "q1")
    assert store.feedback() == [give(QUERIES[0], "a")]
    assert store.retracted() == [give(QUERIES[1], "a")]
    assert assignments.last("a") == "q0"
    assert assignments.claim("a") == QUERIES[1]  # asked again at once
    assert not assignments.submit(give(QUERIES[1], "a"), "q1")  # a late copy does not bring it back
    assert assignments.submit(give(QUERIES[1], "a", Preference(0.0)), "q1 again")
    assert store.feedback()[1].answer == Preference(0.0)
    assert assignments.claim("a") == QUERIES[2]
    assert store.import_jsonl(tmp_path / "before.jsonl") == 0
    assert len(store.feedback()) == 2


def test_only_ones_own_answer_can_be_taken_back(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assignments.submit(give(QUERIES[0], "a"), "one")
    for labeler, answer_id in (("b", "one"), ("a", "two")):
        with pytest.raises(ConflictError, match="gave no answer"):
            assignments.retract(labeler, answer_id)
    assert assignments.last("b") is None
    assert len(store.feedback()) == 1


def test_people_who_answer_at_the_same_time_share_the_work(url: str) -> None:
    """Six people in three programs' stores, two answers to each of 24 questions: 48, no more and no fewer."""
    many = [Query(f"m{i}", "pair", QUERIES[0].items) for i in range(24)]
    with FeedbackStore(url) as store:
        store.add_queries(many)

    def work(own: FeedbackStore, name: str) -> None:
        assignments = Assignments(own, replicates=2)
        while query := assignments.claim(name):
            assert assignments.submit(give(query, name), f"{name}-{query.id}")
            assert not assignments.submit(give(query, name), f"{name}-{query.id}")

    stores = [FeedbackStore(url) for _ in range(3)]
    threads = [threading.Thread(target=work, args=(stores[i % 3], f"p{i}")) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stores[0].feedback()
    for store in stores:
        store.close()
    assert Counter(given.query_id for given in found) == Counter({query.id: 2 for query in many})
    assert len({(given.query_id, given.labeler) for given in found}) == 48


@pytest.mark.parametrize("wrong", [{"replicates": 0}, {"lease": 0.0}, {"lease": float("nan")}])
def test_settings_that_cannot_work_are_refused(wrong: dict, tmp_path: Path) -> None:
    with FeedbackStore(tmp_path / "labels.db") as store, pytest.raises(ConfigError, match="must be at least 1"):
        Assignments(store, **wrong)
