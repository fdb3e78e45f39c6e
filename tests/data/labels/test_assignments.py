"""Handing out questions and taking answers, on both databases: nothing lost, nothing twice."""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from robopref.data.labels.assignments import AGAIN, SKIPPED, Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, ConflictError, DataError
from robopref.records import Abstain, Answer, Feedback, Item, Preference, Query
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
    with pytest.raises(ConflictError, match="'q0' was not handed out to a"):
        assignments.submit(give(QUERIES[0], "a"), "late")
    assert assignments.submit(give(QUERIES[0], "c"), "in time")
    assert store.feedback() == [give(QUERIES[0], "c")]


def test_a_late_answer_is_taken_as_long_as_nobody_else_was_asked(store: FeedbackStore) -> None:
    clock = Clock()
    assignments = Assignments(store, lease=60, clock=clock)
    for name in "ab":
        assignments.claim(name)
    clock.now += 1000
    assert assignments.submit(give(QUERIES[0], "a"), "late")  # work that is done is not thrown away
    assert assignments.claim("c") == QUERIES[1]
    with pytest.raises(ConflictError, match="'q1' was not answered in time and went to someone else"):
        assignments.submit(give(QUERIES[1], "b"), "too late")
    clock.now += 1000  # c did nothing either
    assert assignments.submit(give(QUERIES[1], "b"), "not too late")
    with pytest.raises(ConflictError, match="'q1' has all 1 answers that are wanted"):
        assignments.submit(give(QUERIES[1], "c"), "of c")
    assert [given.labeler for given in store.feedback()] == ["a", "b"]


@pytest.mark.parametrize("answer", [Preference(1.0), Abstain(SKIPPED)])
def test_only_what_was_handed_out_is_answered(store: FeedbackStore, answer: Answer) -> None:
    assignments = Assignments(store, replicates=5)
    assert assignments.claim("a") == QUERIES[0]
    for query in QUERIES[1:]:
        with pytest.raises(ConflictError, match="was not handed out to a"):
            assignments.exchange(give(query, "a", answer), query.id)
    with pytest.raises(ConflictError, match="was not handed out to b"):
        assignments.submit(give(QUERIES[0], "b", answer), "of b")
    assert store.feedback() == []
    assert assignments.exchange(give(QUERIES[0], "a", answer), "mine") == QUERIES[1]


def test_a_skip_that_is_taken_back_does_not_bring_an_answer_too_many(store: FeedbackStore) -> None:
    assignments = Assignments(store, replicates=2)
    for name in "ab":
        assert assignments.claim(name) == QUERIES[0]
    assignments.exchange(give(QUERIES[0], "a", Abstain(SKIPPED)), "skip of a")
    assert assignments.claim("c") == QUERIES[0]  # in a's place
    assert assignments.retract("a", "skip of a")
    with pytest.raises(ConflictError, match="was not handed out to a"):
        assignments.submit(give(QUERIES[0], "a"), "of a")
    for name in "bc":
        assert assignments.submit(give(QUERIES[0], name), f"of {name}")
    assert assignments.claim("a") == QUERIES[1]
    assert assignments.progress().done == len(store.feedback()) == 2


def test_a_skip_is_asked_again_while_nobody_else_has_the_question(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assignments.claim("a")
    assert assignments.exchange(give(QUERIES[0], "a", Abstain(SKIPPED)), "skip") == QUERIES[1]
    assert assignments.retract("a", "skip")
    assert assignments.claim("a") == QUERIES[0]
    assert assignments.claim("b") == QUERIES[1]


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
    assignments.claim("a")
    given = give(QUERIES[0], "a")
    assert assignments.submit(given, "one")
    assert not assignments.submit(given, "one")
    assert not assignments.submit(Feedback(given.query_id, given.answer, "a", time=9.0), "one")
    assert store.feedback() == [given]


def test_what_contradicts_an_earlier_answer_is_refused(store: FeedbackStore) -> None:
    assignments = Assignments(store)
    assignments.claim("a")
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
        assert assignments.claim("a") == query
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
    assignments.claim("a")
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


def test_impatient_people_with_short_leases_never_give_more_than_is_wanted(url: str) -> None:
    """Leases that lapse at once, skips that are taken back, answers to anything: still two a question at the most."""
    many = [Query(f"m{i}", "pair", QUERIES[0].items) for i in range(8)]
    with FeedbackStore(url) as store:
        store.add_queries(many)

    def work(own: FeedbackStore, seed: int) -> None:
        assignments, rng, name = Assignments(own, replicates=2, lease=1e-6), random.Random(seed), f"p{seed}"
        for turn in range(25):
            query = assignments.claim(name) if rng.random() < 0.7 else rng.choice(many)
            skips = rng.random() < 0.3
            with contextlib.suppress(ConflictError):
                given = give(query or many[0], name, Abstain(SKIPPED) if skips else Preference(1.0))
                assignments.submit(given, f"{name}-{turn}")
                if skips:
                    assignments.retract(name, f"{name}-{turn}")

    stores = [FeedbackStore(url) for _ in range(2)]
    threads = [threading.Thread(target=work, args=(stores[i % 2], i)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = Counter(given.query_id for given in stores[0].feedback() if isinstance(given.answer, Preference))
    for store in stores:
        store.close()
    assert counted
    assert max(counted.values()) <= 2


@pytest.mark.parametrize("wrong", [{"replicates": 0}, {"lease": 0.0}, {"lease": float("nan")}])
def test_settings_that_cannot_work_are_refused(wrong: dict, tmp_path: Path) -> None:
    with FeedbackStore(tmp_path / "labels.db") as store, pytest.raises(ConfigError, match="must be at least 1"):
        Assignments(store, **wrong)
