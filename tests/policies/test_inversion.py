"""Inverting the sampler: from an action to the noise that leads to it."""

from functools import partial

import pytest
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.errors import ConfigError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.inversion import invert
from tests.geometry import chunks, ropes, tiny_policy

MEAN = torch.tensor([[0.2, -0.1, 0.15, 0.05]])
STD = 0.3


def gaussian() -> DiffusionPolicy:
    """Actions are N(MEAN, STD^2 I)."""
    policy = tiny_policy(denoiser=partial(GaussianDenoiser, std=STD))
    with torch.no_grad():
        policy.denoiser.mean.copy_(MEAN)
    return policy


def level(timestep: int) -> Tensor:
    return torch.full((2, 6), timestep)


ACTIONS = MEAN + STD * torch.randn(2, 6, 1, 4, generator=torch.Generator().manual_seed(0))


def noisy(policy: DiffusionPolicy, noise: Tensor, timestep: int) -> Tensor:
    """What the forward process makes of the actions with this noise."""
    abar = policy.alphas[timestep]
    return abar.sqrt() * ACTIONS + (1 - abar).sqrt() * noise


def sampled(policy: DiffusionPolicy, chunk: Tensor, timestep: int) -> Tensor:
    """DDIM through every level below, down to no noise."""
    state = policy.encoder(ropes(2))
    for current in range(timestep, -1, -1):
        noise = policy.denoiser(state, chunk, level(current)).detach()
        clean = (chunk - (1 - policy.alphas[current]).sqrt() * noise) / policy.alphas[current].sqrt()
        before = policy.alphas[current - 1] if current > 0 else torch.ones(())
        chunk = before.sqrt() * clean + (1 - before).sqrt() * noise
    return chunk


def off(timestep: int, steps: int) -> float:
    """How far sampling from the inverted noise misses the action, root mean square."""
    policy = gaussian()
    noise = invert(policy, policy.encoder(ropes(2)), ACTIONS, level(timestep), steps=steps)
    return (sampled(policy, noisy(policy, noise, timestep), timestep) - ACTIONS).square().mean().sqrt().item()


@pytest.mark.parametrize("timestep", [20, 60])
def test_sampling_from_the_inverted_noise_returns_the_action(timestep: int) -> None:
    errors = [off(timestep, steps) for steps in (2, 5, 15, 50)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05


def test_many_steps_follow_the_flow_of_gaussians() -> None:
    # The probability flow of Gaussians keeps a point at its number of standard deviations from the mean: at abar,
    # (x - sqrt(abar) mean) / sqrt(abar std^2 + 1 - abar) = (a - mean) / std.
    policy, timestep = gaussian(), 60
    noise = invert(policy, policy.encoder(ropes(2)), ACTIONS, level(timestep), steps=60)
    abar = policy.alphas[timestep]
    expected = abar.sqrt() * MEAN + (abar * STD**2 + 1 - abar).sqrt() * (ACTIONS - MEAN) / STD
    torch.testing.assert_close(noisy(policy, noise, timestep), expected, atol=0.05, rtol=0.03)


def test_two_steps_by_hand_end_at_the_level_asked_for() -> None:
    policy = gaussian()
    state, middle, last = policy.encoder(ropes(2)), policy.alphas[10], policy.alphas[21]
    first = policy.denoiser(state, ACTIONS, level(0)).detach()
    halfway = middle.sqrt() * ACTIONS + (1 - middle).sqrt() * first
    second = policy.denoiser(state, halfway, level(10)).detach()
    clean = (halfway - (1 - middle).sqrt() * second) / middle.sqrt()
    there = last.sqrt() * clean + (1 - last).sqrt() * second
    noise = invert(policy, state, ACTIONS, level(21), steps=2)
    torch.testing.assert_close(noisy(policy, noise, 21), there)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_a_noise_that_is_the_same_everywhere_is_returned_from_every_level(steps: int) -> None:
    # Where the denoiser always finds the same noise, a way of any number of steps goes straight: it adds that noise to
    # the action in the proportion of its last level, so that inversion returns it.
    policy, constant = gaussian(), torch.tensor([[0.5, -1.0, 2.0, 0.0]])
    policy.denoiser.forward = lambda state, chunk, timestep: constant.expand_as(chunk)
    timestep = torch.tensor([[0, 1, 10, 37, 61, 90], [5, 13, 29, 44, 77, 85]])
    noise = invert(policy, policy.encoder(ropes(2)), ACTIONS, timestep, steps=steps)
    torch.testing.assert_close(noise, constant.expand_as(noise), atol=2e-4, rtol=1e-3)


def test_every_level_is_visited_from_below_once_there_are_enough_steps() -> None:
    policy, seen = gaussian(), list[list[int]]()
    policy.denoiser.register_forward_hook(lambda _module, given, _result: seen.append(given[2][0].tolist()))
    invert(policy, policy.encoder(ropes(1)), chunks(1, 2), torch.tensor([[8, 5]]), steps=4)
    # floor(8 k / 4) and floor(5 k / 4) for k = 0..3
    assert seen == [[0, 0], [2, 1], [4, 2], [6, 3]]


def test_candidates_are_inverted_alike_in_any_company() -> None:
    policy, actions = tiny_policy(NoiseDenoiser), chunks(2, 6)
    state, timestep = policy.encoder(ropes(2)), torch.randint(100, (2, 6), generator=torch.Generator().manual_seed(0))
    together = invert(policy, state, actions, timestep)
    alone = torch.cat([invert(policy, state, actions[:, [i]], timestep[:, [i]]) for i in range(6)], dim=1)
    torch.testing.assert_close(alone, together, atol=1e-3, rtol=1e-3)
    assert not together.requires_grad


def test_inversion_needs_steps() -> None:
    policy = gaussian()
    with pytest.raises(ConfigError, match="inversion needs steps >= 1, got 0"):
        invert(policy, policy.encoder(ropes(2)), ACTIONS, level(3), steps=0)
