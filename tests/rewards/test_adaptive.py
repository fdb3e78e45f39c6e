"""More draws for states whose best two candidates are close."""

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.errors import ConfigError
from robopref.policies.draws import CleanDraw, ImportanceDraw, StratifiedDraw, UniformDraw
from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.rewards.adaptive import AdaptiveReward
from robopref.rewards.implicit import ImplicitReward
from tests.geometry import chunks, ropes, tiny_policy

MEAN = torch.tensor([[0.5, -0.3, 0.2, 0.8]])


def implicit(draws: UniformDraw) -> ImplicitReward:
    """Reference N(0, I), policy N(MEAN, I): actions along the mean score higher."""
    reward = ImplicitReward(tiny_policy(denoiser=GaussianDenoiser), draws, cost="error")
    with torch.no_grad():
        reward.policy.denoiser.mean.copy_(MEAN)
    return reward


def counted(reward: ImplicitReward) -> list[int]:
    """Noisy actions that the tuned denoiser is given, one number a call."""
    calls = list[int]()
    reward.policy.denoiser.register_forward_hook(
        lambda _module, given, _result: calls.append(given[1].shape[0] * given[1].shape[1])
    )
    return calls


def narrow(draws: UniformDraw) -> ImplicitReward:
    """Reference N(0, I), policy N(0, 0.25 I): actions near zero score higher, and noise decides between the others."""
    reward = implicit(draws)
    with torch.no_grad():
        reward.policy.denoiser.mean.zero_()
    reward.policy.denoiser.std = 0.5
    return reward


CLEAR = torch.stack([MEAN, -MEAN, 0 * MEAN])[None]  # the first of three is best by far
CLOSE = torch.stack([MEAN, MEAN + torch.tensor([[1e-6, 0, 0, 0]]), -MEAN])[None]
# Equally likely under the narrow policy, and not at all so.
OPPOSITE, APART = torch.stack([MEAN, -MEAN])[None], torch.stack([0 * MEAN, 2 * MEAN])[None]


def scored(reward: AdaptiveReward, *actions: Tensor) -> Any:
    return reward.score(ropes(len(actions)), torch.cat(actions))


def test_a_decided_state_costs_no_more_draws() -> None:
    reward = implicit(UniformDraw(16))
    calls, fixed = counted(reward), reward.score(ropes(1), CLEAR)
    got = scored(AdaptiveReward(reward), CLEAR)
    assert calls == [3 * 16, 3 * 16]
    assert torch.equal(got.value, fixed.value)
    torch.testing.assert_close(got.spread, fixed.spread)
    assert isinstance(AdaptiveReward(reward), CandidateScorer)


def test_an_undecided_state_goes_to_the_limit_and_takes_no_other_along() -> None:
    reward = narrow(UniformDraw(4))
    adaptive, calls = AdaptiveReward(reward, certainty=2.0, limit=20), counted(reward)
    scored(adaptive, OPPOSITE)
    # 4 draws, 4 more make 8, two times 4 make 16, and 4 make 20; two candidates each.
    assert calls == [8] * 5
    calls.clear()
    scored(adaptive, APART)
    assert calls == [8]
    calls.clear()
    # Both in the first call, then the open one alone.
    scored(adaptive, APART, OPPOSITE)
    assert calls == [16, 8, 8, 8, 8]


def test_a_limit_between_doublings_is_kept() -> None:
    reward = implicit(UniformDraw(4))
    six = AdaptiveReward(reward, certainty=1e6, limit=6)
    calls = counted(reward)
    got = scored(six, CLOSE)
    assert calls == [12, 12]
    # The four draws of the reward, and the first two of the next.
    first = reward.score(ropes(1), CLOSE).draws
    more = reward.score(ropes(1), CLOSE, draw=reward.shared_draw(1, torch.Generator().manual_seed(1))).draws
    drawn = torch.cat([first, more], dim=-1)[..., :6]
    torch.testing.assert_close(got.value, drawn.mean(-1))
    torch.testing.assert_close(got.spread, drawn.std(-1) / 6**0.5)


