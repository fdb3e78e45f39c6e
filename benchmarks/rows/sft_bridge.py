"""The bridge from imitation to preferences: f-divergence imitation or a small learning rate before DPO.

64 demonstrations from the two good modes, 100 steps of imitation, then 100 of DPO on 1,000 pairs of the imitating
policy. The low learning rate is a tenth, as in the research notes; the f-divergences take scores against the pretrained
policy at beta one. Divergence is that of the final policy's denoising path to the pretrained policy's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import network_policy
from benchmarks.worlds.bandit_tuning import answered, error_reward, own_chunks, path_divergence, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit
from robopref.objectives.imitation import imitate
from robopref.objectives.pairwise import bradley_terry
from robopref.scores import SuccessTarget

DEMONSTRATED = FourModeBandit(shares=(0.0, 0.0, 0.5, 0.5))
RATE, STEPS = 3e-4, 100
VARIANTS = {
    "plain": (imitate, RATE, STEPS),
    "low learning rate": (imitate, 0.1 * RATE, STEPS),
    "low learning rate, six times as long": (imitate, 0.1 * RATE, 6 * STEPS),
    "chi2": (partial(imitate, divergence="chi2"), RATE, STEPS),
    "hellinger": (partial(imitate, divergence="hellinger"), RATE, STEPS),
}


def measure(seed: int) -> dict[str, Any]:
    world, pretrained = FourModeBandit(), network_policy(FourModeBandit.shares, seed)
    demos = DEMONSTRATED.draw(64, torch.Generator().manual_seed(seed))[:, None]
    shown = answered(world, demos, SuccessTarget(torch.ones(64, 1), torch.ones(64, 1)))
    found: dict[str, Any] = {}
    for name, (objective, rate, steps) in VARIANTS.items():
        policy = network_policy(world.shares, seed)
        tune(error_reward(policy, 1.0), shown, objective, steps=steps, seed=seed, learning_rate=rate)
        before, imitated = world.measure(policy).reward, path_divergence(world, policy, pretrained)
        generator = torch.Generator().manual_seed(seed + 1)
        pairs = preferences(world, own_chunks(world, policy, 1000, 2, generator), generator)
        tune(error_reward(policy, 0.5), pairs, bradley_terry, steps=STEPS, seed=seed, learning_rate=RATE)
        after = world.measure(policy)
        found[name] = [after.reward, path_divergence(world, policy, pretrained), after.off, imitated, before]
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    at = {name: np.array([seed[name] for seed in found]) for name in VARIANTS}
    made = []
    for name, values in at.items():
        made += [
            across_seeds(f"{name}: mean reward after imitation", values[:, 4], unit="reward"),
            across_seeds(f"{name}: mean reward after DPO", values[:, 0], unit="reward"),
            across_seeds(f"{name}: divergence from the pretrained policy after DPO", values[:, 1], unit="nats"),
            across_seeds(f"{name}: divergence after imitation", values[:, 3], unit="nats"),
            across_seeds(f"{name}: off-mode mass after DPO", values[:, 2]),
        ]
    for name in VARIANTS:
        if name != "plain":
            reward, divergence = (at[name] - at["plain"])[:, 0], (at[name] - at["plain"])[:, 1]
            gain = (at[name] - at["plain"])[:, 0] - (at[name] - at["plain"])[:, 4]
            made += [
                across_seeds(f"{name}: reward that DPO adds minus what it adds to plain", gain, unit="reward"),
                across_seeds(f"{name}: reward after DPO minus plain's", reward, ">= 0", unit="reward"),
                across_seeds(f"{name}: divergence after DPO minus plain's", divergence, "<= 0", unit="nats"),
            ]
    return made
