import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.rewards.weight_belief import GivenAnswer, WeightBelief, WeightPrior

PLAIN = NamedFeatures.standard(["one", "two"])
LIMITED = NamedFeatures(("one", "two"), np.zeros(2), np.ones(2), ("high", None))


def belief(features=PLAIN, scale=1.0, draws=2000, model=None, seed=0):
    prior = WeightPrior.open(features, scale)
    return WeightBelief.before(prior, model, draws=draws, rng=np.random.default_rng(seed))


def pairs(rng, count, weights=(2.0, -1.0)):
    items = rng.normal(size=(count, 2, 2))
    first = rng.random(count) < 1 / (1 + np.exp(-(items[:, 0] - items[:, 1]) @ np.array(weights)))
    return [
        GivenAnswer(TypedQuestion("pair", one), np.array([p, 1 - p], dtype=float))
        for one, p in zip(items, first, strict=True)
    ]


def test_before_any_answer_it_is_the_prior():
    found = belief(scale=2.0, draws=4000)
    np.testing.assert_allclose(found.rewards.weights.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(found.rewards.weights.std(0), 2, atol=0.1)


def test_one_answer_agrees_with_the_integral():
    # Posterior mean of w after P = sigma(w) under N(0, 1), by quadrature.
    w = np.linspace(-8, 8, 4001)
    density = np.exp(-(w**2) / 2) / (1 + np.exp(-w))
    told = GivenAnswer(TypedQuestion("pair", np.array([[1.0, 0.0], [0.0, 0.0]])), np.array([1.0, 0.0]))
    found = belief(draws=6000).told([told], np.random.default_rng(1))
    assert found.rewards.weights[:, 0].mean() == pytest.approx((w * density).sum() / density.sum(), abs=0.04)
    assert found.rewards.weights[:, 1].mean() == pytest.approx(0, abs=0.05)


def test_many_answers_one_by_one_agree_with_the_integral():
    rng = np.random.default_rng(0)
    answers, found = pairs(rng, 60), belief(scale=3.0, draws=1000)
    for start in range(0, 60, 10):
        found = found.told(answers[start : start + 10], rng)
    grid = np.stack(np.meshgrid(np.linspace(-10, 10, 201), np.linspace(-10, 10, 201)), -1).reshape(-1, 2)
    signed = [(one.question.items[0] - one.question.items[1]) * np.sign(one.answer[0] - 0.5) for one in answers]
    log_density = -(grid**2).sum(1) / 18 - np.logaddexp(0, -grid @ np.stack(signed).T).sum(1)
    density = np.exp(log_density - log_density.max())
    mean = density @ grid / density.sum()
    spread = np.sqrt(density @ (grid - mean) ** 2 / density.sum())
    np.testing.assert_allclose(found.rewards.weights.mean(0), mean, atol=0.08)
    np.testing.assert_allclose(found.rewards.weights.std(0), spread, rtol=0.12)


def test_an_answer_of_no_confidence_tells_nothing():
    told = pairs(np.random.default_rng(0), 40)
    found = belief().told([GivenAnswer(one.question, one.answer, 0.0) for one in told], np.random.default_rng(1))
    np.testing.assert_allclose(found.rewards.weights.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(found.rewards.weights.std(0), 1, atol=0.1)


def test_a_direction_gives_a_weight_its_sign():
    less = GivenAnswer(TypedQuestion("feature", np.zeros((0, 2)), 1), np.array([1.0, 0.0, 0.0]))
    found = belief().told([less], np.random.default_rng(1)).rewards.weights
    assert (found[:, 1] < 0).mean() > 0.95
    assert abs((found[:, 0] < 0).mean() - 0.5) < 0.05


def test_what_does_not_matter_gets_a_small_weight():
    neither = GivenAnswer(TypedQuestion("feature", np.zeros((0, 2)), 1), np.array([0.0, 1.0, 0.0]))
    before, after = belief(), belief().told([neither], np.random.default_rng(1))
    assert np.abs(after.rewards.weights[:, 1]).mean() < 0.4 * np.abs(before.rewards.weights[:, 1]).mean()


def test_a_threshold_places_the_limit_and_says_what_is_bad():
    model = AnswerModel(vague=0.02)
    said = np.zeros(model.steps)
    said[6] = 1  # 0.3
    told = GivenAnswer(TypedQuestion("threshold", np.zeros((0, 2)), 0), said)
    found = belief(LIMITED, model=model).told([told], np.random.default_rng(1)).rewards
    bad = found.weights[:, 0] < 0
    assert bad.mean() > 0.9
    assert found.limits[bad, 0].mean() == pytest.approx(0.3, abs=0.03)


def test_a_known_limit_is_taken_as_it_is():
    prior = WeightPrior(LIMITED, np.zeros(2), np.ones(2), np.array([0.4, np.nan]))
    found = WeightBelief.before(prior, draws=10, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found.rewards.limits[:, 0], 0.4)


def test_the_same_seed_gives_the_same_belief():
    one, two = (belief().told(pairs(np.random.default_rng(0), 5), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.drawn, two.drawn)
    assert len(one.answers) == 5


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="two draws"):
        belief(draws=1)
    with pytest.raises(ConfigError, match="one for each feature"):
        WeightPrior(PLAIN, np.zeros(3), np.ones(2), np.zeros(2))
    with pytest.raises(ConfigError, match="positive standard deviation"):
        WeightPrior(PLAIN, np.zeros(2), np.zeros(2), np.zeros(2))
