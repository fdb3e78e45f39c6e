import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.protocols import Selector
from robopref.querying.selectors.information import entropy
from robopref.querying.selectors.informed import InformedSelector, diverse_selector, embedded_selector
from robopref.records import Item, Query


def item(number):
    return Item("rope", number, number + 1)


def pair(i, j):
    return Query(f"{i}-{j}", "pair", (item(i), item(j)))


# Scores by two members: both find 0 and 1 equal; they disagree on 2, and agree that 3 is far better.
SCORES = {0: (0.0, 0.0), 1: (0.0, 0.0), 2: (3.0, -3.0), 3: (9.0, 9.0)}
POOL = [pair(0, 1), pair(0, 3), pair(0, 2), pair(2, 1)]


def scores(of):
    return np.array(SCORES[of.start])


def ids(queries):
    return [query.id for query in queries]


def test_what_splits_the_members_is_asked_first():
    selector = InformedSelector(scores)
    assert isinstance(selector, Selector)
    assert ids(selector.select(POOL, 2)) == ["0-2", "2-1"]


def test_another_measure_asks_for_other_pairs():
    assert ids(InformedSelector(scores, entropy).select(POOL, 3)) == ["0-1", "0-2", "2-1"]


def test_a_diverse_batch_does_not_ask_the_same_twice():
    # By the embedding, 0-2 and 2-1 ask the same; 0-3 asks something else and tells a little.
    embeddings = {0: (0.0, 0.0), 1: (0.0, 0.0), 2: (1.0, 0.0), 3: (0.0, 1.0)}
    members = {**SCORES, 3: (2.0, 0.0)}
    selector = InformedSelector(lambda of: np.array(members[of.start]), embed=lambda of: np.array(embeddings[of.start]))
    assert ids(selector.select(POOL, 2)) == ["0-2", "0-3"]
    assert sorted(ids(selector.select(POOL, 4))) == sorted(ids(POOL))


def test_a_quick_question_can_be_worth_more():
    selector = InformedSelector(scores, seconds=lambda query: 9.0 if query.id == "0-2" else 1.0)
    assert ids(selector.select(POOL, 1)) == ["2-1"]


def test_small_budgets_and_pools():
    assert list(InformedSelector(scores).select([], 3)) == []
    assert list(InformedSelector(scores).select(POOL, 0)) == []
    assert len(InformedSelector(scores).select(POOL, 99)) == 4


def test_an_ordering_tells_what_its_pairs_tell_on_average():
    # Members agree on all pairs of the first, contradict each other on two of three of the second, and on the only one.
    orders = [("sure", (0, 1, 3)), ("split", (0, 1, 2)), ("pair", (0, 2))]
    pool = [Query(name, "ranking" if len(of) > 2 else "pair", tuple(map(item, of))) for name, of in orders]
    assert ids(InformedSelector(scores).select(pool, 3)) == ["pair", "split", "sure"]
    with pytest.raises(ConfigError, match="as many items each"):
        diverse_selector(scores).select(pool, 2)
    assert len(diverse_selector(scores).select(pool[:2], 2)) == 2


def test_only_pairs_and_orderings_can_be_chosen():
    rating = Query("r", "rating", (item(0),))
    with pytest.raises(ConfigError, match="only pairs and orderings"):
        InformedSelector(scores).select([rating], 1)


def test_a_diverse_batch_splits_the_members_in_different_ways():
    # Of three members, 1 and 2 are judged alike up to scale, by the first against the others; 3 splits the last two.
    members = {0: (0.0, 0.0, 0.0), 1: (3.0, -1.5, -1.5), 2: (2.8, -1.4, -1.4), 3: (0.0, 2.0, -2.0)}
    pool = [pair(0, 1), pair(0, 2), pair(0, 3)]
    by_information = InformedSelector(lambda of: np.array(members[of.start]))
    assert ids(by_information.select(pool, 2)) == ["0-1", "0-2"]
    diverse = diverse_selector(lambda of: np.array(members[of.start]))
    assert ids(diverse.select(pool, 2)) == ["0-1", "0-3"]
    assert ids(diverse.select(pool, 3)) == ["0-1", "0-3", "0-2"]


def test_an_embedding_says_which_questions_differ() -> None:
    # All three pairs tell as much; the first two differ in the same direction of the embedding.
    scores = {0: [1.0, -1.0], 1: [0.0, 0.0]}
    places = {0: [0.0, 0.0], 1: [1.0, 0.0], 2: [2.0, 0.0], 3: [0.0, 3.0]}
    pool = [Query(f"{k}", "pair", (Item("d", 0, 1), Item("d", k, k + 1))) for k in (1, 2, 3)]
    selector = embedded_selector(
        lambda of: np.array(scores[min(of.start, 1)]), embed=lambda of: np.array(places[of.start])
    )
    assert [query.id for query in selector.select(pool, 2)] == ["1", "3"]
