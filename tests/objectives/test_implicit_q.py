import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.implicit_q import advantage_weights, expectile_loss, td_loss


def test_the_expectile_loss_by_hand():
    # Errors q - v are 2, -1 and 0; weights 0.7 and 1 - 0.7: (0.7 * 4 + 0.3 * 1 + 0) / 3 = 3.1 / 3.
    loss = expectile_loss(torch.tensor([0.0, 1, 5]), torch.tensor([2.0, 0, 5]), 0.7)
    assert loss.item() == pytest.approx(3.1 / 3)


@pytest.mark.parametrize(("expectile", "minimiser"), [(0.5, 0.75), (0.9, 2.25), (0.1, 3 / 28)])
def test_the_minimiser_is_the_expectile(expectile, minimiser):
    # Of 0, 0, 0 and 3: tau (3 - v) = (1 - tau) 3 v, so v = 3 tau / (3 - 2 tau): 1.5 / 2, 2.7 / 1.2 and 0.3 / 2.8.
    value = torch.full((4,), minimiser, requires_grad=True)
    expectile_loss(value, torch.tensor([0.0, 0, 0, 3]), expectile).backward()
    assert value.grad.sum().item() == pytest.approx(0, abs=1e-6)


def test_half_is_half_the_squared_error():
    q, v = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 9)
    torch.testing.assert_close(expectile_loss(v, q, 0.5), 0.5 * q.square().mean(-1))


def test_the_value_is_pulled_up_more_than_down():
    value = torch.zeros(2, requires_grad=True)
    expectile_loss(value, torch.tensor([1.0, -1.0]), 0.9).backward()
    # -2 * 0.9 * 1 / 2 and 2 * 0.1 * 1 / 2.
    assert value.grad.tolist() == pytest.approx([-0.9, 0.1])


def test_the_td_loss_by_hand():
    # Targets 1 + 0.9 * 10 = 10 and, where the task ended, 2. Critic 1 errs by 1 and 0, critic 2 by 2 and 4:
    # (1 + 0) / 2 + (4 + 16) / 2 = 10.5.
    q = torch.tensor([[11.0, 2], [8, 6]])
    loss = td_loss(q, torch.tensor([1.0, 2]), torch.tensor([0.9, 0]), torch.tensor([10.0, 1000]))
    assert loss.item() == pytest.approx(10.5)


def test_losses_of_seeds_are_apart():
    generator = torch.Generator().manual_seed(0)
    q, reward, ongoing, after = (torch.randn(3, *size, generator=generator) for size in ((2, 5), (5,), (5,), (5,)))
    together = td_loss(q, reward, ongoing, after)
    assert together.shape == (3,)
    torch.testing.assert_close(together[1], td_loss(q[1], reward[1], ongoing[1], after[1]))
    torch.testing.assert_close(expectile_loss(reward, after, 0.8)[2], expectile_loss(reward[2], after[2], 0.8))


def test_the_weights_by_hand():
    # exp(3 * 0) = 1, exp(3 * 1) = 20.0855, exp(3 * -1) = 0.0498, and exp(6) = 403 is cut off at 100.
    weights = advantage_weights(torch.tensor([0.0, 1, -1, 2, 1000]), 3.0)
    assert weights.tolist() == pytest.approx([1, math.exp(3), math.exp(-3), 100, 100])


def test_temperature_zero_is_behaviour_cloning():
    assert advantage_weights(torch.tensor([-5.0, 0, 5]), 0.0).tolist() == [1, 1, 1]


@pytest.mark.parametrize("expectile", [0.0, 1.0, -1.0, math.nan])
def test_an_expectile_outside_is_refused(expectile):
    with pytest.raises(ConfigError, match="expectile must be in"):
        expectile_loss(torch.zeros(1), torch.zeros(1), expectile)


@pytest.mark.parametrize(("temperature", "largest"), [(-1.0, 100.0), (math.nan, 100.0), (1.0, 0.0)])
def test_settings_of_the_weights_that_cannot_be_are_refused(temperature, largest):
    with pytest.raises(ConfigError, match=r"temperature|largest"):
        advantage_weights(torch.zeros(1), temperature, largest=largest)
