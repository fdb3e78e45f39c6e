"""Answers of which two of three are alike: what counts, what does not, and how teachers see items."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from robopref.data.labels.scaled_features import candidate_features, scaled, segment_features
from robopref.data.labels.segment_pairs import looked_up
from robopref.data.labels.triplets import SimilarityAnswers, candidates_of
from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query, SimilarityTriplet
from tests.offline_data import recorded

A, B, C = (Item("d", start, start + 2) for start in (0, 2, 4))
ODD = Query("odd/1", "similarity", (A, B, C))
PAIR = Query("pair", "pair", (A, B))


def lookup(item):
    return {"state": np.arange(12.0).reshape(6, 2)[item.start : item.stop]}


def items(questions):
    return looked_up(questions, lookup, keys=["state"])


def said(answer, labeler="ann", confidence=1.0, query=ODD):
    return Feedback(query.id, answer, labeler, confidence=confidence)


def test_abstentions_and_other_questions_never_enter():
    feedback = [
        said(Abstain("skipped")), said(SimilarityTriplet(2), "bob", 0.5), said(Preference(1.0), query=PAIR),
        said(SimilarityTriplet(0), "cat"),
    ]  # fmt: skip
    found = SimilarityAnswers.of([ODD, PAIR], feedback).triplets(items)
    assert found.odd.tolist() == [2, 0]
    assert found.weight.tolist() == [0.5, 1.0]
    assert found.items.part("state")[1, 2].tolist() == [[8, 9], [10, 11]]
    with pytest.raises(DataError, match=r"label\.kind=similarity"):
        SimilarityAnswers.of([ODD], feedback[:1]).triplets(items)


def test_filters_leave_rows_of_the_table():
    answers = SimilarityAnswers.of([ODD], [said(SimilarityTriplet(2), "bob"), said(SimilarityTriplet(0), "cat")])
    kept = replace(answers, table=answers.table[answers.table.labeler == "cat"])
    assert kept.triplets(items).odd.tolist() == [0]


class Store:
    path = "runs/mine/candidates.zarr"

    def array(self, name):
        return {"candidates": np.arange(24.0).reshape(2, 3, 2, 2), "proprio": np.array([[1.0], [2.0]])}[name]


def test_candidates_share_the_state_that_they_were_drawn_in():
    asked = [[Item("candidates", 1, 2, k) for k in (2, 0, 1)]]
    found = candidates_of(Store(), ["proprio"])(asked)
    assert found.part("proprio").shape == (1, 1, 1, 1)
    assert found.part("proprio").item() == 2
    assert found.part("action")[0, :, 0, 0, 0].tolist() == [20, 12, 16]
    with pytest.raises(DataError, match="come from different runs"):
        candidates_of(Store(), ["proprio"])([[Item("candidates", 2, 3, k) for k in range(3)]])


def test_features_are_in_units_of_their_spread():
    values = scaled(np.array([[0.0, 5.0], [2.0, 5.0]]))
    assert values.tolist() == [[-1, 0], [1, 0]]
    measures = {"height": np.array([[[1.0, 3.0], [4.0, np.nan]]]), "dull": np.ones((1, 2, 2))}
    find = candidate_features(measures)
    assert find(Item("candidates", 0, 1, 0)).tolist() == [-1, 0]  # means 2 and 4
    assert find(Item("candidates", 0, 1, 1)).tolist() == [1, 0]
    with pytest.raises(DataError, match="reports nothing"):
        candidate_features({})


def test_segments_are_alike_by_recorded_features_or_else_by_what_is_observed(tmp_path):
    store = recorded(tmp_path / "d.zarr", episodes=2, state=2, action=1)
    find = segment_features(store, None, ["state"])
    states = np.asarray(store.array("state"), float)
    mean = ((states - states.mean(0)) / states.std(0))[3:6].mean(0)
    np.testing.assert_allclose(find(Item("d", 3, 6)), mean, rtol=1e-6)
    assert segment_features(store, ["reward", "action"], [])(Item("d", 0, 4)).shape == (2,)
    with pytest.raises(DataError, match=r"label\.alike=\[\.\.\.\]"):
        segment_features(store, None, ["points"])


def test_weights_are_kept_when_rows_are_taken():
    found = SimilarityAnswers.of([ODD], [said(SimilarityTriplet(2), "bob", 0.5), said(SimilarityTriplet(0))])
    some = found.triplets(items)[torch.tensor([1])]
    assert (some.odd.tolist(), some.weight.tolist(), len(some)) == ([0], [1.0], 1)
