import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.nets.clouds import CloudEncoder
from robopref.rewards.segment import SegmentReward


def items(steps, weight):
    return Items({"values": steps}, weight)


def of_values(channels, **given):
    return SegmentReward(["values"], channels, **given)


def segments(batch=3, length=6, channels=2):
    return torch.randn(batch, 2, length, channels, generator=torch.Generator().manual_seed(0))


def test_a_segment_is_worth_the_sum_of_its_steps():
    reward, steps = of_values(2), segments()
    single = torch.stack([reward.score(items(steps[:, :, t : t + 1], torch.ones(3, 2, 1))).value for t in range(6)])
    torch.testing.assert_close(reward.score(items(steps, torch.ones(3, 2, 6))).value, single.sum(0))


def test_steps_beyond_the_end_do_not_count():
    reward, steps, weight = of_values(2), segments(), torch.ones(3, 2, 6)
    weight[:, :, 4:] = 0
    short = reward.score(items(steps[:, :, :4], weight[:, :, :4]))
    torch.testing.assert_close(reward.score(items(steps, weight)).value, short.value)


def test_the_spread_is_the_disagreement_of_members():
    steps, weight = segments(), torch.ones(3, 2, 6)
    assert of_values(2).score(items(steps, weight)).spread is None
    reward = of_values(2, members=3)
    values = reward.score_each(items(steps, weight))
    assert values.shape == (3, 3, 2)
    torch.testing.assert_close(reward.score(items(steps, weight)).spread, values.std(0))


def test_members_can_be_given_their_own_segments():
    reward, steps, weight = of_values(2, members=2), segments(), torch.ones(3, 2, 6)
    own = reward.score_each(items(torch.stack([steps, steps.flip(0)]), torch.stack([weight, weight])))
    shared = reward.score_each(items(steps, weight))
    torch.testing.assert_close(own, torch.stack([shared[0], shared[1].flip(0)]))


def test_a_network_by_hand():
    reward = of_values(1, width=1)
    with torch.no_grad():
        for matrix, value in zip(reward.network.weights, (2.0, 3.0, -1.0), strict=True):
            matrix.fill_(value)
    # relu(2 * 1) = 2, relu(3 * 2) = 6, -6; a negative step ends at zero. 3 and 1 steps: -18 and 0.
    steps = torch.tensor([[[[1.0], [1.0], [1.0]], [[-1.0], [0.0], [0.0]]]])
    weight = torch.tensor([[[1.0, 1, 1], [1, 0, 0]]])
    assert reward.score(items(steps, weight)).value.tolist() == [[-18, 0]]


def test_standardising_takes_only_steps_that_are_there():
    reward = of_values(1)
    steps, weight = torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([[1.0, 1.0, 0.0]])
    reward.standardise(items(steps, weight))
    assert reward.mean.tolist() == [2]
    assert reward.std.item() == pytest.approx(2**0.5)  # (1 + 1) / (2 - 1)


def test_no_member_is_refused():
    with pytest.raises(ConfigError, match="members"):
        of_values(2, members=0)


def test_a_learnt_reward_is_that_of_single_steps_less_what_members_disagree_on():
    reward = SegmentReward(["state", "action"], 3, members=4)
    steps = {"action": torch.randn(5, 1).numpy(), "state": torch.randn(5, 2).numpy(), "other": torch.zeros(5).numpy()}
    single = Items({key: torch.as_tensor(value)[:, None, None] for key, value in steps.items()}, torch.ones(5, 1, 1))
    values = reward.score_each(single)[..., 0]
    got = reward.reward(steps)
    torch.testing.assert_close(got, values.mean(0))
    torch.testing.assert_close(got, reward.score(single).steps[:, 0, 0])
    reward.pessimism = 2.0
    torch.testing.assert_close(reward.reward(steps), values.mean(0) - 2 * values.std(0))


def test_what_is_looked_at_needs_its_encoder_and_nothing_else():
    with pytest.raises(ConfigError, match="points or at image"):
        SegmentReward(["points", "image"], 0, encoder=CloudEncoder(1))
    for keys, encoder in ((["points"], None), (["state"], CloudEncoder(1)), (["image"], CloudEncoder(1))):
        with pytest.raises(ConfigError, match="choose encoder@"):
            SegmentReward(keys, 1, encoder=encoder)


def test_steps_that_do_not_fit_a_learnt_reward_are_refused():
    reward = SegmentReward(["state", "action"], 3)
    with pytest.raises(DataError, match="needs action; there is state"):
        reward.reward({"state": torch.zeros(2, 2)})
    with pytest.raises(DataError, match="must be 3 numbers a step, as in training, got 5"):
        reward.reward({"state": torch.zeros(2, 2), "action": torch.zeros(2, 3)})


def test_steps_are_rewarded_alike_however_many_there_are(monkeypatch):
    encoder = CloudEncoder(2, widths=(4, 4), points=3)
    reward = SegmentReward(["points", "state"], 1, members=2, width=4, encoder=encoder)
    steps = {"points": torch.randn(7, 5, 3), "state": torch.randn(7, 1)}
    at_once = reward.reward(steps)
    # Two members with 4 + 4 + 1 hidden numbers and 3 points of 4 + 4: 66 a step.
    monkeypatch.setattr("robopref.rewards.segment._HIDDEN", 132)
    torch.testing.assert_close(reward.reward(steps), at_once)
