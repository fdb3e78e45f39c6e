import pytest
import torch

from robopref.errors import ConfigError
from robopref.rewards.segment import SegmentReward


def segments(batch=3, length=6, channels=2):
    return torch.randn(batch, 2, length, channels, generator=torch.Generator().manual_seed(0))


def test_a_segment_is_worth_the_sum_of_its_steps():
    reward, steps = SegmentReward(2), segments()
    single = torch.stack([reward.score(steps[:, :, t : t + 1], torch.ones(3, 2, 1)).value for t in range(6)])
    torch.testing.assert_close(reward.score(steps, torch.ones(3, 2, 6)).value, single.sum(0))


def test_steps_beyond_the_end_do_not_count():
    reward, steps, weight = SegmentReward(2), segments(), torch.ones(3, 2, 6)
    weight[:, :, 4:] = 0
    torch.testing.assert_close(reward.score(steps, weight).value, reward.score(steps[:, :, :4], weight[:, :, :4]).value)


def test_the_spread_is_the_disagreement_of_members():
    steps, weight = segments(), torch.ones(3, 2, 6)
    assert SegmentReward(2).score(steps, weight).spread is None
    reward = SegmentReward(2, members=3)
    values = reward.members(steps, weight)
    assert values.shape == (3, 3, 2)
    torch.testing.assert_close(reward.score(steps, weight).spread, values.std(0))


def test_members_can_be_given_their_own_segments():
    reward, steps, weight = SegmentReward(2, members=2), segments(), torch.ones(3, 2, 6)
    own = reward.members(torch.stack([steps, steps.flip(0)]), torch.stack([weight, weight]))
    shared = reward.members(steps, weight)
    torch.testing.assert_close(own, torch.stack([shared[0], shared[1].flip(0)]))


def test_a_network_by_hand():
    reward = SegmentReward(1, width=1)
    with torch.no_grad():
        for matrix, value in zip(reward.network.weights, (2.0, 3.0, -1.0), strict=True):
            matrix.fill_(value)
    # relu(2 * 1) = 2, relu(3 * 2) = 6, -6; a negative step ends at zero. 3 and 1 steps: -18 and 0.
    steps = torch.tensor([[[[1.0], [1.0], [1.0]], [[-1.0], [0.0], [0.0]]]])
    weight = torch.tensor([[[1.0, 1, 1], [1, 0, 0]]])
    assert reward.score(steps, weight).value.tolist() == [[-18, 0]]


def test_standardising_takes_only_steps_that_are_there():
    reward = SegmentReward(1)
    steps, weight = torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([[1.0, 1.0, 0.0]])
    reward.standardise(steps, weight)
    assert reward.mean.tolist() == [2]
    assert reward.std.item() == pytest.approx(2**0.5)  # (1 + 1) / (2 - 1)


def test_no_member_is_refused():
    with pytest.raises(ConfigError, match="members"):
        SegmentReward(2, members=0)
