"""Gaussians with linear rewards: sampling, scores and the tuned optimum in closed form."""

import numpy as np
import torch

from benchmarks.worlds.gauss_linear import GaussLinear
from robopref.policies.draws import CleanDraw
from robopref.rewards.implicit import ImplicitReward

GRADIENT, BETA = np.array([8.0, -4.0]), 1.0


def tuned() -> ImplicitReward:
    """The optimum as an implicit reward."""
    reward = ImplicitReward(GaussLinear().policy(), CleanDraw((0,)), beta=BETA)
    with torch.no_grad():
        reward.policy.denoiser.mean.copy_(torch.as_tensor(GaussLinear().optimum(GRADIENT, BETA)))
    return reward


def test_the_optimum_by_hand() -> None:
    # 0.15^2 = 0.0225 times (8, -4) over 2.
    np.testing.assert_allclose(GaussLinear().optimum(GRADIENT, 2.0), [0.09, -0.045])


def test_samples_of_the_optimum_have_its_mean_and_spread() -> None:
    world = GaussLinear()
    samples = tuned().policy.sample(world.observe(1), 20_000, generator=torch.Generator().manual_seed(0))[0, :, 0]
    np.testing.assert_allclose(samples.mean(0), world.optimum(GRADIENT, BETA), atol=0.004)
    np.testing.assert_allclose(samples.std(0) / world.std, 1, atol=0.03)


def test_the_score_of_the_optimum_is_the_reward_up_to_a_constant() -> None:
    # beta (log N(a; s^2 g / beta, s^2) - log N(a; 0, s^2)) = g . a - constant.
    actions = 0.3 * torch.randn(1, 64, 1, 2, generator=torch.Generator().manual_seed(0))
    told = tuned().score(GaussLinear().observe(1), actions).value[0].detach().numpy()
    true = actions[0, :, 0].numpy() @ GRADIENT
    np.testing.assert_allclose(told - told.mean(), true - true.mean(), rtol=0.01, atol=0.01)
