"""Rewards of items from scorers of decisions, and the other way round."""

import pytest
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.decisions import DecisionReward, as_reward, as_scorer
from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons, Items
from robopref.policies.draws import ImportanceDraw, StratifiedDraw, UniformDraw
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import NoiseDraw, Scores, SuccessTarget
from tests.geometry import POINTS, PROPRIO, chunks, pick_and_place, ropes, tiny_policy

MASK = torch.tensor([[[True, True, False], [True, False, False]], [[True, True, True], [False, False, False]]])


class Given:
    """Scores every decision by its only number, and remembers what it was asked."""

    def __init__(self, spread: float | None = None) -> None:
        self.spread, self.asked = spread, list[tuple[Observation, Tensor, NoiseDraw | None]]()

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        self.asked.append((observation, actions, draw))
        value = actions.sum((-1, -2))
        return Scores(value, None if self.spread is None else torch.full_like(value, self.spread))


def decisions(batch: int = 2, count: int = 2, steps: int = 3) -> Observation:
    flat = ropes(batch * count * steps)
    return Observation(
        flat.points.reshape(batch, count, steps, POINTS, 3), flat.proprio.reshape(batch, count, steps, PROPRIO)
    )


def numbers() -> Tensor:
    return torch.arange(1.0, 13.0).reshape(2, 2, 3, 1, 1)


def implicit(draws: UniformDraw) -> ImplicitReward:
    reward = ImplicitReward(tiny_policy(denoiser=GaussianDenoiser), draws, cost="error")
    with torch.no_grad():
        reward.policy.denoiser.mean.copy_(torch.tensor([[0.5, -0.3, 0.2, 0.8]]))
    return reward


def test_segments_are_sums_of_the_decisions_that_they_have() -> None:
    # Decisions 1 2 3, 4 5 6, 7 8 9, 10 11 12.
    got = DecisionReward(Given()).score(Items.of_segments(decisions(), numbers(), MASK))
    assert got.value.tolist() == [[1 + 2, 4], [7 + 8 + 9, 0]]
    assert got.steps.tolist() == [[[1, 2, 0], [4, 0, 0]], [[7, 8, 9], [0, 0, 0]]]
    assert got.spread is None
    assert got.draws is None


def test_every_decision_is_scored_where_it_was_made() -> None:
    scorer, observation, actions = Given(), decisions(), chunks(2, 6).reshape(2, 2, 3, 1, 4)
    DecisionReward(scorer).score(Items.of_segments(observation, actions, MASK))
    ((seen, asked, draw),) = scorer.asked
    assert draw is None
    assert asked.shape == (12, 1, 1, 4)
    # Decision t of segment k of group b is row 6 b + 3 k + t.
    assert torch.equal(asked[6 + 3 + 2, 0], actions[1, 1, 2])
    assert torch.equal(seen.points[3 + 1], observation.points[0, 1, 1])
    assert torch.equal(seen.proprio[6 + 1], observation.proprio[1, 0, 1])


@pytest.mark.parametrize("padding", [torch.inf, torch.nan])
def test_decisions_that_a_segment_does_not_have_do_not_matter(padding: float) -> None:
    actions = torch.where(MASK[..., None, None], numbers(), padding).requires_grad_()
    got = DecisionReward(Given()).score(Items.of_segments(decisions(), actions, MASK))
    assert got.value.tolist() == [[3, 4], [24, 0]]
    got.value.sum().backward()
    assert torch.equal(actions.grad[..., 0, 0], MASK.float())


def test_without_draws_errors_add_up_at_most() -> None:
    # Members or strata may be shared by the decisions: 2, 1, 3 and 0 times 0.5.
    got = DecisionReward(Given(0.5)).score(Items.of_segments(decisions(), numbers(), MASK))
    assert got.spread.tolist() == [[1.0, 0.5], [1.5, 0.0]]


