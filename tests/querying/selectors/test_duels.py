from itertools import combinations

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.protocols import Selector
from robopref.querying.selectors.duels import DuelSelector, dueling_thompson
from robopref.records import Item, Query


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


def state_pairs(state: int) -> list[Query]:
    items = [Item("rope", state, state + 1, k) for k in range(4)]
    return [Query(f"{state}/{i}-{j}", "pair", (items[i], items[j])) for i, j in combinations(range(4), 2)]


def test_duels_are_asked_in_every_state_before_other_pairs():
    # The members' favourites are 0 and 2; whoever agrees duels with the next best, which is 1 for both.
    scores = {0: (4.0, 1.0), 1: (2.0, 2.0), 2: (1.0, 4.0), 3: (0.0, 0.0)}
    selector = DuelSelector(lambda item: np.array(scores[item.candidate]), seed=0)
    assert isinstance(selector, Selector)
    pool = [query for state in range(3) for query in state_pairs(state)]
    first = selector.select(pool, 3)
    assert sorted(query.items[0].start for query in first) == [0, 1, 2]
    # Three duels a state are possible: 0-2, 0-1 and 1-2; nobody's favourite is 3.
    duels = [query.id for query in selector.select(pool, 9)]
    assert sorted(duels) == sorted(f"{state}/{pair}" for state in range(3) for pair in ("0-1", "0-2", "1-2"))
    assert {query.id for query in selector.select(pool, 99)} == {query.id for query in pool}
    assert selector.select(pool, 5) == selector.select(pool, 5)
    assert list(selector.select(pool, 0)) == list(selector.select([], 5)) == []


def test_what_was_asked_is_not_drawn_again():
    scores = {0: (4.0, 1.0), 1: (2.0, 2.0), 2: (1.0, 4.0), 3: (0.0, 0.0)}
    left = [query for query in state_pairs(0) if query.id != "0/0-2"]
    chosen = DuelSelector(lambda item: np.array(scores[item.candidate])).select(left, 2)
    assert {query.id for query in chosen} == {"0/0-1", "0/1-2"}
