"""Self-consuming curation: users pick one of four proposals, the policy is retrained on the picks, again and again.

The recursion of the mode masses is exact (the other three proposals are enumerated); the operator is simulated on
20,000 groups a round, and an exact mixture policy is retrained on 1,000 picks a round for eight rounds, with and
without a half share of real data.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import mixture_policy
from benchmarks.worlds.bandit_tuning import answered, own_chunks
from benchmarks.worlds.four_mode_bandit import FourModeBandit, total_variation
from robopref.data.labels.target_operators import curate
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.rounds import improve
from robopref.objectives.imitation import imitate
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import CleanDraw
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import SuccessTarget

WORLD, K, ROUNDS, GROUPS = FourModeBandit(), 4, 8, 1000


def curated(masses: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Masses (4,) of what is picked of K proposals: ``K p_k E[e^r_k / (e^r_k + sum of the others)]``."""
    weight, picked = np.exp(rewards), np.zeros(4)
    for others in product(range(4), repeat=K - 1):
        chance = masses[list(others)].prod()
        picked += K * masses * chance * weight / (weight + weight[list(others)].sum())
    return picked / picked.sum()


def recursion(rewards: np.ndarray, real: float, rounds: int) -> np.ndarray:
    """Masses (rounds + 1, 4) of a policy that is retrained exactly, with a share of real data."""
    start = np.array(WORLD.shares)
    masses = [start]
    for _ in range(rounds):
        masses.append(real * start + (1 - real) * curated(masses[-1], rewards))
    return np.array(masses)


def measure(seed: int) -> dict[str, Any]:
    rewards = np.array(WORLD.rewards)
    exact = recursion(rewards, 0.0, ROUNDS)
    generator = torch.Generator().manual_seed(seed)
    within = []
    for before, after in pairwise(exact):
        modes = torch.multinomial(torch.as_tensor(before), 20_000 * K, replacement=True, generator=generator)
        picks = curate(torch.as_tensor(rewards)[modes].reshape(-1, K), generator=generator).weight > 0
        share = np.bincount(modes.reshape(-1, K)[picks].numpy(), minlength=4) / 20_000
        within += list(np.abs(share - after) <= 3 * np.sqrt(after * (1 - after) / 20_000))
    found: dict[str, Any] = {"within": float(np.mean(within))}
    for name, real in {"no real data": 0.0, "half real data": 0.5}.items():
        masses = retrained(real, seed)
        found[name] = {
            "entropy": [_entropy(row) for row in (masses[0], masses[-1])],
            "distance": max(
                total_variation(*pair) for pair in zip(masses, recursion(rewards, real, ROUNDS), strict=True)
            ),
            "fixed point": total_variation(masses[-1], recursion(rewards, real, 500)[-1]),
        }
    return found


def retrained(real: float, seed: int) -> list[np.ndarray]:
    """Masses of a policy that is retrained on what users pick of its own samples, round by round."""
    policy = mixture_policy(WORLD.shares)
    masses = [policy.denoiser.masses()[0].numpy().copy()]
    reward = ImplicitReward(policy, CleanDraw((0,)), reference=None)
    train = FitConfig(60, 0.1, weight_decay=0.0, ema=0.95)
    improve(reward, gather(real), imitate, train, rounds=ROUNDS, seed=seed, batch_size=256,
            after=lambda _, now: masses.append(now.denoiser.masses()[0].numpy().copy()))  # fmt: skip
    return masses


def gather(real: float) -> Callable[[DiffusionPolicy, torch.Generator], Comparisons]:
    """One pick of four proposals in each group; a share of the groups holds real data instead."""

    def groups(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        chunks = own_chunks(WORLD, policy, GROUPS, K, generator)
        weight = curate(WORLD.reward(chunks), generator=generator).weight
        demonstrated = torch.arange(GROUPS) < real * GROUPS
        chunks[demonstrated] = WORLD.draw(GROUPS * K, generator).reshape(GROUPS, K, 1, 2)[demonstrated]
        weight[demonstrated] = torch.eye(K)[0]
        return answered(WORLD, chunks, SuccessTarget(torch.ones_like(weight), weight))

    return groups


def records(found: list[dict[str, Any]]) -> list[Record]:
    rewards = np.array(WORLD.rewards)
    exact = recursion(rewards, 0.0, ROUNDS)
    rises = np.diff(exact @ np.exp(rewards)).min()
    favoured = recursion(rewards + np.array([0.5, 0, 0, 0]), 0.0, ROUNDS)[:, 0] / exact[:, 0]
    growth = (favoured[1:] / favoured[:-1]).min()
    within = [seed["within"] for seed in found]
    worst = [seed["no real data"]["distance"] for seed in found]
    fixed = [seed["half real data"]["fixed point"] for seed in found]
    lost = {
        name: [1 - seed[name]["entropy"][1] / seed[name]["entropy"][0] for seed in found]
        for name in ("no real data", "half real data")
    }
    return [
        across_seeds("simulated picks within three standard errors of the exact recursion", within, ">= 0.98"),
        across_seeds("smallest rise of E[exp r] in a round, exact", [rises] * len(found), ">= 0", unit="reward"),
        across_seeds(
            "smallest growth a round of a useless mode that a biased rater favours, over unbiased, exact",
            [growth] * len(found),
            ">= 1",
            unit="ratio",
        ),
        across_seeds("entropy that retraining loses in eight rounds, no real data", lost["no real data"], ">= 0.5"),
        across_seeds("entropy that retraining loses, half real data", lost["half real data"], "<= 0.5"),
        across_seeds("distance (TV) to the exact recursion, worst round, no real data", worst),
        across_seeds("distance (TV) to the exact fixed point, half real data", fixed, "<= 0.15"),
    ]


def _entropy(masses: np.ndarray) -> float:
    return float(-(masses * np.log(masses)).sum())