@pytest.mark.parametrize("draws", [UniformDraw(6), ImportanceDraw(6, range(1, 101))])
@pytest.mark.parametrize("shared", [True, False])
def test_draws_of_decisions_are_summed_one_by_one(draws: UniformDraw, shared: bool) -> None:
    reward, actions = implicit(draws), chunks(2, 6).reshape(2, 2, 3, 1, 4)
    draw = None if shared else draws(12, (1, 4), torch.Generator().manual_seed(1))
    with torch.no_grad():
        got = DecisionReward(reward).score(Items.of_segments(decisions(), actions, MASK), draw=draw)
        single = reward.score(ropes(12), actions.reshape(12, 1, 1, 4), draw=draw)
    summed = (single.draws.reshape(2, 2, 3, 6) * MASK[..., None]).sum(2)
    torch.testing.assert_close(got.draws, summed)
    torch.testing.assert_close(got.value, summed.mean(-1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(got.spread, summed.std(-1) / 6**0.5)


@pytest.mark.parametrize("shared", [True, False])
def test_the_spread_of_a_segment_is_how_much_it_varies(shared: bool) -> None:
    # 400 segments of the same five decisions, as groups of a batch, with 16 draws each; a segment whose decisions share
    # their draws varies more, as their noise is the same.
    draws = UniformDraw(16)
    reward, actions = implicit(draws), chunks(1, 1).expand(400, 1, 5, 1, 4)
    observation = Observation(
        ropes(1).points.expand(400, 1, 5, -1, -1), ropes(1).proprio.expand(400, 1, 5, -1)
    )  # fmt: skip
    draw = draws(400 if shared else 2000, (1, 4), torch.Generator().manual_seed(0))
    if shared:
        draw = NoiseDraw(draw.timestep.repeat_interleave(5, 0), draw.noise.repeat_interleave(5, 0), draw.weight)
    with torch.no_grad():
        got = DecisionReward(reward).score(
            Items.of_segments(observation, actions, torch.ones(400, 1, 5, dtype=torch.bool)), draw=draw
        )
    assert got.value.std().item() == pytest.approx(got.spread.square().mean().sqrt().item(), rel=0.15)


def test_stratified_draws_give_a_spread_and_no_draws() -> None:
    reward, actions = implicit(StratifiedDraw(6)), chunks(2, 6).reshape(2, 2, 3, 1, 4)
    with torch.no_grad():
        got = DecisionReward(reward).score(Items.of_segments(decisions(), actions, MASK))
    assert got.draws is None
    assert got.spread[0].min() > 0
    assert got.spread[1, 1] == 0


def test_gradients_reach_the_policy_through_the_sum() -> None:
    reward, actions = implicit(UniformDraw(4)), chunks(2, 6).reshape(2, 2, 3, 1, 4)
    DecisionReward(reward).score(Items.of_segments(decisions(), actions, MASK)).value[0, 0].backward()
    assert reward.policy.denoiser.mean.grad.abs().max() > 0


def test_candidates_are_scored_in_a_state_that_is_encoded_once() -> None:
    scorer, observation, actions = Given(0.5), ropes(2), chunks(2, 3)
    got = DecisionReward(scorer).score(Items.of_candidates(observation, actions))
    ((seen, asked, _),) = scorer.asked
    assert torch.equal(asked, actions)
    assert seen.points.shape == (2, POINTS, 3)
    assert torch.equal(got.value, actions.sum((-1, -2)))
    assert torch.equal(got.steps, got.value[..., None])
    assert torch.equal(got.spread, torch.full((2, 3), 0.5))


def test_decisions_count_by_their_weight() -> None:
    weight = torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], [[0.25, 0.25, 0.5], [0.0, 0.0, 0.0]]])
    items = Items(Items.of_segments(decisions(), numbers(), MASK).steps, weight)
    # 1 and 2 half each, 4; 7 and 8 a quarter each and 9 half, nothing.
    assert DecisionReward(Given()).score(items).value.tolist() == [[1.5, 4], [8.25, 0]]


class Sums:
    """A reward of items that has no short form."""

    keys = ("proprio", "action")

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        each = items.part("action").sum((-1, -2)) + items.part("proprio").sum(-1)
        return Scores((each * items.weight).sum(-1), steps=each)


def test_whatever_scores_items_scores_candidates() -> None:
    observation, actions = ropes(2), chunks(2, 3)
    got = as_scorer(Sums()).score(observation, actions)
    torch.testing.assert_close(got.value, actions.sum((-1, -2)) + observation.proprio.sum(-1, keepdim=True))
    assert as_reward(as_reward(Given())).keys == ("points", "proprio", "action")
    with pytest.raises(ConfigError, match="object cannot score candidates"):
        as_scorer(object())
    with pytest.raises(ConfigError, match="object cannot score candidates"):
        as_reward(object())


def test_a_missing_array_is_named() -> None:
    with pytest.raises(DataError, match="the items have no proprio; they have action"):
        Sums().score(Items({"action": numbers()}, MASK.float()))


def test_items_keep_what_is_known_of_their_questions() -> None:
    items = Items(
        {"state": torch.arange(12.0).view(3, 2, 2)}, torch.ones(3, 2, 2), {"labeler": torch.tensor([4, 5, 6])}
    )
    some = items[torch.tensor([2, 0])]
    assert some.context["labeler"].tolist() == [6, 4]
    assert some.part("state").tolist() == [[[8, 9], [10, 11]], [[0, 1], [2, 3]]]
    each = items[torch.tensor([[0], [1], [2]]).flatten()].unflatten(torch.Size((3, 1)))
    assert each.weight.shape == (3, 1, 2, 2)
    assert each.context["labeler"].tolist() == [[4], [5], [6]]


def test_only_the_items_that_count_are_kept() -> None:
    data = Comparisons.of_candidates(
        ropes(2), chunks(2, 3), SuccessTarget(torch.zeros(2, 3), torch.zeros(2, 3)), pick_and_place()
    )
    weight = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    kept = data.chosen(SuccessTarget(torch.tensor([[0.0, 0.5, 0.0], [1.0, 0.0, 0.0]]), weight))
    assert kept.target.y.tolist() == [[0.5], [1.0]]
    assert kept.target.weight.tolist() == [[1.0], [2.0]]
    (_, actions), (_, before) = kept.items.decisions(), data.items.decisions()
    assert torch.equal(actions[:, 0], before[[0, 1], [1, 0]])
