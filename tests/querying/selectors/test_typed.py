from dataclasses import dataclass

import numpy as np
import pytest

from robopref.querying.briefs import Brief, KnownFeature
from robopref.querying.question_value import QuestionValue
from robopref.querying.selectors.informed import InformedSelector
from robopref.querying.selectors.typed import TypedSelector, alike_answers, information_selector
from robopref.records import Item, Query
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.rewards.weight_belief import WeightBelief

FEATURES = NamedFeatures.standard(["one", "two"])
NOTHING = Brief()


@dataclass
class Known:
    value: QuestionValue

    def question(self, query):
        if query.id.startswith("feature"):
            return TypedQuestion("feature", np.zeros((0, 2)), int(query.id[-1]))
        return TypedQuestion("pair", np.array([[item.start, item.stop - 1] for item in query.items], dtype=float) / 10)


def known(brief=NOTHING, seconds=None):
    belief = WeightBelief.before(brief.prior(FEATURES), rng=np.random.default_rng(0))
    return Known(QuestionValue(belief, brief, seconds or {"pair": 6.0, "feature": 4.0}))


def pair(one, two):
    items = tuple(Item("drawn", first, second + 1) for first, second in (one, two))
    return Query(f"pair {one} {two}", "pair", items)


def about(feature):
    return Query(f"feature {feature}", "pair", (Item("drawn", 0, 1), Item("drawn", 0, 1)))  # told apart by its id


POOL = [pair((0, 0), (1, 0)), pair((0, 0), (9, 0)), pair((8, 1), (0, 1)), pair((0, 0), (0, 8)), about(0), about(1)]


def ids(chosen):
    return [query.id for query in chosen]


def test_the_most_valuable_kind_is_asked_first():
    assert ids(TypedSelector(known()).select(POOL, 1))[0].startswith("feature")
    dear = known(seconds={"pair": 1.0, "feature": 400.0})
    assert ids(TypedSelector(dear).select(POOL, 1)) == ["pair (0, 0) (9, 0)"]


def test_a_batch_does_not_ask_the_same_twice():
    chosen = ids(TypedSelector(known(seconds={"pair": 1.0, "feature": 400.0})).select(POOL, 2))
    assert chosen == ["pair (0, 0) (9, 0)", "pair (0, 0) (0, 8)"]  # and not (8, 1) (0, 1), the other way round


def test_what_the_brief_says_is_not_asked():
    brief = Brief(features={"one": KnownFeature(effect=1.0), "two": KnownFeature(direction="more")})
    chosen = ids(TypedSelector(known(brief)).select(POOL, 99))
    assert "feature 0" not in chosen
    assert "feature 1" not in chosen
    assert "pair (0, 0) (0, 8)" in chosen


def test_nothing_is_chosen_of_nothing():
    assert TypedSelector(known()).select([], 3) == []
    assert TypedSelector(known()).select(POOL, 0) == []


def test_alike_answers_by_hand():
    # Two rewards that differ in the first weight alone: the pairs depend on it alike, whichever way round.
    rewards = LinearRewards(FEATURES, np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros((2, 2)))
    questions = [TypedQuestion("pair", np.array(items, dtype=float))
                 for items in ([[1, 0], [0, 0]], [[0, 3], [5, 3]], [[0, 1], [0, 0]])]  # fmt: skip
    np.testing.assert_allclose(
        alike_answers(questions, rewards, AnswerModel()), [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-9
    )


def test_answers_of_all_kinds_can_be_compared():
    rng = np.random.default_rng(0)
    rewards = LinearRewards(FEATURES, rng.normal(size=(40, 2)), np.zeros((40, 2)))
    questions = [TypedQuestion(kind, rng.normal(size=(count, 2)))
                 for kind, count in (("pair", 2), ("ranking", 6), ("similarity", 3), ("rating", 1))]  # fmt: skip
    found = alike_answers([*questions, TypedQuestion("feature", np.zeros((0, 2)), 1)], rewards, AnswerModel())
    assert found.shape == (5, 5)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found, found.T)


def test_information_is_of_named_features_if_they_are_known_and_of_trained_rewards_else():
    assert isinstance(information_selector(known()), TypedSelector)
    assert isinstance(information_selector(lambda item: np.zeros(3)), InformedSelector)


@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_the_same_again(seed):
    one, two = (ids(TypedSelector(known(), seed).select(POOL, 4)) for _ in range(2))
    assert one == two
