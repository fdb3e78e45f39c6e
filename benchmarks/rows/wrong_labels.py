"""Three labels in ten reversed, as RoDiF (Vatsa et al. 2026) corrupts them: what is left of the optimum.

1,000 pairs of the reference's own samples, answered by Bradley-Terry at temperature one; network policies, beta 0.5,
trained for long (150 steps at learning rate 1e-3). The distance is that of the modes' masses to those of the policy
that is optimal for the reward, half the sum of absolute differences. The off-mode mass is how far a policy has drifted
off the data: samples outside of all modes, 1.1 % for the exact reference. ``flip`` of cDPO and robust DPO is the true
share. All states are one, so a contrast of RPO has a 32nd of the weight, as one of a batch of 32, and its beta is 32
times DPO's. Targets were set after a run of 250 steps on another seed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import network_policy
from benchmarks.worlds.bandit_tuning import answered, error_reward, own_chunks, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit, total_variation
from robopref.data.labels.target_operators import compare, operated, succeed
from robopref.objectives.pairwise import bradley_terry, conservative, robust
from robopref.objectives.proximal import ProximalAnchor
from robopref.objectives.regularize import ValueTerm
from robopref.objectives.relative import relative_preference, relative_utility
from robopref.scores import PairTarget

WORLD, BETA, WRONG, BATCH = FourModeBandit(), 0.5, 0.3, 32
OBJECTIVES: dict[str, Any] = {
    "DPO": bradley_terry,
    "cDPO": partial(conservative, flip=WRONG),
    "robust DPO": partial(robust, flip=WRONG),
    "RPO": relative_preference,
    "RKO": relative_utility,
    "anchored DPO": ProximalAnchor(bradley_terry),
    "anchored robust DPO": ProximalAnchor(partial(robust, flip=WRONG)),
    "FlowPRO": ValueTerm(ProximalAnchor(bradley_terry), 1.0, sign=-1, over="preferred"),
}
RIGHT = "DPO, all labels right"


def measure(seed: int) -> dict[str, list[float]]:
    """Distance to the optimum, off-mode mass and mean reward of each method."""
    source = network_policy(WORLD.shares, seed)
    generator = torch.Generator().manual_seed(seed)
    chunks = own_chunks(WORLD, source, 1000, 2, generator)
    right = compare(WORLD.reward(chunks), temperature=1.0, generator=generator)
    reversed_ = torch.rand(len(chunks), 1, 1, generator=generator) < WRONG
    wrong = PairTarget(torch.where(reversed_, 1 - right.p, right.p), right.weight)
    found = {"reference": _of(source), RIGHT: _tuned(bradley_terry, chunks, right, seed)}
    return found | {name: _tuned(objective, chunks, wrong, seed) for name, objective in OBJECTIVES.items()}


def _tuned(objective: Any, chunks: torch.Tensor, target: PairTarget, seed: int) -> list[float]:
    policy = network_policy(WORLD.shares, seed)
    data = answered(WORLD, chunks, target)
    if objective is relative_utility:
        data = operated(data, succeed)
    beta = BETA * (BATCH if objective is relative_preference else 1)
    reward = error_reward(policy, beta)
    tune(reward, data, objective, steps=150, seed=seed, learning_rate=1e-3, batch_size=BATCH)
    return _of(policy)


def _of(policy: Any) -> list[float]:
    outcome = WORLD.measure(policy, count=2048)
    return [total_variation(outcome.masses, WORLD.optimum(BETA)), outcome.off, outcome.reward]


def records(found: list[dict[str, list[float]]]) -> list[Record]:
    """The claims."""
    at = {name: np.array([seed[name] for seed in found]).T for name in found[0]}
    made: list[Record] = []
    for name, (distance, off, reward) in at.items():
        made += [
            across_seeds(f"distance of {name} to the optimum", distance),
            across_seeds(f"off-mode mass of {name}", off),
            across_seeds(f"mean reward of {name}", reward, unit="reward"),
        ]
    for name in list(OBJECTIVES)[1:]:
        distance, off, _ = at[name]
        made += [
            across_seeds(f"distance of {name} to the optimum less DPO's", distance - at["DPO"][0], "<= 0"),
            across_seeds(f"off-mode mass of {name} over DPO's", off / at["DPO"][1], "<= 0.5"),
        ]
    return made
