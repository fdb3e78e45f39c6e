"""RLG: the dial between a reference and its tuned copy, where the answer is closed form and where it is not.

Gaussians: 20,000 samples at each weight against ``weight * s^2 g / beta``. Bandit: a network policy tuned by DPO on
1,000 pairs (beta 0.5, 150 steps).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import network_policy
from benchmarks.worlds.bandit_tuning import error_reward, own_chunks, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from benchmarks.worlds.gauss_linear import GaussLinear
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.guidance import GuidedPolicy

GRADIENT, ANALYTIC, DIAL = np.array([8.0, 4.0]), (0.0, 0.5, 1.0, 2.0), (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


def measure(seed: int) -> dict[str, Any]:
    return {"gauss": [_gauss(weight, seed) for weight in ANALYTIC], "bandit": _bandit(seed)}


def _gauss(weight: float, seed: int) -> list[float]:
    """Error of the sampled mean over the mean at weight one, and sampled over true standard deviation."""
    world, tuned = GaussLinear(), GaussLinear().policy()
    mean = world.optimum(GRADIENT, 1.0)
    with torch.no_grad():
        tuned.denoiser.mean.copy_(torch.as_tensor(mean))
    guided = GuidedPolicy(world.policy(), tuned, weight)
    samples = guided.sample(world.observe(1), 20_000, generator=torch.Generator().manual_seed(seed))[0, :, 0].numpy()
    error = np.linalg.norm(samples.mean(0) - weight * mean) / (np.linalg.norm(mean) * max(weight, 0.5))
    return [float(error), float(samples.std(0).mean() / world.std)]


def _bandit(seed: int) -> list[list[float]]:
    """Mean reward and off-mode mass at every position of the dial."""
    world, reference, tuned = FourModeBandit(), *(network_policy(FourModeBandit.shares, seed) for _ in range(2))
    generator = torch.Generator().manual_seed(seed)
    pairs = preferences(world, own_chunks(world, reference, 1000, 2, generator), generator)
    tune(error_reward(tuned, 0.5), pairs, bradley_terry, steps=150, seed=seed, learning_rate=3e-4)
    outcomes = [world.measure(GuidedPolicy(reference, tuned, weight)) for weight in DIAL]
    return [[outcome.reward, outcome.off] for outcome in outcomes]


def records(found: list[dict[str, Any]]) -> list[Record]:
    gauss, bandit = (np.array([seed[name] for seed in found]) for name in ("gauss", "bandit"))
    rises = np.diff(bandit[:, : len(DIAL) - 1, 0], axis=1).min(axis=1)
    made = [
        across_seeds("Gaussians: largest error of the mean over weights 0, 0.5, 1, 2", gauss[..., 0].max(1), "<= 0.03"),
        across_seeds("Gaussians: largest error of the standard deviation", np.abs(gauss[..., 1] - 1).max(1), "<= 0.03"),
        across_seeds(
            "bandit: smallest rise of the reward from a weight to the next, up to 2", rises, ">= 0", unit="reward"
        ),
    ]
    for index, weight in enumerate(DIAL):
        made.append(across_seeds(f"bandit: mean reward at weight {weight:g}", bandit[:, index, 0], unit="reward"))
        made.append(across_seeds(f"bandit: off-mode mass at weight {weight:g}", bandit[:, index, 1]))
    return made
