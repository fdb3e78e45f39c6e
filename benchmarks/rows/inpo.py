"""DDIM-InPO: inverted instead of random noise, at equal steps and at equal time.

Network policies, 2,000 pairs, beta 0.5, learning rate 3e-4, five steps of inversion (the research notes give 5 to 10);
100 and 200 steps. Equal time: DPO for as many more steps as a step of InPO takes longer, measured on the spot.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import network_policy
from benchmarks.worlds.bandit_tuning import error_reward, own_chunks, pair_accuracy, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit, total_variation
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.inverted import InvertedReward

BETA = 0.5


def measure(seed: int) -> dict[str, Any]:
    world, reference = FourModeBandit(), network_policy(FourModeBandit.shares, seed)
    generator = torch.Generator().manual_seed(seed)
    data = preferences(world, own_chunks(world, reference, 2000, 2, generator), generator)
    held_out = own_chunks(world, reference, 1000, 2, generator)

    def run(inverted: bool, steps: int) -> list[float]:
        policy = network_policy(world.shares, seed)
        build = lambda tuned: error_reward(tuned, BETA)  # noqa: E731
        reward: ImplicitReward | InvertedReward = InvertedReward(policy, build) if inverted else build(policy)
        began = time.process_time()
        tune(reward, data, bradley_terry, steps=steps, seed=seed, learning_rate=3e-4)
        took = time.process_time() - began
        after = world.measure(policy)
        distance = total_variation(after.masses, world.optimum(BETA))
        # In training a reward of inverted noise asks at that noise, in evaluation at random noise.
        right = [pair_accuracy(world, reward.train(training), held_out) for training in (False, True)]
        return [after.reward, right[0], distance, after.off, right[1], took]

    found = {f"{name}, {steps} steps": run(name == "InPO", steps) for steps in (100, 200) for name in ("DPO", "InPO")}
    ratio = found["InPO, 100 steps"][-1] / found["DPO, 100 steps"][-1]
    return {**found, "DPO, time of InPO's 100 steps": run(False, round(100 * ratio)), "ratio": ratio}


def records(found: list[dict[str, Any]]) -> list[Record]:
    at = {name: np.array([seed[name] for seed in found]) for name in found[0] if name != "ratio"}
    made = []
    for name, values in at.items():
        made += [
            across_seeds(f"{name}: mean reward", values[:, 0], unit="reward"),
            across_seeds(f"{name}: held-out pairs ordered as the true rewards are", values[:, 1]),
            across_seeds(f"{name}: distance (TV) to the optimum", values[:, 2]),
            across_seeds(f"{name}: off-mode mass", values[:, 3]),
            across_seeds(f"{name}: held-out pairs ordered as the true rewards are, asked as in training", values[:, 4]),
        ]
    inpo, dpo = at["InPO, 100 steps"], at["DPO, 100 steps"]
    equal = at["DPO, time of InPO's 100 steps"]
    later = at["InPO, 200 steps"] - at["DPO, 200 steps"]
    return [
        *made,
        across_seeds("time of a step of InPO over DPO's", [seed["ratio"] for seed in found], unit="ratio"),
        across_seeds("InPO's reward minus DPO's, 100 steps", inpo[:, 0] - dpo[:, 0], ">= 0", unit="reward"),
        across_seeds("InPO's accuracy minus DPO's, 100 steps", inpo[:, 1] - dpo[:, 1], ">= 0"),
        across_seeds("InPO's accuracy at inverted noise minus DPO's, 100 steps", inpo[:, 4] - dpo[:, 1]),
        across_seeds("InPO's reward minus DPO's in the same time", inpo[:, 0] - equal[:, 0], unit="reward"),
        across_seeds("InPO's distance minus DPO's, 200 steps", later[:, 2]),
    ]
