"""Bradley-Terry and its kin: likelihoods of preferences between pairs."""

import math
from functools import partial

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.pairwise import bradley_terry, conservative, contrastive, hinge, pair_agreement, robust
from robopref.protocols import Objective
from robopref.scores import PairTarget, Scores
from tests.objectives.preferences import preferences, scores


def test_of_one_pair_by_hand() -> None:
    # -log sigmoid(1 - 0) = log(1 + e^-1) = 0.313262
    loss = bradley_terry(scores(1, 0), preferences(2, (0, 1, 1.0, 1.0)))
    assert loss.total.item() == pytest.approx(0.313262, abs=1e-6)
    assert loss.terms["loss"].item() == loss.total.item()
    assert not loss.terms["loss"].requires_grad


def test_of_two_weighted_pairs_by_hand() -> None:
    # v = (1, 0, 2). Pair (0, 1), p 1, weight 3: 0.313262.
    # Pair (0, 2), margin -1, p 0.25, weight 1: 0.25 * 1.313262 + 0.75 * 0.313262 = 0.563262.
    # (3 * 0.313262 + 0.563262) / 4 = 0.375762
    loss = bradley_terry(scores(1, 0, 2), preferences(3, (0, 1, 1.0, 3.0), (0, 2, 0.25, 1.0)))
    assert loss.total.item() == pytest.approx(0.375762, abs=1e-6)


def test_is_a_mean_over_the_pairs_of_all_states() -> None:
    one, other = preferences(2, (0, 1, 1.0, 1.0)), preferences(2, (0, 1, 0.0, 3.0))
    both = PairTarget(torch.cat([one.p, other.p]), torch.cat([one.weight, other.weight]))
    # Margin 1 in both states: (1 * 0.313262 + 3 * 1.313262) / 4 = 1.063262
    got = bradley_terry(Scores(torch.tensor([[1.0, 0.0], [3.0, 2.0]])), both)
    assert got.total.item() == pytest.approx(1.063262, abs=1e-6)


