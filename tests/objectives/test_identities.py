"""One algebra: objectives that are each other's special cases, and what every one of them leaves as it was."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from robopref.decisions import DecisionReward
from robopref.items import Items
from robopref.objectives.classification import group_cross_entropy, kahneman_tversky, success_cross_entropy
from robopref.objectives.imitation import imitate
from robopref.objectives.listwise import plackett_luce
from robopref.objectives.margins import MultiObjective
from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry, conservative, contrastive, hinge, robust
from robopref.objectives.regression import identity_preference, vote_regression
from robopref.objectives.regularize import ValueTerm
from robopref.policies.draws import UniformDraw
from robopref.protocols import Objective
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import PairTarget, Scores, SuccessTarget
from tests.geometry import chunks, ropes, tiny_policy
from tests.objectives.preferences import outcomes, preferences, scores

SOURCE = torch.Generator().manual_seed(0)
VALUE = torch.randn(5, 4, generator=SOURCE)
SOFT = PairTarget(torch.rand(5, 4, 4, generator=SOURCE), torch.rand(5, 4, 4, generator=SOURCE).triu(1))
SURE = PairTarget((SOFT.p > 0.5).float(), SOFT.weight)
OUTCOMES = SuccessTarget((torch.rand(5, 4, generator=SOURCE) > 0.5).float(), torch.rand(5, 4, generator=SOURCE))

PAIRWISE = {
    "bradley_terry": bradley_terry,
    "conservative": partial(conservative, flip=0.2),
    "robust": partial(robust, flip=0.2),
    "contrastive": partial(contrastive, bias=0.3),
    "hinge": hinge,
    "identity_preference": identity_preference,
    "vote_regression": vote_regression,
    "plackett_luce": plackett_luce,
    "outside draws": OutsideDraws(bradley_terry),
    "multi-objective": MultiObjective(bradley_terry, 0.5),
    "value term": ValueTerm(bradley_terry, 0.3, over="preferred"),
}
# The others look at scores of single items, and not only at differences.
OF_DIFFERENCES = sorted(PAIRWISE.keys() - {"contrastive", "value term"})


def descended(objective: Objective, target: object, value: Tensor = VALUE) -> tuple[Tensor, Tensor]:
    """The loss and its gradient in the scores."""
    value = value.clone().requires_grad_()
    loss = objective(Scores(value), target).total
    loss.backward()
    return loss.detach(), value.grad


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("cost", ["energy", "error"])
def test_a_policy_that_is_its_reference_has_no_reward_and_costs_log_2(cost: str) -> None:
    reward = ImplicitReward(tiny_policy(), UniformDraw(4), cost=cost)
    with torch.no_grad():
        got = reward.score(ropes(5), chunks(5, 4))
    assert got.value.abs().max() == 0
    for objective in (bradley_terry, partial(conservative, flip=0.2), partial(robust, flip=0.2), contrastive):
        assert objective(got, SOFT).total.item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("target", [SOFT, SURE], ids=["soft", "sure"])
@pytest.mark.parametrize(
    "objective",
    [
        partial(conservative, flip=0.0),
        partial(robust, flip=0.0),
        partial(contrastive, bias=1.0),
        ValueTerm(bradley_terry, 0.0),
        ValueTerm(bradley_terry, 0.0, sign=1, over="preferred"),
        MultiObjective(bradley_terry),
        OutsideDraws(bradley_terry),
    ],
    ids=["cDPO, flip 0", "robust, flip 0", "CPL, bias 1", "VPO, 0", "optimistic VPO, 0", "MODPO of one", "exact draws"],
)
def test_limits_that_are_dpo(objective: Objective, target: PairTarget) -> None:
    same(descended(objective, target), descended(bradley_terry, target))


def test_sure_soft_labels_are_dpo() -> None:
    # The soft form at p = 1 is -log s(v_i - v_j).
    value = torch.tensor([[0.4, -0.9]])
    got, _ = descended(bradley_terry, preferences(2, (0, 1, 1.0, 1.0)), value)
    assert got.item() == pytest.approx(math.log(1 + math.exp(-1.3)), abs=1e-6)


def test_a_known_flip_is_a_softer_label() -> None:
    softer = PairTarget(0.8 * SURE.p + 0.2 * (1 - SURE.p), SURE.weight)
    same(descended(partial(conservative, flip=0.2), SURE), descended(bradley_terry, softer))


@pytest.mark.parametrize("over", ["all", "preferred"])
def test_pessimism_is_dpo_with_behaviour_cloning_of_the_calibration_items(over: str) -> None:
    strength = 0.7
    weight = torch.ones_like(VALUE) if over == "all" else SURE.share
    _, pessimistic = descended(ValueTerm(bradley_terry, strength, over=over), SURE)
    _, preferred = descended(bradley_terry, SURE)
    _, cloned = descended(imitate, SuccessTarget(torch.ones_like(VALUE), weight))
    torch.testing.assert_close(pessimistic, preferred + strength * cloned)


def test_dpo_of_segments_of_one_decision_is_cpl_without_bias() -> None:
    reward = ImplicitReward(tiny_policy(), UniformDraw(4), cost="error")
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in reward.policy.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
        observation, actions = ropes(5), chunks(5, 4)
        decisions = Observation(
            observation.points[:, None, None].expand(-1, 4, 1, -1, -1),
            observation.proprio[:, None, None].expand(-1, 4, 1, -1),
        )
        segments = DecisionReward(reward).score(
            Items.of_segments(decisions, actions[:, :, None], torch.ones(5, 4, 1, dtype=torch.bool))
        )
        candidates = reward.score(observation, actions)
    assert segments.value.abs().max() > 0.01
    torch.testing.assert_close(segments.value, candidates.value, atol=1e-5, rtol=1e-4)
    segment, candidate = contrastive(segments, SOFT, bias=1.0), bradley_terry(candidates, SOFT)
    torch.testing.assert_close(segment.total, candidate.total, atol=1e-5, rtol=1e-4)


def test_irepo_at_a_logit_of_one_half_is_ipo() -> None:
    # On sure labels IPO is (z - 1/2)^2 of the preferred order, iREPO the same where half is the votes' log-odds.
    votes = PairTarget(torch.where(SURE.p > 0.5, 1, -1).mul(0.5).sigmoid(), SURE.weight)
    same(descended(vote_regression, votes), descended(identity_preference, SURE))


def test_soft_ipo_is_irepo_up_to_a_constant() -> None:
    # p (z - d)^2 + (1 - p) (z + d)^2 = (z - (2 p - 1) d)^2 + 4 p (1 - p) d^2.
    p, d = 0.7, 0.5
    value = torch.tensor([[0.4, -0.9]])
    soft = descended(identity_preference, preferences(2, (0, 1, p, 1.0)), value)
    votes = 1 / (1 + math.exp(-(2 * p - 1) * d))
    regressed = descended(vote_regression, preferences(2, (0, 1, votes, 1.0)), value)
    assert soft[0].item() == pytest.approx(regressed[0].item() + 4 * p * (1 - p) * d**2, abs=1e-6)
    torch.testing.assert_close(soft[1], regressed[1], atol=1e-6, rtol=1e-5)


def test_outcomes_of_single_decisions_are_plain_cross_entropy() -> None:
    class Given:
        def score(self, observation: Observation, actions: Tensor, *, draw: object = None) -> Scores:
            return Scores(actions.sum((-1, -2)))

    decisions = Observation(torch.zeros(5, 4, 1, 2, 3), torch.zeros(5, 4, 1, 4))
    segments = DecisionReward(Given()).score(
        Items.of_segments(decisions, VALUE[:, :, None, None, None], torch.ones(5, 4, 1, dtype=torch.bool))
    )
    expected = binary_cross_entropy_with_logits(VALUE, OUTCOMES.y, OUTCOMES.weight, reduction="sum")
    torch.testing.assert_close(success_cross_entropy(segments, OUTCOMES).total, expected / OUTCOMES.weight.sum())


def test_a_group_of_two_is_dpo_counted_twice() -> None:
    # z = (v0 - v1, v1 - v0): the success costs -log s(v0 - v1), and the failure just as much.
    value = torch.tensor([[0.4, -0.9]])
    group = descended(group_cross_entropy, outcomes((1, 1), (0, 1)), value)
    same(group, descended(bradley_terry, preferences(2, (0, 1, 1.0, 1.0)), value))


@pytest.mark.parametrize("name", PAIRWISE)
def test_asking_the_other_way_round_changes_nothing(name: str) -> None:
    # What is asked of (i, j) with p is asked of (j, i) with 1 - p; the log-odds of the votes change sign with it.
    swapped = PairTarget(1 - SOFT.p.transpose(1, 2), SOFT.weight.transpose(1, 2))
    same(descended(PAIRWISE[name], SOFT), descended(PAIRWISE[name], swapped))


@pytest.mark.parametrize("name", OF_DIFFERENCES)
def test_pairs_ignore_a_common_shift_of_a_state(name: str) -> None:
    shift = torch.tensor([[3.0], [-2.0], [0.5], [8.0], [-8.0]])
    one, other = descended(PAIRWISE[name], SOFT), descended(PAIRWISE[name], SOFT, VALUE + shift)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    # Hence no state's scores are moved together.
    assert one[1].sum(1).abs().max() < 1e-6


@pytest.mark.parametrize("name", sorted(PAIRWISE.keys() - set(OF_DIFFERENCES)))
def test_an_absolute_level_is_what_bias_and_value_are_for(name: str) -> None:
    loss, gradient = descended(PAIRWISE[name], SOFT)
    assert descended(PAIRWISE[name], SOFT, VALUE + 3)[0] < loss - 0.1
    assert (gradient.sum(1) < 0).all()


def test_groups_ignore_a_common_shift() -> None:
    shift = torch.tensor([[3.0], [-2.0], [0.5], [8.0], [-8.0]])
    one, other = descended(group_cross_entropy, OUTCOMES), descended(group_cross_entropy, OUTCOMES, VALUE + shift)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_single_outcomes_do_not_ignore_a_common_shift() -> None:
    for objective, value in ((success_cross_entropy, VALUE), (imitate, VALUE), (kahneman_tversky, VALUE - 3)):
        one, gradient = descended(objective, OUTCOMES, value)
        other, _ = descended(objective, OUTCOMES, value - 2)
        assert (one - other).abs() > 0.01
        assert gradient.sum().abs() > 0.01


def test_a_gain_is_told_from_a_common_shift_by_its_gradient_only() -> None:
    # Above zero the reference point follows the batch and the loss stays; it has no gradient, so the level still moves.
    target = SuccessTarget(torch.ones_like(VALUE), torch.ones_like(VALUE))
    one, other = (descended(kahneman_tversky, target, VALUE + shift) for shift in (5, 9))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert one[1].sum() < -0.1


def test_the_gradient_of_a_group_that_succeeds_as_one_cancels_at_the_reference() -> None:
    all_good = SuccessTarget(torch.ones_like(VALUE), torch.ones_like(VALUE))
    _, gradient = descended(group_cross_entropy, all_good, torch.zeros_like(VALUE))
    assert gradient.abs().max() < 1e-7
    _, alone = descended(success_cross_entropy, all_good, torch.zeros_like(VALUE))
    assert alone.sum().item() == pytest.approx(-0.5)


def test_an_offset_of_zeros_is_no_offset() -> None:
    for objective in (MultiObjective(bradley_terry), bradley_terry, MultiObjective(hinge)):
        none = objective(scores(1, 0), preferences(2, (0, 1, 0.8, 1.0))).total
        zeros = objective(scores(1, 0), replace(preferences(2, (0, 1, 0.8, 1.0)), offset=torch.zeros(1, 2))).total
        torch.testing.assert_close(none, zeros)
