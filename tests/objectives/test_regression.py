"""Regressing score differences: IPO, vote shares, and squares of noisy differences."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.regression import identity_preference, squared_error, vote_regression
from robopref.scores import PairTarget, Scores
from tests.objectives.preferences import drawn, preferences, scores


def test_identity_preference_by_hand() -> None:
    # (1 - 0.5)^2 = 0.25 as preferred, (1 + 0.5)^2 = 2.25 otherwise, 0.75 * 0.25 + 0.25 * 2.25 = 0.75 for a soft label.
    for p, expected in ((1.0, 0.25), (0.0, 2.25), (0.75, 0.75)):
        loss = identity_preference(scores(1, 0), preferences(2, (0, 1, p, 1.0)))
        assert loss.total.item() == pytest.approx(expected, abs=1e-6)


def test_identity_preference_is_the_papers_up_to_its_scale() -> None:
    # Azar et al., eq. 17: (h - 1 / (2 tau))^2 of the log-ratio difference h; here the scores are tau times log-ratios.
    tau, h = 0.2, 1.3
    ours = identity_preference(scores(tau * h, 0), preferences(2, (0, 1, 1.0, 1.0))).total.item()
    assert ours / tau**2 == pytest.approx((h - 1 / (2 * tau)) ** 2, abs=1e-5)


def test_vote_regression_by_hand() -> None:
    # Three of four votes: logit(0.75) = log 3 = 1.098612; (2 - 1.098612)^2 = 0.812500
    loss = vote_regression(scores(2, 0), preferences(2, (0, 1, 0.75, 1.0)))
    assert loss.total.item() == pytest.approx(0.8125, abs=1e-4)


def test_unanimous_votes_are_clipped() -> None:
    # logit(0.98) = log 49 = 3.891820
    given = scores(math.log(49), 0)
    loss = vote_regression(given, preferences(2, (0, 1, 1.0, 1.0)), clip=0.02).total
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-9)
    assert given.value.grad.abs().max() < 1e-5


@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("objective", [identity_preference, vote_regression])
def test_asking_the_other_way_round_changes_nothing(objective, p: float) -> None:
    one = objective(scores(1.5, -0.5), preferences(2, (0, 1, p, 2.0))).total
    other = objective(scores(1.5, -0.5), preferences(2, (1, 0, 1 - p, 2.0))).total
    assert one.item() == pytest.approx(other.item(), abs=1e-5)


@pytest.mark.parametrize("objective", [identity_preference, vote_regression])
def test_descent_raises_the_better_and_a_common_shift_cancels(objective) -> None:
    target, given = preferences(2, (0, 1, 1.0, 1.0)), scores(0.1, 0)
    loss = objective(given, target).total
    loss.backward()
    better, worse = given.value.grad[0].tolist()
    assert better < 0 < worse
    assert objective(scores(8.1, 8), target).total.item() == pytest.approx(loss.item(), abs=1e-5)


def test_squares_of_draws_by_hand() -> None:
    # Draws of the difference 3 and 1, aim 0.5: the product of the two errors, 2.5 * 0.5 = 1.25, and not the square of
    # the mean error, 1.5^2 = 2.25.
    given = drawn((3.0, 2.0), (0.0, 1.0))
    aim = torch.full((1, 2, 2), 0.5)
    assert squared_error(given, aim)[0, 0, 1].item() == pytest.approx(1.25)
    assert squared_error(Scores(given.value), aim)[0, 0, 1].item() == pytest.approx(2.25)


@pytest.mark.parametrize("count", [2, 8])
def test_squares_of_draws_have_no_bias(count: int) -> None:
    # Differences N(1, 2) to an aim of 0.25: 0.75^2 = 0.5625; the plain square would add 2 / count.
    noise = torch.randn(200_000, 2, count, generator=torch.Generator().manual_seed(0))
    draws = noise + torch.tensor([1.0, 0.0])[:, None]
    aim = torch.full((1, 2, 2), 0.25)
    estimate = squared_error(Scores(draws.mean(-1), draws=draws), aim)[:, 0, 1]
    standard_error = estimate.std().item() / len(estimate) ** 0.5
    assert estimate.mean().item() == pytest.approx(0.5625, abs=4 * standard_error)
    plain = squared_error(Scores(draws.mean(-1)), aim)[:, 0, 1].mean().item()
    assert plain == pytest.approx(0.5625 + 2 / count, abs=0.03)


def test_pairs_of_weight_zero_are_left_out() -> None:
    target = PairTarget(torch.ones(1, 3, 3), preferences(3, (0, 1, 1.0, 1.0)).weight)
    assert identity_preference(scores(1, 0, math.inf), target).total.item() == pytest.approx(0.25)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="distance must be positive, got -1"):
        identity_preference(scores(1, 0), preferences(2), distance=-1)
    with pytest.raises(ConfigError, match=r"clip must be in \(0, 0.5\), got 0.5"):
        vote_regression(scores(1, 0), preferences(2), clip=0.5)
