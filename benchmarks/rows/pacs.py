"""PACS: cross-entropy of outcomes on group-relative scores, against REINFORCE with the same baseline.

Exact mixture policies, all modes alike at first, success with probability 0.1, 0.3, 0.5, 0.9 by mode; 40 rounds of 32
groups of eight, four steps a round at learning rate 0.05 for both (beta 1, as in the released code). Two runs a seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import mixture_policy
from benchmarks.worlds.bandit_tuning import answered, exact_reward, own_chunks
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from robopref.data.labels.target_operators import balanced
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.rounds import improve
from robopref.objectives.classification import group_cross_entropy
from robopref.policies.diffusion import DiffusionPolicy
from robopref.protocols import Objective
from robopref.scores import Loss, Scores, SuccessTarget

WORLD = FourModeBandit(rewards=(0.1, 0.3, 0.5, 0.9), shares=(0.25, 0.25, 0.25, 0.25))
ROUNDS, GROUPS, K, REPEATS = 40, 32, 8, 2


def reinforce(scores: Scores, target: SuccessTarget) -> Loss:
    """Imitation weighed by the advantage over the rest of the group (RLOO)."""
    count = target.y.shape[1]
    advantage = (target.y - target.y.mean(1, keepdim=True)) * count / (count - 1)
    total = -(advantage * scores.value).mean()
    return Loss(total, {"loss": total.detach()})


def measure(seed: int) -> dict[str, Any]:
    methods = {"PACS": (group_cross_entropy, balanced), "REINFORCE": (reinforce, lambda target: target)}
    runs = {name: [run(*parts, REPEATS * seed + k) for k in range(REPEATS)] for name, parts in methods.items()}
    return {name: np.array(values).tolist() for name, values in runs.items()}


def run(objective: Objective, weigh: Any, seed: int) -> list[list[float]]:
    """Masses of the modes after every round."""
    policy, masses = mixture_policy(WORLD.shares), list[list[float]]()

    def groups(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        chunks = own_chunks(WORLD, policy, GROUPS, K, generator)
        success = (torch.rand(GROUPS, K, generator=generator) < WORLD.reward(chunks)).float()
        return answered(WORLD, chunks, weigh(SuccessTarget(success, torch.ones(GROUPS, K))))

    train = FitConfig(4, 0.05, weight_decay=0.0, ema=0.0)
    improve(exact_reward(policy, 1.0), groups, objective, train, rounds=ROUNDS, seed=seed,
            after=lambda _, now: masses.append(now.denoiser.masses()[0].tolist()))  # fmt: skip
    return masses


def records(found: list[dict[str, Any]]) -> list[Record]:
    runs = {name: np.concatenate([np.array(seed[name]) for seed in found]) for name in found[0]}
    success = {name: masses @ np.array(WORLD.rewards) for name, masses in runs.items()}
    made = [across_seeds("PACS: mass of the best mode after 40 rounds", runs["PACS"][:, -1, 3], ">= 0.9")]
    made.append(across_seeds("REINFORCE: mass of the best mode after 40 rounds", runs["REINFORCE"][:, -1, 3]))
    for name, values in success.items():
        made.append(across_seeds(f"{name}: success after 20 rounds", values[:, 19]))
        made.append(across_seeds(f"{name}: success after 40 rounds", values[:, -1]))
    # Absolute deviations from the mean of all runs: their mean is the spread between runs, run by run.
    for rounds in (20, ROUNDS):
        spread = {name: np.abs(v[:, rounds - 1] - v[:, rounds - 1].mean()) for name, v in success.items()}
        target = "<= 0" if rounds == ROUNDS else ""
        difference = spread["PACS"] - spread["REINFORCE"]
        made += [
            across_seeds(f"{name}: spread of the success between runs, {rounds} rounds", spread[name])
            for name in spread
        ]
        made.append(across_seeds(f"PACS: spread minus REINFORCE's, {rounds} rounds", difference, target))
    return made
