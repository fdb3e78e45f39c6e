"""Preferences in the bandit, and tuning a policy of it on them."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.worlds.bandit_policies import LEVELS
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from robopref.data.labels.target_operators import compare
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.loop import TrainingProgress
from robopref.learning.preference import Batches, train_reward
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import CleanDraw, StratifiedDraw, UniformDraw
from robopref.policies.weighting import elbo
from robopref.protocols import CandidateScorer, Objective, Policy
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import Target

# Uniform noise levels whose errors are weighed so that the score estimates log(pi / pi_ref): beta means what it says.
ERROR_DRAWS = UniformDraw(8, 0, LEVELS)


def own_chunks(world: FourModeBandit, policy: Policy, states: int, k: int, generator: torch.Generator) -> Tensor:
    """Samples (states, k, 1, 2) of a policy in context 0."""
    return policy.sample(world.observe(1), states * k, generator=generator)[0].reshape(states, k, 1, 2)


def preferences(world: FourModeBandit, chunks: Tensor, generator: torch.Generator, *, votes: int = 1) -> Comparisons:
    """Bradley-Terry answers at temperature one among the chunks (S, K, 1, 2) of each state."""
    return answered(world, chunks, compare(world.reward(chunks), temperature=1.0, votes=votes, generator=generator))


def answered(world: FourModeBandit, chunks: Tensor, target: Target) -> Comparisons:
    """Any answers about chunks (S, K, 1, 2) of context 0."""
    return Comparisons.of_candidates(world.observe(len(chunks)), chunks, target, world.geometry)


def error_reward(policy: DiffusionPolicy, beta: float) -> ImplicitReward:
    """The score of Diffusion-DPO, in units of the log-ratio."""
    return ImplicitReward(policy, ERROR_DRAWS, beta=beta, cost="error", weighting=elbo)


def exact_reward(policy: DiffusionPolicy, beta: float) -> ImplicitReward:
    """The exact log-ratio of a mixture policy, at the lowest noise level."""
    return ImplicitReward(policy, CleanDraw((0,)), beta=beta)


def tune(
    reward: torch.nn.Module,
    data: Comparisons,
    objective: Objective,
    *,
    steps: int,
    seed: int,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    draws: UniformDraw | None = ERROR_DRAWS,
    progress: TrainingProgress | None = None,
) -> None:
    """Train a reward, and with it its policy, on the answers."""
    config = FitConfig(steps, learning_rate, weight_decay=0.0, ema=0.9)
    train_reward(
        reward, data, objective, config, seed=seed, progress=progress, batches=Batches(size=batch_size, draws=draws)
    )


@torch.no_grad()
def pair_accuracy(world: FourModeBandit, reward: CandidateScorer, chunks: Tensor) -> float:
    """Share of the pairs (S, 2, 1, 2) with different rewards that a score orders as the rewards do."""
    true = world.reward(chunks).diff(dim=1)[:, 0]
    told = reward.score(world.observe(len(chunks)), chunks).value.diff(dim=1)[:, 0]
    return float((true.sign() == told.sign())[true != 0].float().mean())


@torch.no_grad()
def path_divergence(world: FourModeBandit, policy: DiffusionPolicy, reference: DiffusionPolicy) -> float:
    """``KL(policy, reference)`` of the whole denoising path: how far their predictions are apart on its samples."""
    generator = torch.Generator().manual_seed(2_000)
    chunks = own_chunks(world, policy, 256, 1, generator)
    draw = StratifiedDraw(2 * LEVELS, 0, LEVELS)(256, policy.shape, generator)
    observation = world.observe(256)
    noisy, timestep = policy.add_noise(chunks, draw)
    predicted = [one.denoiser(one.encoder(observation), noisy, timestep) for one in (policy, reference)]
    gap = (predicted[0] - predicted[1]).square().mean((-1, -2))
    return float((gap * elbo(policy.alphas, 2)[timestep]).mean())
