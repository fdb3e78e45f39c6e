"""VPO: pessimism on bad offline data, optimism where the best mode is rare.

Offline: 300 pairs among two of the four modes, every fifth label flipped, trained for long (250 steps at learning rate
1e-3, network policies). Online: the best mode has mass 0.02; ten rounds of 64 pairs of the current policy, all kept,
against the first policy as reference, beta 0.15 (exact mixtures). Strengths and betas come from runs on another seed:
with beta 0.1 neither method ever found the mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import mixture_policy, network_policy
from benchmarks.worlds.bandit_tuning import answered, error_reward, exact_reward, own_chunks, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from robopref.data.labels.target_operators import compare
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.regularize import ValueTerm
from robopref.protocols import Objective
from robopref.scores import PairTarget

FLIP, PESSIMISM, OPTIMISM, ROUNDS, REPEATS = 0.2, 1.0, 0.1, 10, 2
RARE = FourModeBandit(shares=(0.4, 0.38, 0.2, 0.02))


def measure(seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, objective in {
        "DPO": bradley_terry,
        "VPO": ValueTerm(bradley_terry, PESSIMISM, sign=-1, over="preferred"),
    }.items():
        found[name] = offline(objective, seed)
    for name, objective in {
        "online DPO": bradley_terry,
        "online VPO": ValueTerm(bradley_terry, OPTIMISM, sign=1),
    }.items():
        found[name] = np.mean([rounds_to_half(objective, REPEATS * seed + k) for k in range(REPEATS)])
    return found


def offline(objective: Objective, seed: int) -> dict[str, float]:
    """Damage and reward after long training on what covers two modes badly."""
    world, policy = FourModeBandit(), network_policy(FourModeBandit.shares, seed)
    generator = torch.Generator().manual_seed(seed)
    chunks = own_chunks(world, policy, 1, 2000, generator)[0]
    covered = chunks[(world.mode(chunks) == 1) | (world.mode(chunks) == 2)][:600].reshape(300, 2, 1, 2)
    target = compare(world.reward(covered), temperature=1.0, generator=generator)
    wrong = torch.rand(target.p.shape, generator=generator) < FLIP
    data = answered(world, covered, PairTarget(torch.where(wrong, 1 - target.p, target.p), target.weight))
    seen: list[float] = []

    def watch(step: int, metrics: dict[str, float]) -> None:
        del metrics
        if step % 50 == 0:
            seen.append(world.measure(policy, count=1024).reward)

    tune(error_reward(policy, 0.5), data, objective, steps=250, seed=seed, learning_rate=1e-3, progress=watch)
    after = world.measure(policy)
    return {"off": after.off, "reward": after.reward, "drop": (max(seen) - seen[-1]) / max(seen)}


def rounds_to_half(objective: Objective, seed: int) -> int:
    """Rounds until the rare best mode holds half of the mass; one more than there are if it never does."""
    policy = mixture_policy(RARE.shares)
    reward, answers = exact_reward(policy, 0.15), []
    for index in range(ROUNDS):
        generator = torch.Generator().manual_seed(1000 * seed + index)
        answers.append(preferences(RARE, own_chunks(RARE, policy, 64, 2, generator), generator))
        chunks = torch.cat([data.items.decisions()[1] for data in answers])
        p, weight = (torch.cat([getattr(data.target, part) for data in answers]) for part in ("p", "weight"))
        data = answered(RARE, chunks, PairTarget(p, weight))
        tune(reward, data, objective, steps=60, seed=seed, learning_rate=0.2, batch_size=64, draws=None)
        if policy.denoiser.masses()[0, 3] >= 0.5:
            return index + 1
    return ROUNDS + 1


def records(found: list[dict[str, Any]]) -> list[Record]:
    off, reward, drop = (
        {name: np.array([seed[name][what] for seed in found]) for name in ("DPO", "VPO")}
        for what in ("off", "reward", "drop")
    )
    slow, fast = (np.array([seed[name] for seed in found]) for name in ("online DPO", "online VPO"))
    return [
        *(across_seeds(f"off-mode mass of {name}, bad coverage and flipped labels", off[name]) for name in off),
        *(across_seeds(f"mean reward of {name} on the same", reward[name], unit="reward") for name in reward),
        across_seeds("off-mode mass of pessimistic VPO over DPO's", off["VPO"] / off["DPO"], "<= 0.5"),
        across_seeds("fall of VPO's reward from its peak", drop["VPO"], "<= 0.05"),
        across_seeds("fall of DPO's reward from its peak", drop["DPO"]),
        across_seeds(f"rounds of DPO until the rare mode holds half ({ROUNDS + 1}: never)", slow, unit="rounds"),
        across_seeds("rounds of optimistic VPO until the rare mode holds half", fast, unit="rounds"),
        across_seeds("rounds of VPO minus DPO's", fast - slow, "<= -0.5", unit="rounds"),
    ]