def test_descent_raises_the_better_and_lowers_the_worse() -> None:
    given = scores(0.3, 0.8)
    bradley_terry(given, preferences(2, (0, 1, 1.0, 1.0))).total.backward()
    better, worse = given.value.grad[0].tolist()
    # d/dm -log sigmoid(m) = -sigmoid(-m), with m = -0.5: -1 / (1 + e^-0.5) = -0.622459
    assert better == pytest.approx(-0.622459, abs=1e-6)
    assert worse == pytest.approx(0.622459, abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_asking_the_other_way_round_changes_nothing(p: float) -> None:
    one = bradley_terry(scores(1.5, -0.5), preferences(2, (0, 1, p, 2.0))).total
    other = bradley_terry(scores(1.5, -0.5), preferences(2, (1, 0, 1 - p, 2.0))).total
    assert one.item() == pytest.approx(other.item(), abs=1e-6)


def test_a_common_shift_cancels() -> None:
    target = preferences(3, (0, 1, 1.0, 1.0), (1, 2, 0.3, 1.0))
    given = torch.tensor([[1.0, 0.25, -2.0]])
    one, other = bradley_terry(Scores(given), target).total, bradley_terry(Scores(given + 64), target).total
    assert one.item() == pytest.approx(other.item(), abs=1e-5)


def test_a_tie_costs_log_2_at_equal_scores_and_pulls_together() -> None:
    tie = preferences(2, (0, 1, 0.5, 1.0))
    equal = scores(2, 2)
    loss = bradley_terry(equal, tie).total
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert equal.value.grad.abs().max() < 1e-7
    apart = scores(1, 0)
    bradley_terry(apart, tie).total.backward()
    # sigmoid(1) - 0.5 = 0.231059: descent lowers the first score and raises the second.
    assert apart.value.grad[0].tolist() == pytest.approx([0.231059, -0.231059], abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_equal_scores_cost_log_2(p: float) -> None:
    target = PairTarget(torch.full((2, 3, 3), p), torch.ones(2, 3, 3))
    assert bradley_terry(Scores(torch.zeros(2, 3)), target).total.item() == pytest.approx(math.log(2), abs=1e-6)


def test_scores_that_shrink_to_zero_cost_log_2() -> None:
    # Beta -> 0 of a score beta * x.
    given, target = torch.tensor([[3.0, -4.0]]), preferences(2, (0, 1, 0.0, 1.0))
    losses = [bradley_terry(Scores(beta * given), target).total.item() for beta in (1.0, 0.1, 1e-4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize("ignored", [math.inf, -math.inf, 1e30, math.nan])
def test_pairs_of_weight_zero_are_left_out(ignored: float) -> None:
    given = scores(1, 0, ignored)
    loss = bradley_terry(given, preferences(3, (0, 1, 1.0, 1.0), (0, 2, 0.0, 0.0)))
    assert loss.total.item() == pytest.approx(0.313262, abs=1e-6)
    assert loss.terms["accuracy"].item() == 1


def test_items_that_were_not_compared_get_no_gradient() -> None:
    given = scores(1, 0, 5)
    bradley_terry(given, preferences(3, (0, 1, 1.0, 1.0))).total.backward()
    assert given.value.grad[0, 2] == 0
    assert (given.value.grad[0, :2] != 0).all()


def test_nothing_compared_costs_nothing() -> None:
    given = scores(1, 0)
    loss = bradley_terry(given, preferences(2))
    loss.total.backward()
    assert loss.total.item() == 0
    assert given.value.grad.abs().max() == 0


def test_large_margins_stay_finite() -> None:
    given = scores(-1e4, 1e4)
    loss = bradley_terry(given, preferences(2, (0, 1, 1.0, 1.0))).total
    loss.backward()
    assert loss.item() == pytest.approx(2e4)  # -log sigmoid(-m) -> m
    assert given.value.grad[0].tolist() == [-1, 1]
    assert bradley_terry(scores(1e4, -1e4), preferences(2, (0, 1, 1.0, 1.0))).total.item() == 0


def test_agreement_counts_weight_and_half_of_equal_scores() -> None:
    # v = (2, 1, 1): (0, 1) right, weight 2; (0, 2) wrong, weight 1; (1, 2) equal scores, weight 1, counts half.
    # (2 + 0 + 0.5) / 4 = 0.625
    target = preferences(3, (0, 1, 0.9, 2.0), (0, 2, 0.2, 1.0), (1, 2, 1.0, 1.0))
    assert pair_agreement(scores(2, 1, 1), target).item() == pytest.approx(0.625)


def test_agreement_leaves_ties_out() -> None:
    decided, tie = (0, 1, 1.0, 1.0), (0, 2, 0.5, 5.0)
    assert pair_agreement(scores(2, 1, 9), preferences(3, decided, tie)).item() == 1
    assert pair_agreement(scores(1, 2, 9), preferences(3, decided, tie)).item() == 0
    assert pair_agreement(scores(2, 1, 9), preferences(3, tie)).isnan()


def test_conservative_by_hand() -> None:
    # Margin 1, p = 1 with one label in ten wrong counts as 0.9: 0.9 * 0.313262 + 0.1 * 1.313262 = 0.413262
    loss = conservative(scores(1, 0), preferences(2, (0, 1, 1.0, 1.0)), flip=0.1)
    assert loss.total.item() == pytest.approx(0.413262, abs=1e-6)
    assert loss.terms["accuracy"].item() == 1


def test_conservative_margins_stop_where_the_labels_are_as_sure_as_they_can_be() -> None:
    best = scores(math.log(9), 0)  # logit(0.9)
    conservative(best, preferences(2, (0, 1, 1.0, 1.0)), flip=0.1).total.backward()
    assert best.value.grad.abs().max() < 1e-6


def test_robust_by_hand() -> None:
    # (0.9 * 0.313262 - 0.1 * 1.313262) / 0.8 = 0.188262
    loss = robust(scores(1, 0), preferences(2, (0, 1, 1.0, 1.0)), flip=0.1)
    assert loss.total.item() == pytest.approx(0.188262, abs=1e-6)


@pytest.mark.parametrize("margin", [-2.0, 0.3, 4.0])
def test_robust_is_the_clean_loss_on_average_over_wrong_labels(margin: float) -> None:
    given, flip = scores(margin, 0), 0.2
    right, wrong = (robust(given, preferences(2, (0, 1, p, 1.0)), flip=flip).total.item() for p in (1.0, 0.0))
    clean = bradley_terry(given, preferences(2, (0, 1, 1.0, 1.0))).total.item()
    assert (1 - flip) * right + flip * wrong == pytest.approx(clean, abs=1e-5)


def test_contrastive_by_hand() -> None:
    # The better scores 1, the worse 3 * 0.5: -log sigmoid(-0.5) = log(1 + e^0.5) = 0.974077
    loss = contrastive(scores(1, 3), preferences(2, (0, 1, 1.0, 1.0)), bias=0.5)
    assert loss.total.item() == pytest.approx(0.974077, abs=1e-6)
    # The other way round: -log sigmoid(3 - 0.5) = log(1 + e^-2.5) = 0.078889
    loss = contrastive(scores(1, 3), preferences(2, (0, 1, 0.0, 1.0)), bias=0.5)
    assert loss.total.item() == pytest.approx(0.078889, abs=1e-6)


def test_contrastive_prefers_high_scores_where_bradley_terry_is_indifferent() -> None:
    target = preferences(2, (0, 1, 1.0, 1.0))
    low, high = (contrastive(scores(base + 1, base), target).total.item() for base in (-2, 2))
    # -log sigmoid(1 + base / 2): log(1 + e^0) and log(1 + e^-2)
    assert (low, high) == (pytest.approx(0.693147, abs=1e-6), pytest.approx(0.126928, abs=1e-6))


def test_hinge_by_hand() -> None:
    # max(0, 1 - 0.4) = 0.6; nothing beyond a margin of one; 0.75 * 0.6 + 0.25 * 1.4 = 0.8 for a soft label.
    assert hinge(scores(0.4, 0), preferences(2, (0, 1, 1.0, 1.0))).total.item() == pytest.approx(0.6)
    assert hinge(scores(1.5, 0), preferences(2, (0, 1, 1.0, 1.0))).total.item() == 0
    assert hinge(scores(0.4, 0), preferences(2, (0, 1, 0.75, 1.0))).total.item() == pytest.approx(0.8)


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    "objective", [partial(conservative, flip=0.0), partial(robust, flip=0.0), partial(contrastive, bias=1.0)]
)
def test_limits_that_are_bradley_terry(objective: Objective, p: float) -> None:
    given, target = scores(0.7, -1.1, 0.2), preferences(3, (0, 1, p, 1.0), (1, 2, 1 - p, 2.0))
    assert objective(given, target).total.item() == pytest.approx(bradley_terry(given, target).total.item(), abs=1e-6)


@pytest.mark.parametrize("flip", [-0.1, 0.5, math.nan])
@pytest.mark.parametrize("objective", [conservative, robust])
def test_a_share_of_wrong_labels_that_cannot_be_is_refused(objective: Objective, flip: float) -> None:
    with pytest.raises(ConfigError, match=r"flip .* in \[0, 0.5\)"):
        objective(scores(1, 0), preferences(2), flip=flip)  # type: ignore[call-arg]


@pytest.mark.parametrize("bias", [0.0, 1.5, math.nan])
def test_a_bias_that_cannot_be_is_refused(bias: float) -> None:
    with pytest.raises(ConfigError, match=r"bias must be in \(0, 1\]"):
        contrastive(scores(1, 0), preferences(2), bias=bias)


def test_a_margin_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="margin must be positive, got 0"):
        hinge(scores(1, 0), preferences(2), margin=0)
