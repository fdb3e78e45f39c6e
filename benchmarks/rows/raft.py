"""RAFT: imitate the best of eight own samples, five times; and what choosing over all states together costs.

Network policies, 256 groups a round of which a quarter holds demonstrations instead, 60 steps a round at learning rate
5e-4. The two rankings are compared with exact mixtures in two contexts: in one all rewards are higher by three, which
says nothing about which action is better there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import LEVELS, mixture_policy, network_policy
from benchmarks.worlds.bandit_tuning import answered, own_chunks
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from robopref.data.labels.target_operators import best_of, best_overall
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.rounds import improve
from robopref.objectives.imitation import imitate
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import CleanDraw, UniformDraw
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import SuccessTarget

WORLD, K, ROUNDS, GROUPS, DEMOS = FourModeBandit(), 8, 5, 256, 64


def measure(seed: int) -> dict[str, Any]:
    policy = network_policy(WORLD.shares, seed)
    outcomes = [WORLD.measure(policy)]
    reward = ImplicitReward(policy, UniformDraw(4, 0, LEVELS), cost="error", reference=None)
    improve(reward, gather, imitate, FitConfig(60, 5e-4, weight_decay=0.0, ema=0.9), rounds=ROUNDS, seed=seed,
            draws=reward.draws, after=lambda _, now: outcomes.append(WORLD.measure(now)))  # fmt: skip
    return {
        "reward": [outcome.reward for outcome in outcomes],
        "entropy": [_entropy(outcome.masses) for outcome in outcomes],
        "off": outcomes[-1].off,
        "local": two_contexts(best_of, seed),
        "top": two_contexts(lambda values: best_overall(values, share=1 / K), seed),
    }


def gather(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
    """The best of eight samples of each group, and some demonstrations."""
    chunks = own_chunks(WORLD, policy, GROUPS, K, generator)
    weight = best_of(WORLD.reward(chunks)).weight
    chunks[:DEMOS] = WORLD.draw(DEMOS * K, generator).reshape(DEMOS, K, 1, 2)
    weight[:DEMOS] = torch.eye(K)[0]
    return answered(WORLD, chunks, SuccessTarget(torch.ones_like(weight), weight))


def two_contexts(choose: Callable[[Tensor], SuccessTarget], seed: int) -> float:
    """Mean reward over both contexts, without the offset of the second, after the same five rounds."""
    policy, context = mixture_policy(WORLD.shares), torch.arange(GROUPS) % 2
    observation = WORLD.observe(GROUPS, context)

    def groups(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        chunks = policy.sample(observation, K, generator=generator)
        values = WORLD.reward(chunks) + 3.0 * context[:, None]
        return Comparisons.of_candidates(observation, chunks, choose(values), WORLD.geometry)

    reward = ImplicitReward(policy, CleanDraw((0,)), reference=None)
    improve(reward, groups, imitate, FitConfig(60, 0.1, weight_decay=0.0, ema=0.95), rounds=ROUNDS, seed=seed)
    return float((policy.denoiser.masses() @ torch.tensor(WORLD.rewards)).mean())


def records(found: list[dict[str, Any]]) -> list[Record]:
    rewards, entropy = (np.array([seed[name] for seed in found]) for name in ("reward", "entropy"))
    gap = (rewards[:, -1] - rewards[:, 0]) / (WORLD.best_of(K) - rewards[:, 0])
    local, top = (np.array([seed[name] for seed in found]) for name in ("local", "top"))
    rises = np.diff(rewards[:, :4]).min(1)
    return [
        across_seeds("share of the best-of-8 gap closed after five rounds, by the policy's own sample", gap, ">= 0.8"),
        across_seeds("smallest rise of the reward in rounds one to three", rises, ">= 0", unit="reward"),
        *(across_seeds(f"mean reward after {k} rounds", rewards[:, k], unit="reward") for k in range(ROUNDS + 1)),
        across_seeds("entropy of the mode masses before", entropy[:, 0], unit="nats"),
        across_seeds("entropy of the mode masses after five rounds", entropy[:, -1], unit="nats"),
        across_seeds("off-mode mass after five rounds", [seed["off"] for seed in found]),
        across_seeds("two contexts: mean reward with the best of every state", local, unit="reward"),
        across_seeds("two contexts: mean reward with the best of all states together", top, unit="reward"),
        across_seeds("two contexts: the former minus the latter", local - top, ">= 0", unit="reward"),
    ]


def _entropy(masses: np.ndarray) -> float:
    present = masses[masses > 0]
    return float(-(present * np.log(present)).sum())
