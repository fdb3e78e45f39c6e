import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.rewards.linear import fit_linear, fit_linear_by_evidence

NONE = np.zeros((0, 2))


def pairs(count, noise=1.0, seed=0, weights=(2.0, -1.0)):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, count, len(weights)))
    chance = 1 / (1 + np.exp(-(first - second) @ np.array(weights) / noise))
    return first, second, (rng.random(count) < chance).astype(float)


def test_without_answers_the_posterior_is_the_prior():
    reward = fit_linear(NONE, NONE, np.zeros(0), scale=3.0)
    np.testing.assert_allclose(reward.mean, 0)
    np.testing.assert_allclose(reward.covariance, 9 * np.eye(2))
    assert reward.evidence == pytest.approx(0)


def test_one_answer_by_hand():
    # x = 1, p = 1, scale 1: sigmoid(-w) = w, which w = 0.40106 solves; variance 1 / (1 + w (1 - w)).
    reward = fit_linear(np.ones((1, 1)), np.zeros((1, 1)), np.ones(1))
    assert reward.mean[0] == pytest.approx(0.40106, abs=1e-5)
    assert reward.covariance[0, 0] == pytest.approx(1 / (1 + 0.40106 * 0.59894), abs=1e-4)
    # -log(1 + e^-w) - w^2 / 2 - log(1 + w (1 - w)) / 2
    assert reward.evidence == pytest.approx(np.log(0.59894) - 0.08042 - 0.10761, abs=1e-4)


def test_the_posterior_holds_the_truth_and_narrows():
    few, many = (fit_linear(*pairs(count), scale=3.0) for count in (20, 2000))
    error = many.mean - np.array([2.0, -1.0])
    assert error @ np.linalg.solve(many.covariance, error) < 9.2  # 99 % of two dimensions
    assert np.trace(many.covariance) < np.trace(few.covariance) / 20


def test_swapping_pairs_changes_nothing():
    first, second, p = pairs(30)
    one, two = fit_linear(first, second, p), fit_linear(second, first, 1 - p)
    np.testing.assert_allclose(one.mean, two.mean)
    assert one.evidence == pytest.approx(two.evidence)


def test_far_apart_items_do_not_break_newton():
    first, second, p = pairs(30)
    near, far = (fit_linear(unit * first, unit * second, p, scale=1e5 / unit) for unit in (1, 1e4))
    np.testing.assert_allclose(1e4 * far.mean, near.mean, rtol=1e-6)


def test_evidence_distrusts_answers_that_say_nothing():
    first, second, p = pairs(60)
    told = fit_linear_by_evidence(first, second, p)
    coin = fit_linear_by_evidence(first, second, np.random.default_rng(1).integers(0, 2, 60).astype(float))
    assert np.abs(told.mean).sum() > 5 * np.abs(coin.mean).sum()


def test_draws_vary_as_the_posterior_does():
    reward = fit_linear(*pairs(50))
    features = np.array([[1.0, 0.0], [0.0, 1.0]])
    drawn = reward.draws(features, 20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, 2)
    np.testing.assert_allclose(np.cov(drawn.T), reward.covariance, atol=0.02)
    np.testing.assert_allclose(drawn.mean(0), reward.score(features), atol=0.02)


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="scale"):
        fit_linear(NONE, NONE, np.zeros(0), scale=0)
    with pytest.raises(DataError, match=r"\(N,\)"):
        fit_linear(NONE, NONE, np.zeros(3))
