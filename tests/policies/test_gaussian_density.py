"""Densities of actions, against a computation by hand."""

import math

import pytest
import torch

from robopref.policies.gaussian_density import GaussianDensity


def test_the_density_is_that_of_a_gaussian() -> None:
    density = GaussianDensity(1, 2, hidden=[])
    with torch.no_grad():
        density.mean[0].weight.copy_(torch.tensor([[1.0], [2.0]]))
        density.mean[0].bias.zero_()
        density.log_std.copy_(torch.tensor([0.0, math.log(2.0)]))
    state, action = torch.tensor([0.5]), torch.tensor([1.5, 3.0])
    # Means 0.5 and 1, so 1 and 2 / 2 = 1 deviations off: -(1 + 1) / 2 - log 2 - log(2 pi).
    density.requires_grad_(False)
    assert float(density(state, action)) == pytest.approx(-1 - math.log(2) - math.log(2 * math.pi))
    # With deviations of one: 1 and 2 off, -(1 + 4) / 2 - log(2 pi).
    assert float(density(state, action, log_std=torch.zeros(2))) == pytest.approx(-2.5 - math.log(2 * math.pi))


def test_it_can_be_made_again() -> None:
    density = GaussianDensity(3, 2, hidden=[5, 4])
    other = GaussianDensity.of(density.settings)
    other.load_state_dict(density.state_dict())
    state, action = torch.randn(7, 3), torch.randn(7, 2)
    torch.testing.assert_close(other(state, action), density(state, action))
