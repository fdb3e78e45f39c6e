import itertools

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.listwise import plackett_luce
from robopref.rewards.answer_likelihood import (
    AnswerModel,
    TypedQuestion,
    information_of,
    order_log_chance,
    orders,
    ranks_log_chance,
)
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.scores import PairTarget, Scores

PLAIN = NamedFeatures.standard(["one", "two"])
LIMITED = NamedFeatures(("one", "two"), np.zeros(2), np.ones(2), ("high", "low"))


def reward(*weights, features=PLAIN, limits=(0, 0)):
    return LinearRewards(features, np.array([weights], dtype=float), np.array([limits], dtype=float))


def about(kind, *items):
    return TypedQuestion(kind, np.array(items, dtype=float))


def of_feature(kind, feature):
    return TypedQuestion(kind, np.zeros((0, 2)), feature)


def test_a_pair_by_hand():
    # r = 2 * 1 and 1 * 1, rationality 0.5: sigma(0.5) = 0.62246.
    found = AnswerModel(rationality=0.5).chances(about("pair", [1, 0], [0, 1]), reward(2, 1))
    np.testing.assert_allclose(found, [[0.62246, 0.37754]], atol=1e-5)


def test_a_slight_preference_is_a_cross_entropy():
    # 0.75 log sigma(1) + 0.25 log sigma(-1) = -0.75 * 0.31326 - 0.25 * 1.31326
    found = AnswerModel().log_likelihood(about("pair", [1, 0], [0, 1]), np.array([0.75, 0.25]), reward(2, 1))
    assert found[0] == pytest.approx(-0.56326, abs=1e-5)


def test_an_order_by_hand():
    # Worth 2, 1, 0: e^2 / (e^2 + e + 1) * e / (e + 1) = 0.66524 * 0.73106.
    worth = np.array([[2.0, 1.0, 0.0]])
    assert np.exp(order_log_chance(worth, np.array([0, 1, 2])))[0] == pytest.approx(0.48633, abs=1e-5)
    assert sum(np.exp(order_log_chance(worth, order))[0] for order in orders(3)) == pytest.approx(1)


def test_tied_ranks_are_those_of_the_objective():
    values = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=torch.float64)
    ranks = (0, 1, 1, 2)
    p, weight = torch.full((1, 4, 4), 0.5), torch.zeros(1, 4, 4)
    for i, j in itertools.combinations(range(4), 2):
        p[0, i, j], weight[0, i, j] = 0.5 + 0.5 * np.sign(ranks[j] - ranks[i]), 1
    # Two stages: e^2 of all, then e + 1 of the other three.
    loss = plackett_luce(Scores(values), PairTarget(p.double(), weight.double())).total
    assert ranks_log_chance(values.numpy(), np.array(ranks))[0] == pytest.approx(-2 * float(loss))


def test_a_ranking_of_two_is_a_pair():
    items, found = ([1, 0], [0, 1]), AnswerModel()
    ranked = found.log_likelihood(about("ranking", *items), np.array([1.0, 0.0]), reward(2, 1))
    paired = found.log_likelihood(about("pair", *items), np.array([0.0, 1.0]), reward(2, 1))
    np.testing.assert_allclose(ranked, paired)


def test_the_odd_one_of_three_by_hand():
    # Weighted features 0, 1 and 3: the others differ by 2, 3 and 1, squared 4, 9 and 1.
    found = AnswerModel().chances(about("similarity", [0, 5], [0.5, 1], [1.5, 2]), reward(2, 0))
    share = np.exp([-4, -9, -1])
    np.testing.assert_allclose(found[0], share / share.sum())


def test_similarity_does_not_tell_the_sign_of_a_weight():
    question, model = about("similarity", [0, 1], [1, 0], [2, 2]), AnswerModel()
    np.testing.assert_allclose(model.chances(question, reward(2, 1)), model.chances(question, reward(-2, 1)))


def test_a_rating_by_hand():
    # sigma(2 - 2) = 0.5 of an item worth as much as a usual one; levels 0, 0.5, 1, spread 0.5: e^-0.5, 1, e^-0.5.
    model = AnswerModel(levels=3, spread=0.5, usual=np.array([0.0, 2.0]))
    found = model.chances(about("rating", [1, 0]), reward(2, 1))
    np.testing.assert_allclose(found[0], np.array([0.60653, 1, 0.60653]) / 2.21306, atol=1e-5)


def test_relevance_by_hand():
    # x = 1 / 2, sharpness 4, dead zone 0.25: sigma(1) = 0.73106 more, sigma(-3) = 0.04743 less.
    found = AnswerModel(sharpness=4, dead_zone=0.25).chances(of_feature("feature", 1), reward(-2, 1))
    np.testing.assert_allclose(found, [[0.04743, 0.22152, 0.73106]], atol=1e-5)


