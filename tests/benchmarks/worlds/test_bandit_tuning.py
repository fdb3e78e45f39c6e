"""Preferences in the bandit, and tuning on them."""

import numpy as np
import pytest
import torch

from benchmarks.worlds.bandit_policies import mixture_policy
from benchmarks.worlds.bandit_tuning import (
    error_reward,
    exact_reward,
    own_chunks,
    pair_accuracy,
    path_divergence,
    preferences,
    tune,
)
from benchmarks.worlds.four_mode_bandit import MODES, FourModeBandit, total_variation
from robopref.objectives.pairwise import bradley_terry

WORLD = FourModeBandit()


def test_answers_follow_bradley_terry() -> None:
    # Mode 3 against mode 0: sigmoid(1.5) = 0.818.
    chunks = MODES[[3, 0]][None, :, None].expand(4000, 2, 1, 2)
    data = preferences(WORLD, chunks, torch.Generator().manual_seed(0))
    assert data.target.p[:, 0, 1].mean().item() == pytest.approx(0.818, abs=0.02)


def test_tuning_the_mixture_on_pairs_finds_the_optimum() -> None:
    policy, generator = mixture_policy(WORLD.shares), torch.Generator().manual_seed(0)
    data = preferences(WORLD, own_chunks(WORLD, policy, 4000, 2, generator), generator)
    reward = exact_reward(policy, 0.5)
    tune(reward, data, bradley_terry, steps=150, seed=0, learning_rate=0.05, batch_size=256, draws=None)
    before = total_variation(np.array(WORLD.shares), WORLD.optimum(0.5))
    assert before > 0.4
    # 4,000 noisy answers leave log-odds of the rarest mode to about 0.15, a distance of some 0.05.
    assert total_variation(policy.denoiser.masses()[0].numpy(), WORLD.optimum(0.5)) < 0.1
    assert pair_accuracy(WORLD, reward, data.items.decisions()[1]) > 0.99


def test_errors_of_the_optimal_mixture_estimate_its_log_ratio() -> None:
    reward = error_reward(mixture_policy(WORLD.shares), 0.5)
    with torch.no_grad():
        reward.policy.denoiser.logits.copy_(torch.as_tensor(WORLD.optimum(0.5)).log().expand(2, 4))
        draw = reward.draws.__class__(4096, 0, 50)(1, (1, 2), torch.Generator().manual_seed(0))
        told = reward.score(WORLD.observe(1), MODES[None, :, None], draw=draw).value[0]
    np.testing.assert_allclose(told - told[0], WORLD.rewards, atol=0.1)


def test_the_path_divergence_of_mixtures_is_that_of_their_masses() -> None:
    reference, policy = mixture_policy(WORLD.shares), mixture_policy(WORLD.shares)
    assert path_divergence(WORLD, policy, reference) == 0
    masses = torch.tensor([0.1, 0.2, 0.3, 0.4])
    with torch.no_grad():
        policy.denoiser.logits.copy_(masses.log().expand(2, 4))
    exact = float((masses * (masses / torch.tensor(WORLD.shares)).log()).sum())
    assert path_divergence(WORLD, policy, reference) == pytest.approx(exact, rel=0.15)
