"""Answers as a table: who said what of which two items, and what is known of how."""

import math

import numpy as np
import pytest

from robopref.answers import Answers
from robopref.data.labels.comparisons import candidate_target
from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, Rating

A, B, C = (Item("run", 0, 1, k) for k in range(3))
QUERIES = [
    Query("ab", "pair", (A, B), "fold it"), Query("cba", "ranking", (C, B, A), "be quick"), Query("a", "rating", (A,)),
]  # fmt: skip
FEEDBACK = [
    Feedback("cba", Ranking((0, 1, 1)), "bob", "1", 0.5, time=7.0, order=(2, 0, 1), seconds=3.0),
    Feedback("ab", Abstain("skipped"), "bob", "1"),
    Feedback("a", Rating(1.0), "bob", "1"),
    Feedback("ab", Preference(0.75), "scripted-teacher", "0123abcd-7"),
]


def test_rows_hold_what_was_said_and_how() -> None:
    table = Answers.of(QUERIES, FEEDBACK)
    # The ranking of three is three comparisons, the last of which is a tie; neither other answer compares anything.
    assert table.items == (C, B, A)
    assert table.queries == ("ab", "cba", "a")
    assert table.query.tolist() == [1, 1, 1, 0]
    assert table.item.tolist() == [[0, 1], [0, 2], [1, 2], [2, 1]]
    assert table.p.tolist() == [1.0, 1.0, 0.5, 0.75]
    assert table.confidence.tolist() == table.weight.tolist() == [0.5, 0.5, 0.5, 1.0]
    assert table.labeler.tolist() == ["bob"] * 3 + ["scripted-teacher"]
    assert table.labeler_version.tolist() == ["1"] * 3 + ["0123abcd-7"]
    assert table.kind.tolist() == ["person"] * 3 + ["scripted"]
    assert table.instruction.tolist() == ["be quick"] * 3 + ["fold it"]
    assert table.source.tolist() == ["run"] * 4
    assert table.time.tolist() == [7.0] * 3 + [0.0]
    assert table.seconds.tolist()[:3] == [3.0] * 3
    assert math.isnan(table.seconds[3])
    # The ranking was shown as A, C, B: C, its first item, came after A and before B, and B after A.
    assert table.shown.tolist()[:3] == [1.0, -1.0, -1.0]
    assert math.isnan(table.shown[3])


def test_some_of_the_rows_are_a_table() -> None:
    table = Answers.of(QUERIES, FEEDBACK)
    few = table[np.array([False, True, False, True])]
    assert len(few) == 2
    assert (few.item.tolist(), few.labeler.tolist()) == ([[0, 2], [2, 1]], ["bob", "scripted-teacher"])
    assert few.items == table.items
    assert few.queries == table.queries
    assert table[np.array([3, 0])].p.tolist() == [0.75, 1.0]


def test_a_table_of_nothing_has_no_rows() -> None:
    table = Answers.of(QUERIES, FEEDBACK[1:3])
    assert len(table) == len(table[table.weight > 0]) == 0
    assert table.item.shape == (0, 2)
    assert candidate_target(table, states=1, candidates=3).weight.sum() == 0


def test_an_answer_without_its_question_is_reported() -> None:
    with pytest.raises(DataError, match="'lost', which is not among the 3 queries"):
        Answers.of(QUERIES, [Feedback("lost", Abstain("skipped"), "bob")])


def test_the_target_is_the_weighted_mean_of_the_rows() -> None:
    table = Answers.of(QUERIES[:2], [FEEDBACK[0], Feedback("ab", Preference(0.75), "ann"), FEEDBACK[3]])
    target = candidate_target(table, states=1, candidates=3)
    # Of a and b: 0.75 twice. The ranking asked about b and a the other way round, a tie of half weight.
    assert target.p[0].tolist() == [[0.5, 0.75, 0.5], [0.5, 0.5, 0.5], [1.0, 1.0, 0.5]]
    assert target.weight[0].tolist() == [[0, 2, 0], [0.5, 0, 0], [0.5, 0.5, 0]]
    whole = candidate_target(Answers.of(QUERIES[:2], [FEEDBACK[0], FEEDBACK[3]]), states=1, candidates=3)
    assert whole.weight[0].tolist() == [[0, 1, 0], [0.5, 0, 0], [0.5, 0.5, 0]]


def test_sums_are_taken_in_the_order_of_the_answers() -> None:
    """The target of many answers to one pair is the same to the last digit as that of a running sum."""
    weights = np.random.default_rng(0).uniform(size=200).tolist()
    said = np.random.default_rng(1).uniform(size=200).tolist()
    table = Answers.of(
        QUERIES, [Feedback("ab", Preference(p), "ann", "", weight) for p, weight in zip(said, weights, strict=True)]
    )
    votes = total = 0.0
    for p, weight in zip(said, weights, strict=True):
        votes, total = votes + p * weight, total + weight
    target = candidate_target(table, states=1, candidates=3)
    assert target.p[0, 0, 1].item() == np.float32(votes / total)
    assert target.weight[0, 0, 1].item() == np.float32(total)
