"""What seeing the state adds to the density of an action."""

import pytest
import torch

from robopref.errors import PolicyError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.records import Observation
from robopref.rewards.likelihood import LikelihoodScore
from robopref.rewards.masked_likelihood import MaskedLikelihoodScore
from tests.geometry import chunks, ropes, tiny_policy


def test_it_is_the_density_less_that_of_a_state_without_points() -> None:
    policy, seen, actions = tiny_policy(), ropes(2), chunks(2, 3)
    plain = LikelihoodScore(policy)
    blind = Observation(torch.zeros_like(seen.points), seen.proprio)
    expected = plain.score(seen, actions).value - 0.5 * plain.score(blind, actions).value
    torch.testing.assert_close(MaskedLikelihoodScore(policy, weight=0.5).score(seen, actions).value, expected)
    # Where there is nothing to see, seeing adds nothing.
    torch.testing.assert_close(MaskedLikelihoodScore(policy).score(blind, actions).value, torch.zeros(2, 3))
    with pytest.raises(PolicyError, match="EnergyDenoiser"):
        MaskedLikelihoodScore(tiny_policy(NoiseDenoiser))
