from functools import partial

import pytest
import torch

from robopref.data.segments import StateSegmentPreferences
from robopref.errors import ConfigError
from robopref.learning.fit import FitConfig
from robopref.learning.segment_preference import HeldOut, split_pairs, train_segment_reward
from robopref.nets.clouds import CloudEncoder
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.ties import davidson
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget


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


def test_watching_pairs_stops_early_and_keeps_what_fitted_them_best():
    torch.manual_seed(0)
    seen, held_out = split_pairs(answered(60), 0.5, seed=0)
    reward, watch = SegmentReward(3, width=64), HeldOut(held_out, every=10, patience=3)
    taken = []
    train_segment_reward(
        reward, seen, bradley_terry, FitConfig(2000, 1e-2, ema=0.9), seed=0, watch=watch,
        progress=lambda step, _: taken.append(step),
    )  # fmt: skip
    # Thirty pairs are soon known by heart: the loss of the others rises, and three looks later it stops.
    assert taken[-1] == watch.step + 30 < 2000
    scores = reward.score(held_out.steps, held_out.weight)
    assert bradley_terry(scores, held_out.target).total.item() == pytest.approx(watch.loss)
    assert 0.5 < watch.accuracy <= 1


def test_pairs_are_put_aside_once_each():
    seen, held_out = split_pairs(answered(20), 0.25, seed=0)
    assert (len(seen), len(held_out)) == (15, 5)
    together = torch.cat([seen.steps, held_out.steps]).flatten(1).sum(1).sort().values
    torch.testing.assert_close(together, answered(20).steps.flatten(1).sum(1).sort().values)
    assert split_pairs(answered(20), 0.0, seed=0)[1] is None
    with pytest.raises(ConfigError, match="held_out"):
        split_pairs(answered(20), 1.0, seed=0)


def test_a_reward_learns_from_clouds():
    torch.manual_seed(0)
    data = answered(120)
    # The better segment's points lie higher, and nothing else tells them apart.
    points = torch.randn(120, 2, 8, 5, 3) * 0.1 + data.steps[..., None, :1]
    clouds = StateSegmentPreferences(torch.zeros(120, 2, 8, 0), data.weight, data.target, points)
    seen, held_out = split_pairs(clouds, 0.25, seed=0)
    reward = SegmentReward(0, width=16, members=2, encoder=CloudEncoder(2, widths=(16, 16), points=4))
    train_segment_reward(reward, seen, bradley_terry, FitConfig(150, 1e-2, ema=0.9), seed=0, keep=0.5)
    value = reward.score(held_out.steps, held_out.weight, held_out.view).value
    assert ((value[:, 0] > value[:, 1]) == (held_out.target.p[:, 0, 1] > 0.5)).float().mean() > 0.8
