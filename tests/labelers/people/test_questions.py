"""Orders, repetitions and checks."""

import numpy as np
import pytest

from robopref.data.labels.assignments import AGAIN
from robopref.errors import DataError
from robopref.labelers.people.questions import CHECKER, attention_checks, of_items, shown_order, with_repeats
from robopref.querying.candidate_queries import candidate_queries
from robopref.records import Abstain, Answer, Preference, Ranking, Rating, SimilarityTriplet
from tests.labelers.people.desks import mixed_queries

PAIRS = candidate_queries("candidates", 10, 4, kind="pair", instruction="straighter")


def test_the_order_shown_is_random_and_stays_the_same() -> None:
    orders = [shown_order(query, "ann") for query in PAIRS]
    assert orders == [shown_order(query, "ann") for query in PAIRS]
    assert orders != [shown_order(query, "bob") for query in PAIRS]
    # 60 fair coins: 30 with a standard deviation of 3.9.
    assert 15 < sum(order == (0, 1) for order in orders) < 45
    assert sorted(shown_order(mixed_queries(2)[1], "ann")) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("said", "order", "meant"),
    [
        (Preference(0.75), (0, 1), Preference(0.75)),
        (Preference(0.75), (1, 0), Preference(0.25)),
        (Preference(0.5), (1, 0), Preference(0.5)),
        # The leftmost, item 2, is best; item 0, in the middle, is last.
        (Ranking((0, 2, 1)), (2, 0, 1), Ranking((2, 1, 0))),
        (Ranking((0, 0, 1)), (1, 2, 0), Ranking((1, 0, 0))),
        (SimilarityTriplet(0), (2, 0, 1), SimilarityTriplet(2)),
        (Rating(0.3), (0,), Rating(0.3)),
        (Abstain("skipped"), (1, 0), Abstain("skipped")),
    ],
)
def test_what_is_said_of_places_is_stored_of_items(said: Answer, order: tuple[int, ...], meant: Answer) -> None:
    assert of_items(said, order) == meant


def test_repeated_pairs_come_later_and_the_other_way_round() -> None:
    asked = with_repeats(PAIRS, 0.25, seed=3)
    again = [query for query in asked if query.id.endswith(AGAIN)]
    assert len(again) == 15
    assert [query for query in asked if query not in again] == PAIRS
    for query in again:
        first = next(other for other in PAIRS if other.id == query.id.removesuffix(AGAIN))
        assert query.items == first.items
        assert shown_order(query, "ann") == shown_order(first, "ann")[::-1]
        assert asked.index(query) > asked.index(first)
    assert asked.index(again[0]) >= asked.index(PAIRS[0]) + 8


def test_only_pairs_are_repeated() -> None:
    assert with_repeats(mixed_queries(8)[1:2], 0.5, seed=0) == mixed_queries(8)[1:2]
    assert with_repeats(PAIRS, 0.0, seed=0) == PAIRS


def test_attention_checks_ask_what_is_clearest() -> None:
    # Outcomes of state s span s, so states 9, 8 and 7 are the clearest; candidate 2 is best, candidate 1 worst.
    outcomes = np.outer(np.arange(10.0), [0.5, 0.0, 1.0, 0.25])
    asked, known = attention_checks(PAIRS, outcomes, 0.05, seed=0)
    checks = [query for query in asked if query not in PAIRS]
    assert [query for query in asked if query in PAIRS] == PAIRS
    assert {query.items[0].start for query in checks} == {9, 8, 7}
    for query in checks:
        assert [item.candidate for item in query.items] == [1, 2]
        assert query.instruction == "straighter"
    assert {feedback.query_id: feedback.answer for feedback in known} == {q.id: Preference(0.0) for q in checks}
    assert {feedback.labeler for feedback in known} == {CHECKER}


def test_there_are_no_more_checks_than_states() -> None:
    with pytest.raises(DataError, match=r"lower labeler\.checks"):
        attention_checks(PAIRS, np.zeros((10, 4)), 0.5, seed=0)