def test_the_lead_counts_in_standard_errors_of_the_difference() -> None:
    # Candidates share their noise, so that their difference is far surer than either: spreads overlap, the lead is
    # decided.
    reward = implicit(UniformDraw(16))
    near = torch.stack([MEAN, 0.7 * MEAN])[None]
    fixed = reward.score(ropes(1), near)
    assert (fixed.value[0, 0] - fixed.value[0, 1]) < 2 * fixed.spread[0, 0]
    calls = counted(reward)
    scored(AdaptiveReward(reward, certainty=2.0), near)
    assert calls == [2 * 16]


@pytest.mark.parametrize("draws", [UniformDraw(4), ImportanceDraw(4, range(1, 101))])
def test_scores_are_the_same_every_time_and_in_any_company(draws: UniformDraw) -> None:
    reward = AdaptiveReward(implicit(draws), certainty=3.0, limit=32)
    observation, actions = ropes(6), chunks(6, 4)
    one, same = (reward.score(observation, actions) for _ in range(2))
    assert torch.equal(one.value, same.value)
    assert torch.equal(one.spread, same.spread)
    for row in range(6):
        part = Observation(observation.points[row : row + 1], observation.proprio[row : row + 1])
        alone = reward.score(part, actions[row : row + 1])
        torch.testing.assert_close(alone.value[0], one.value[row], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.spread[0], one.spread[row], atol=1e-5, rtol=1e-4)


def test_more_draws_pick_the_better_one_more_often() -> None:
    # Of 300 pairs the better is the one nearer to zero; every pair has its own first draws.
    reward, actions = narrow(UniformDraw(2)), chunks(300, 2)
    truth = actions.square().sum((-1, -2)).argmin(1)
    draw = UniformDraw(2)(300, (1, 4), torch.Generator().manual_seed(3))
    with torch.no_grad():
        few = reward.score(ropes(300), actions, draw=draw)
    many = AdaptiveReward(reward, limit=128).score(ropes(300), actions, draw=draw)
    right_few, right_many = ((got.value.argmax(1) == truth).sum().item() for got in (few, many))
    assert right_many > right_few + 15


def test_one_candidate_and_equal_ones_leave_nothing_to_decide() -> None:
    reward = implicit(UniformDraw(4))
    calls = counted(reward)
    scored(AdaptiveReward(reward), CLEAR[:, :1])
    scored(AdaptiveReward(reward), CLEAR[:, [0, 0]])
    assert calls == [4, 8]


def test_first_draws_may_be_given() -> None:
    reward = implicit(UniformDraw(4))
    draw = UniformDraw(16)(1, (1, 4), torch.Generator().manual_seed(7))
    got = AdaptiveReward(reward).score(ropes(1), CLEAR, draw=draw)
    torch.testing.assert_close(got.value, reward.score(ropes(1), CLEAR, draw=draw).value)
    with pytest.raises(ConfigError, match="two or more independent draws a call"):
        AdaptiveReward(reward).score(ropes(1), CLEAR, draw=StratifiedDraw(4)(1, (1, 4), torch.Generator()))


@pytest.mark.parametrize(
    ("draws", "settings", "message"),
    [
        (UniformDraw(4), {"certainty": 0.0}, "certainty must be positive"),
        (UniformDraw(4), {"certainty": float("nan")}, "certainty must be positive"),
        (UniformDraw(4), {"limit": 3}, "limit must be at least the 4 draws of the reward, got 3"),
        (UniformDraw(1), {}, "two or more independent ones, got 1 independent"),
        (StratifiedDraw(4), {}, "two or more independent ones, got 4 stratified"),
        (CleanDraw((2, 5)), {}, "two or more independent ones, got 2 exact"),
    ],
)
def test_settings_that_cannot_be_are_refused(draws: UniformDraw, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdaptiveReward(implicit(draws), **settings)
