import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.nets.clouds import CloudEncoder
from robopref.rewards.segment import LearntReward, SegmentReward


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


def test_a_learnt_reward_is_that_of_single_steps_less_what_members_disagree_on():
    reward = SegmentReward(3, members=4)
    steps = {"action": torch.randn(5, 1).numpy(), "state": torch.randn(5, 2).numpy(), "other": torch.zeros(5).numpy()}
    vector = torch.cat([torch.as_tensor(steps["state"]), torch.as_tensor(steps["action"])], 1)
    values = reward.members(vector[:, None, None], torch.ones(5, 1, 1))[..., 0]
    got = LearntReward(reward, ["state", "action"]).reward(steps)
    torch.testing.assert_close(got, values.mean(0))
    pessimistic = LearntReward(reward, ["state", "action"], pessimism=2.0).reward(steps)
    torch.testing.assert_close(pessimistic, values.mean(0) - 2 * values.std(0))


def test_steps_that_do_not_fit_a_learnt_reward_are_refused():
    reward = LearntReward(SegmentReward(3), ["state", "action"])
    with pytest.raises(DataError, match="needs action; there is state"):
        reward.reward({"state": torch.zeros(2, 2)})
    with pytest.raises(DataError, match="must be 3 numbers a step, as in training, got 5"):
        reward.reward({"state": torch.zeros(2, 2), "action": torch.zeros(2, 3)})


def test_steps_are_rewarded_alike_however_many_there_are(monkeypatch):
    reward = LearntReward(
        SegmentReward(1, members=2, width=4, encoder=CloudEncoder(2, widths=(4, 4), points=3)), ["points", "state"]
    )
    steps = {"points": torch.randn(7, 5, 3), "state": torch.randn(7, 1)}
    at_once = reward.reward(steps)
    # Two members with 4 + 4 + 1 hidden numbers and 3 points of 4 + 4: 66 a step.
    monkeypatch.setattr("robopref.rewards.segment._HIDDEN", 132)
    torch.testing.assert_close(reward.reward(steps), at_once)
