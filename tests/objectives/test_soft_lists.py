"""Lists whose values say how much better an item is."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.soft_lists import soft_list_loss


def test_the_loss_is_the_cross_entropy_of_the_shares() -> None:
    # Values (ln 3, 0) are shares (3/4, 1/4), scores (0, 0) are (1/2, 1/2): 3/4 ln 2 + 1/4 ln 2 = ln 2.
    values = torch.tensor([[math.log(3), 0.0]])
    assert soft_list_loss(torch.zeros(1, 2), values).item() == pytest.approx(math.log(2))
    # Scores (ln 3, 0) are the same shares: 3/4 ln 4/3 + 1/4 ln 4 = 0.5623.
    assert soft_list_loss(values, values).item() == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    # At half the temperature the shares are (9/10, 1/10): against (1/2, 1/2) it is ln 2 still, against (3/4, 1/4)
    # 9/10 ln 4/3 + 1/10 ln 4 = 0.3975.
    half = soft_list_loss(values, values, temperature=0.5).item()
    assert half == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4))


def test_it_is_the_mean_over_lists_and_a_common_shift_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, values = torch.randn(2, 5, 4, generator=generator)
    each = torch.stack([soft_list_loss(scores[k : k + 1], values[k : k + 1]) for k in range(5)])
    torch.testing.assert_close(soft_list_loss(scores, values), each.mean())
    torch.testing.assert_close(soft_list_loss(scores + 3, values - torch.arange(5)[:, None]), each.mean())


def test_it_pulls_the_best_item_up() -> None:
    scores = torch.zeros(1, 3, requires_grad=True)
    soft_list_loss(scores, torch.tensor([[2.0, 0.0, -1.0]])).backward()
    assert scores.grad is not None
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1] < scores.grad[0, 2]
    assert scores.grad.sum().item() == pytest.approx(0, abs=1e-6)


def test_a_temperature_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        soft_list_loss(torch.zeros(1, 2), torch.zeros(1, 2), temperature=0)
