import numpy as np
import pytest

from robopref.data.labels.segment_pairs import gather_segments, summary_features
from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query, Rating

LONG, SHORT, OTHER = Item("rope", 0, 4), Item("rope", 4, 6), Item("rope", 6, 9)
QUERIES = [Query("a", "pair", (LONG, SHORT)), Query("b", "pair", (OTHER, LONG))]


def lookup(item):
    state = np.arange(20.0).reshape(10, 2)[item.start : item.stop]
    return {"state": state, "action": -state[:, :1]}


def given(query_id, p, confidence=1.0):
    return Feedback(query_id, Preference(p), "ann", confidence=confidence)


def test_steps_are_states_and_actions_padded_to_the_longest_segment():
    data = gather_segments(QUERIES, [given("a", 1)], lookup)
    assert list(data.items.steps) == ["state", "action"]
    assert data.items.part("state")[0, 1].tolist() == [[8, 9], [10, 11], [0, 0], [0, 0]]
    assert data.items.part("action")[0, 1].tolist() == [[-8], [-10], [0], [0]]
    assert data.items.weight[0].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_answers_to_a_pair_are_averaged_by_confidence():
    data = gather_segments(QUERIES, [given("b", 1.0), given("b", 0.0, 0.25), given("a", 0.5)], lookup)
    assert data.target.p[:, 0, 1].tolist() == [0.5, pytest.approx(1 / 1.25)]
    assert data.target.weight[:, 0, 1].tolist() == [1, 1.25]
    assert data.target.weight[:, 1, 0].tolist() == [0, 0]


def test_abstentions_and_other_questions_add_nothing():
    rating = Query("r", "rating", (LONG,))
    feedback = [Feedback("a", Abstain("skipped"), "ann"), given("b", 1), Feedback("r", Rating(1), "ann")]
    assert len(gather_segments([*QUERIES, rating], feedback, lookup)) == 1
    with pytest.raises(DataError, match="no answered pair"):
        gather_segments(QUERIES, feedback[:1], lookup)


def test_a_missing_array_is_named():
    with pytest.raises(DataError, match=r"has no reward; it has state, action"):
        gather_segments(QUERIES, [given("a", 1)], lookup, keys=("state", "reward"))


def test_segments_of_other_sizes_are_refused():
    sizes = {0: 2, 4: 3}
    with pytest.raises(DataError, match=r"state of one size at every step, got \['\(2,\)', '\(3,\)'\]"):
        gather_segments(
            QUERIES[:1],
            [given("a", 1)],
            lambda i: {"state": np.zeros((i.stop - i.start, sizes[i.start]))},
            keys=["state"],
        )


def test_summary_features_by_hand():
    steps = np.array([[3.0], [-1.0], [1.0], [100.0]])
    features = summary_features(steps, np.array([1, 1, 1, 0]))
    # Mean, mean size, least, greatest, last less first of 3, -1, 1.
    np.testing.assert_allclose(features, [1, 5 / 3, -1, 3, -2])


def test_summary_features_take_any_batch():
    steps = np.random.default_rng(0).normal(size=(4, 2, 5, 3))
    weight = np.ones((4, 2, 5))
    whole = summary_features(steps, weight)
    assert whole.shape == (4, 2, 15)
    np.testing.assert_allclose(whole[2, 1], summary_features(steps[2, 1], weight[2, 1]))


def test_items_are_called_what_the_answers_call_them():
    called = gather_segments(QUERIES, [given("b", 1.0), given("a", 0.5)], lookup).called
    assert [[called.names[item] for item in pair] for pair in called.index] == [[LONG, SHORT], [OTHER, LONG]]
