import numpy as np
import pytest

from robopref.errors import DataError
from robopref.querying.selectors.duels import dueling_thompson


def test_sure_members_send_their_favourites():
    # One member likes item 2, the other item 0; whoever is drawn, item 1 comes last.
    scores = np.array([[[0.0, -9.0, 5.0]], [[5.0, -9.0, 0.0]]])
    for seed in range(10):
        assert set(dueling_thompson(scores, np.random.default_rng(seed))[0].tolist()) == {0, 2}


def test_a_pair_has_two_items_however_sure_everyone_is():
    pairs = dueling_thompson(np.tile([3.0, 2.0, 1.0], (4, 50, 1)), np.random.default_rng(0))
    assert (pairs == [0, 1]).all()


def test_favourites_are_drawn_as_often_as_members_name_them():
    # Three of four members name item 0, one names item 1.
    scores = np.repeat(np.array([[[2.0, 1, 0]]] * 3 + [[[1.0, 2, 0]]]), 4000, axis=1)
    pairs = dueling_thompson(scores, np.random.default_rng(0))
    assert (pairs[:, 0] == 0).mean() == pytest.approx(0.75, abs=0.03)


def test_the_scores_are_left_as_they_were():
    scores = np.random.default_rng(0).normal(size=(3, 4, 5))
    before = scores.copy()
    dueling_thompson(scores, np.random.default_rng(1))
    np.testing.assert_array_equal(scores, before)


def test_one_item_is_no_duel():
    with pytest.raises(DataError, match="two items"):
        dueling_thompson(np.zeros((2, 3, 1)), np.random.default_rng(0))
