from functools import partial

import pytest
import torch

from robopref.data.segments import StateSegmentPreferences
from robopref.errors import ConfigError
from robopref.learning.fit import FitConfig
from robopref.learning.segment_preference import train_segment_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.ties import davidson
from robopref.rewards.segment import SegmentReward
from robopref.types import PairTarget


def answered(count=200, length=8):
    """Pairs of segments of which the one with the greater sum of its first value is better."""
    steps = torch.randn(count, 2, length, 3, generator=torch.Generator().manual_seed(0))
    worth = steps[..., 0].sum(-1)
    p, weight = torch.full((count, 2, 2), 0.5), torch.zeros(count, 2, 2)
    p[:, 0, 1], weight[:, 0, 1] = (worth[:, 0] > worth[:, 1]).float(), 1
    return StateSegmentPreferences(steps, torch.ones(count, 2, length), PairTarget(p, weight))


@pytest.mark.parametrize("objective", [bradley_terry, partial(davidson, ties=0.2)])
@pytest.mark.parametrize(("members", "keep"), [(1, 1.0), (3, 0.5)])
def test_a_reward_learns_what_was_preferred(objective, members, keep):
    torch.manual_seed(0)
    data = answered()
    seen, held_out = data[torch.arange(150)], data[torch.arange(150, 200)]
    reward = SegmentReward(3, width=16, members=members)
    train_segment_reward(reward, seen, objective, FitConfig(150, 1e-2, ema=0.9), seed=0, keep=keep)
    value = reward.score(held_out.steps, held_out.weight).value
    assert ((value[:, 0] > value[:, 1]) == (held_out.target.p[:, 0, 1] > 0.5)).float().mean() > 0.8


def test_the_same_seed_gives_the_same_reward():
    values = []
    for _ in range(2):
        torch.manual_seed(0)
        reward = train_segment_reward(SegmentReward(3), answered(), bradley_terry, FitConfig(3), seed=1, keep=0.5)
        values.append(reward.score(answered().steps, answered().weight).value)
    assert torch.equal(*values)


def test_a_share_of_no_steps_is_refused():
    with pytest.raises(ConfigError, match="keep"):
        train_segment_reward(SegmentReward(3), answered(), bradley_terry, FitConfig(1), seed=0, keep=0)