def test_relevance_is_relative_to_the_largest_weight():
    question = of_feature("feature", 0)
    np.testing.assert_allclose(
        AnswerModel().chances(question, reward(0.3, 0.1)), AnswerModel().chances(question, reward(30, 10))
    )


def test_that_it_matters_leaves_the_direction_open():
    # log(P(less) + P(more)) of the numbers above.
    model = AnswerModel(sharpness=4, dead_zone=0.25)
    found = model.log_likelihood(of_feature("feature", 1), np.array([1.0, 0.0, 1.0]), reward(-2, 1))
    assert found[0] == pytest.approx(np.log(0.77848), abs=1e-4)


def test_a_threshold_by_hand():
    # Marks 0, 0.5, 1; the limit is 0.5, error 0.5: e^-0.5, 1, e^-0.5 of 2.21306. It is bad with sigma(4 - 1) = 0.95257
    # of a feature of which less is better; else nothing is too much, 1. A tenth is any: a thirtieth each.
    model = AnswerModel(sharpness=4, dead_zone=0.25, steps=3, error=0.5)
    found = model.chances(of_feature("threshold", 0), reward(-1, 0, features=LIMITED, limits=(0.5, 0)))
    bad = 0.95257 * np.array([0.27407, 0.45187, 0.27407]) + 0.04743 * np.array([0, 0, 1])
    np.testing.assert_allclose(found[0], 0.9 * bad + 0.1 / 3, atol=1e-5)


def test_nothing_is_too_much_of_what_is_good():
    found = AnswerModel().chances(of_feature("threshold", 0), reward(1, 0, features=LIMITED, limits=(0.5, 0)))
    assert found[0].argmax() == len(found[0]) - 1
    low = AnswerModel().chances(of_feature("threshold", 1), reward(0.1, -1, features=LIMITED, limits=(0.5, 0.5)))
    assert low[0].argmax() == 0


@pytest.mark.parametrize("kind", ["pair", "ranking", "similarity", "rating", "feature", "threshold"])
def test_chances_of_every_kind_add_up(kind):
    count = {"pair": 2, "ranking": 3, "similarity": 3, "rating": 1}.get(kind, 0)
    rng = np.random.default_rng(0)
    question = TypedQuestion(kind, rng.normal(size=(count, 2)), None if count else 1)
    many = LinearRewards(LIMITED, rng.normal(size=(50, 2)), rng.uniform(size=(50, 2)))
    chances = AnswerModel().chances(question, many)
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-9)


def test_information_by_hand():
    # Two that always differ tell who answered: log 2. Chances 0.9 and 0.1: log 2 - H(0.9) = 0.69315 - 0.32508.
    assert information_of(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(np.log(2))
    assert information_of(np.array([[0.9, 0.1], [0.1, 0.9]])) == pytest.approx(0.36807, abs=1e-5)
    assert information_of(np.array([[0.5, 0.5], [0.5, 0.5]])) == pytest.approx(0)


def test_drawn_orders_tell_about_as_much_as_listed_ones():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(5, 2))
    many = LinearRewards(PLAIN, 2 * rng.normal(size=(600, 2)), np.zeros((600, 2)))
    drawn = AnswerModel().information(TypedQuestion("ranking", items), many, rng)
    worth = many.score(items)
    listed = information_of(np.exp(np.stack([order_log_chance(worth, order) for order in orders(5)], axis=1)))
    assert drawn == pytest.approx(float(listed), rel=0.1)


def test_a_longer_ranking_tells_more():
    rng = np.random.default_rng(0)
    items, many = rng.normal(size=(6, 2)), LinearRewards(PLAIN, rng.normal(size=(400, 2)), np.zeros((400, 2)))
    told = [AnswerModel().information(TypedQuestion("ranking", items[:k]), many, rng) for k in (2, 4, 6)]
    assert told == sorted(told)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="of kind pair"):
        TypedQuestion("pear", np.zeros((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="say which"):
        TypedQuestion("feature", np.zeros((0, 2)))
    with pytest.raises(ConfigError, match="has no limit"):
        AnswerModel().chances(of_feature("threshold", 0), reward(1, 0))
    with pytest.raises(ConfigError, match="too many to list"):
        AnswerModel().chances(TypedQuestion("ranking", np.zeros((5, 2))), reward(1, 0))
    with pytest.raises(ConfigError, match="rationality must be positive"):
        AnswerModel(rationality=0)
    with pytest.raises(ConfigError, match="vague must be"):
        AnswerModel(vague=1)
