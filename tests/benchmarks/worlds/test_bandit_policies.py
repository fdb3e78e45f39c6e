"""Policies of the bandit: the exact mixture, and networks that learn it."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from benchmarks.worlds.bandit_policies import mixture_policy, network_policy
from benchmarks.worlds.bandit_tuning import exact_reward
from benchmarks.worlds.four_mode_bandit import MODES, SPREAD, FourModeBandit, total_variation
from robopref.nets.denoiser import EnergyDenoiser
from robopref.scores import NoiseDraw

WORLD = FourModeBandit()


@pytest.mark.slow
def test_the_mixture_samples_the_reference() -> None:
    outcome = WORLD.measure(mixture_policy(WORLD.shares), count=20_000)
    assert total_variation(outcome.masses, np.array(WORLD.shares)) < 0.03
    assert outcome.off < 0.02


def test_the_energy_of_the_mixture_is_the_negative_log_density() -> None:
    policy = mixture_policy(WORLD.shares)
    actions = WORLD.draw(16, torch.Generator().manual_seed(0))[None]
    level = torch.tensor([[20]])
    draw = NoiseDraw(level, torch.zeros(1, 1, 1, 2), torch.ones(1))
    got = policy.energy(policy.encoder(WORLD.observe(1)), actions, draw)[0, :, 0]
    alpha = policy.alphas[20]
    scale = (alpha * SPREAD**2 + 1 - alpha) * torch.eye(2)
    noisy = MixtureSameFamily(
        Categorical(torch.tensor(WORLD.shares)), MultivariateNormal(alpha.sqrt() * MODES, scale.expand(4, 2, 2))
    )
    torch.testing.assert_close(got.detach(), -noisy.log_prob(alpha.sqrt() * actions[0, :, 0]), atol=1e-4, rtol=1e-4)


def test_contexts_have_masses_of_their_own() -> None:
    policy = mixture_policy(WORLD.shares)
    with torch.no_grad():
        policy.denoiser.logits[1] = torch.tensor([0.0, 0.0, 0.0, 20.0])
    observation = WORLD.observe(2, torch.tensor([0, 1]))
    actions = policy.sample(observation, 400, generator=torch.Generator().manual_seed(0))
    assert (WORLD.mode(actions[1]) == 3).all()
    assert (WORLD.mode(actions[0]) == 0).float().mean().item() == pytest.approx(0.4, abs=0.08)


def test_the_score_of_the_optimal_mixture_is_the_reward_up_to_a_constant() -> None:
    reward = exact_reward(mixture_policy(WORLD.shares), 0.5)
    with torch.no_grad():
        reward.policy.denoiser.logits.copy_(torch.as_tensor(WORLD.optimum(0.5)).log().expand(2, 4))
    told = reward.score(WORLD.observe(1), MODES[None, :, None]).value[0].detach()
    np.testing.assert_allclose(told - told[0], WORLD.rewards, atol=1e-3)


@pytest.mark.slow
def test_a_network_learns_the_reference() -> None:
    # Fewer steps than the benchmark takes, which reports the same distance for every seed and denoiser.
    outcome = WORLD.measure(network_policy(WORLD.shares, 0, EnergyDenoiser, steps=200))
    assert total_variation(outcome.masses, np.array(WORLD.shares)) < 0.1
    assert outcome.off < 0.3


def test_every_call_gives_a_fresh_copy() -> None:
    one, other = (network_policy(WORLD.shares, 1, steps=1) for _ in range(2))
    with torch.no_grad():
        next(one.parameters()).add_(1.0)
    assert not torch.equal(next(one.parameters()), next(other.parameters()))
    torch.testing.assert_close(network_policy(WORLD.shares, 1, steps=1).state_dict(), other.state_dict())
