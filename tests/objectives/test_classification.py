"""Objectives of outcomes: cross-entropy alone and within a group, and gains and losses."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.classification import (
    group_cross_entropy,
    kahneman_tversky,
    over_items,
    success_cross_entropy,
)
from robopref.scores import Scores, SuccessTarget
from tests.objectives.preferences import outcomes, scores


def test_cross_entropy_by_hand() -> None:
    # -log s(1) = 0.313262 for the success, weight 3; -log(1 - s(2)) = log(1 + e^2) = 2.126928 for the failure.
    # (3 * 0.313262 + 2.126928) / 4 = 0.766678. The first is told rightly, the second is not: 3 / 4.
    loss = success_cross_entropy(scores(1, 2), outcomes((1, 3), (0, 1)))
    assert loss.total.item() == pytest.approx(0.766678, abs=1e-6)
    assert loss.terms["loss"].item() == loss.total.item()
    assert loss.terms["accuracy"].item() == pytest.approx(0.75)
    assert not loss.terms["loss"].requires_grad


def test_cross_entropy_of_a_soft_outcome_is_least_at_its_log_odds() -> None:
    given = scores(math.log(3))  # logit(0.75)
    success_cross_entropy(given, outcomes((0.75, 1))).total.backward()
    assert given.value.grad.abs().max() < 1e-6


def test_descent_raises_successes_and_lowers_failures() -> None:
    given = scores(0.5, 0.5)
    success_cross_entropy(given, outcomes((1, 1), (0, 1))).total.backward()
    # (s(0.5) - y) / 2 with s(0.5) = 0.622459
    assert given.value.grad[0].tolist() == pytest.approx([-0.188770, 0.311230], abs=1e-6)


def test_cross_entropy_pins_the_level_of_a_score() -> None:
    target = outcomes((1, 1), (0, 1))
    assert success_cross_entropy(scores(6, 5), target).total > success_cross_entropy(scores(1, 0), target).total + 1


def test_group_cross_entropy_by_hand() -> None:
    # (3, 1, -1): less the mean of the others 3 - 0, 1 - 1, -1 - 2 = (3, 0, -3).
    # log(1 + e^-3) = 0.048587 twice, log 2 = 0.693147; their mean is 0.263440. Equal to the others counts half.
    loss = group_cross_entropy(scores(3, 1, -1), outcomes((1, 1), (1, 1), (0, 1)))
    assert loss.total.item() == pytest.approx(0.263440, abs=1e-6)
    assert loss.terms["accuracy"].item() == pytest.approx(2.5 / 3)


@pytest.mark.parametrize("shift", [-5.0, 40.0])
def test_a_group_ignores_a_common_shift(shift: float) -> None:
    target, given = outcomes((1, 1), (0, 2), (1, 1)), torch.tensor([[1.0, -2.0, 0.5]])
    one, other = (group_cross_entropy(Scores(value), target).total.item() for value in (given, given + shift))
    assert one == pytest.approx(other, abs=1e-5)


def test_the_gradient_of_a_group_that_all_succeeds_cancels() -> None:
    # Leave-one-out differences sum to zero, and at equal scores all are equally wrong: nothing is learnt.
    equal, unequal = scores(0, 0, 0), scores(0, 1, 3)
    for given in (equal, unequal):
        group_cross_entropy(given, outcomes((1, 1), (1, 1), (1, 1))).total.backward()
        assert given.value.grad.sum().abs() < 1e-6
    assert equal.value.grad.abs().max() < 1e-7
    assert unequal.value.grad.abs().max() > 0.01


def test_a_mixed_group_learns_from_zero() -> None:
    given = scores(0, 0)
    group_cross_entropy(given, outcomes((1, 1), (0, 1))).total.backward()
    # z = (v0 - v1, v1 - v0), both losses log(1 + e^(v1 - v0)): each has slope -1/2 in v0, and so has their mean.
    assert given.value.grad[0].tolist() == pytest.approx([-0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize("ignored", [-1e6, math.inf])
def test_unknown_items_are_in_nobodys_baseline(ignored: float) -> None:
    known = group_cross_entropy(scores(1, -1), outcomes((1, 1), (0, 1))).total.item()
    given = scores(1, ignored, -1)
    loss = group_cross_entropy(given, outcomes((1, 1), (1, 0), (0, 1)))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(known, abs=1e-6)
    assert given.value.grad[0, 1] == 0


def test_the_only_known_item_of_a_group_says_nothing() -> None:
    # Of the second group one item is known: without others it would be pinned to a level.
    value = torch.tensor([[1.0, -1.0], [4.0, 2.0]], requires_grad=True)
    target = SuccessTarget(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    loss = group_cross_entropy(Scores(value), target)
    loss.total.backward()
    # z = (2, -2): log(1 + e^-2) = 0.126928
    assert loss.total.item() == pytest.approx(0.126928, abs=1e-6)
    assert value.grad[1].tolist() == [0, 0]


def test_groups_of_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="it got groups of one"):
        group_cross_entropy(scores(1), outcomes((1, 1)))


def test_gains_and_losses_by_hand() -> None:
    # Scores (2, 1, 0), mean 1, the reference point: s(-1) = 0.268941 for the success at 2, 0.5 for the failure at 1,
    # and s(-1) = 0.268941 for the failure at 0; weights 2 and 1: (2 * 0.268941 + 0.5 + 0.268941) / 3 = 0.435608.
    loss = kahneman_tversky(scores(2, 1, 0), outcomes((1, 1), (0, 1), (0, 1)), desirable=2)
    assert loss.total.item() == pytest.approx(0.435608, abs=1e-6)
    assert loss.terms["reference_point"].item() == pytest.approx(1)
    assert loss.terms["accuracy"].item() == pytest.approx(2.5 / 3)


def test_the_reference_point_is_not_below_zero_and_has_no_gradient() -> None:
    given = scores(-1, -3)
    loss = kahneman_tversky(given, outcomes((1, 1), (0, 1)))
    loss.total.backward()
    assert loss.terms["reference_point"].item() == 0
    # (s(1) + s(-3)) / 2 = (0.731059 + 0.047426) / 2
    assert loss.total.item() == pytest.approx(0.389242, abs=1e-6)
    # -s'(1) / 2 and s'(-3) / 2: slopes 0.196612 and 0.045177
    assert given.value.grad[0].tolist() == pytest.approx([-0.098306, 0.022588], abs=1e-6)


def test_gains_and_losses_flatten_out() -> None:
    # The loss lies between 0 and the weight, and far from the reference point nothing is learnt.
    given = scores(-60, -50)
    loss = kahneman_tversky(given, outcomes((1, 1), (0, 1)), desirable=3)
    loss.total.backward()
    assert loss.total.item() == pytest.approx(1.5, abs=1e-5)
    assert given.value.grad.abs().max() < 1e-12


def test_a_soft_outcome_mixes_gain_and_loss() -> None:
    good, bad, soft = (kahneman_tversky(scores(-1), outcomes((y, 1))).total.item() for y in (1, 0, 0.25))
    assert soft == pytest.approx(0.25 * good + 0.75 * bad, abs=1e-6)


@pytest.mark.parametrize("weights", [{"desirable": 0.0}, {"undesirable": -1.0}, {"desirable": math.nan}])
def test_weights_that_cannot_be_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="desirable and undesirable must be positive"):
        kahneman_tversky(scores(1), outcomes((1, 1)), **weights)


@pytest.mark.parametrize("objective", [success_cross_entropy, group_cross_entropy, kahneman_tversky])
def test_unknown_outcomes_are_left_out(objective) -> None:
    known = objective(scores(1, 0), outcomes((1, 1), (0, 1)))
    given = scores(1, 0, math.inf)
    loss = objective(given, outcomes((1, 1), (0, 1), (0, 0)))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(known.total.item(), abs=1e-6)
    assert loss.terms["accuracy"].item() == known.terms["accuracy"].item()
    assert given.value.grad[0, 2] == 0


@pytest.mark.parametrize("objective", [success_cross_entropy, group_cross_entropy, kahneman_tversky])
def test_nothing_known_costs_nothing(objective) -> None:
    given = scores(1, 0)
    loss = objective(given, outcomes((1, 0), (0, 0)))
    loss.total.backward()
    assert loss.total.item() == 0
    assert given.value.grad.abs().max() == 0
    assert loss.terms["accuracy"].isnan()


def test_accuracy_leaves_even_outcomes_out() -> None:
    value = torch.tensor([[1.0, 1.0, 1.0]])
    target = outcomes((0.9, 1), (0.1, 3), (0.5, 7))
    assert over_items(torch.zeros(1, 3), value, target).terms["accuracy"].item() == pytest.approx(0.25)
