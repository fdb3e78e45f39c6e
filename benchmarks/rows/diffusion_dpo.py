"""The Diffusion-DPO family on the same 2,000 pairs of a bandit: distance to the known optimum, reward, and damage.

Settings are those of the research notes (2,000 pairs, temperature one) or, for beta 0.5, learning rate 3e-4, of one
run on another seed; 150 steps keep the row short. The scores of the network policies are denoising errors weighed by
the ELBO.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import network_policy
from benchmarks.worlds.bandit_tuning import answered, error_reward, own_chunks, pair_accuracy, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit, total_variation
from robopref.objectives.classification import kahneman_tversky
from robopref.objectives.pairwise import bradley_terry, conservative, robust
from robopref.objectives.regression import identity_preference
from robopref.ranking.best_of_n import rank
from robopref.scores import PairTarget, SuccessTarget

BETA, STEPS, LEARNING_RATE, FLIP = 0.5, 150, 3e-4, 0.2
METHODS = {
    "DPO": bradley_terry,
    "IPO": identity_preference,
    "KTO": kahneman_tversky,
}
FLIPPED = {
    "DPO": bradley_terry,
    "conservative": partial(conservative, flip=FLIP),
    "robust": partial(robust, flip=FLIP),
}


def measure(seed: int) -> dict[str, Any]:
    world, reference = FourModeBandit(), network_policy(FourModeBandit.shares, seed)
    generator = torch.Generator().manual_seed(seed)
    data = preferences(world, own_chunks(world, reference, 2000, 2, generator), generator)
    held_out = own_chunks(world, reference, 2000, 2, generator)
    wrong = torch.rand(data.target.p.shape, generator=generator) < FLIP
    flipped = replace(data, target=PairTarget(torch.where(wrong, 1 - data.target.p, data.target.p), data.target.weight))
    single = answered(world, data.items.decisions()[1], SuccessTarget(data.target.share, torch.ones(2000, 2)))
    before = world.measure(reference)
    optimum = world.optimum(BETA)
    found: dict[str, Any] = {"reference": [total_variation(before.masses, optimum), before.reward, before.off]}
    found["intended"] = total_variation(before.masses, np.array(world.shares))
    runs = [(name, single if name == "KTO" else data, objective) for name, objective in METHODS.items()]
    runs += [(f"{name}, {FLIP:.0%} flipped", flipped, objective) for name, objective in FLIPPED.items()]
    for name, labels, objective in runs:
        policy = network_policy(world.shares, seed)
        reward = error_reward(policy, BETA)
        tune(reward, labels, objective, steps=STEPS, seed=seed, learning_rate=LEARNING_RATE)
        after = world.measure(policy)
        found[name] = [total_variation(after.masses, optimum), after.reward, after.off]
        if name == "DPO":
            found["accuracy"] = pair_accuracy(world, reward, held_out)
            groups = own_chunks(world, reference, 500, 16, generator)
            chosen = world.reward(rank(reward, world.observe(500), groups).action)
            best, chance = world.reward(groups).amax(1).mean(), world.reward(groups).mean()
            found["selected"] = float((chosen.mean() - chance) / (best - chance))
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    made = []
    methods = [name for name, value in found[0].items() if isinstance(value, list)]
    for name in methods:
        distance, reward, off = np.array([seed[name] for seed in found]).T
        made += [
            across_seeds(f"{name}: distance (TV) of the mode masses to the optimum", distance),
            across_seeds(f"{name}: mean reward (optimum {_optimal_reward():.2f})", reward, unit="reward"),
            across_seeds(f"{name}: off-mode mass", off),
        ]
    at = {name: np.array([seed[name] for seed in found]) for name in methods}
    selected = [seed["selected"] for seed in found]
    return [
        across_seeds(
            "reference: distance (TV) of its masses to the intended ones",
            [seed["intended"] for seed in found],
            "<= 0.05",
        ),
        *made,
        across_seeds("DPO: distance over the reference's", at["DPO"][:, 0] / at["reference"][:, 0], "<= 0.5"),
        across_seeds("DPO: share of the best-of-16 gap closed by selection", selected, ">= 0.8"),
        across_seeds(
            "DPO: held-out pairs ordered as the true rewards are", [seed["accuracy"] for seed in found], ">= 0.9"
        ),
        across_seeds(
            "KTO: gain in reward over DPO's",
            (at["KTO"][:, 1] - at["reference"][:, 1]) / (at["DPO"][:, 1] - at["reference"][:, 1]),
            ">= 0.9",
        ),
        *(
            across_seeds(
                f"{name}: distance minus DPO's on flipped labels",
                at[f"{name}, {FLIP:.0%} flipped"][:, 0] - at[f"DPO, {FLIP:.0%} flipped"][:, 0],
                "<= 0",
            )
            for name in ("conservative", "robust")
        ),
    ]


def _optimal_reward() -> float:
    return float(FourModeBandit().optimum(BETA) @ np.array(FourModeBandit.rewards))
