"""FeatureReach: the same as `sirl` for motions of a cup past a laptop and a person, seen as eight states.

Motions begin at random moments of a demonstrator's episodes, and hold a random action that is disturbed. What people go
by is the mean over a motion of the four features that the task reports and no observation holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.records import Record
from benchmarks.worlds.alike import World, measured, standardised
from benchmarks.worlds.alike import records as alike_records
from robopref.robots.sim import SimTask, TaskSpec, start

_STARTS, _MOTIONS, _STEPS = 300, 11, 8


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(1000 + seed)
    task = SimTask(TaskSpec("envs:robopref/FeatureReach-v0", {"state": True, "points": False}))
    steps, features = [], []
    for index in range(_STARTS):
        moment = start(task, 100_000 + 10_000 * seed + index, warm_up=12)
        for _ in range(_MOTIONS):
            task.rewind(moment.snapshot, index)
            held = rng.uniform(-1, 1, 4)
            way, seen = [], []
            for _ in range(_STEPS):
                action = np.clip(held + 0.3 * rng.standard_normal(4), -1, 1).astype(np.float32)
                observation, _, over, _, info = task.env.step(action)
                way.append(observation["state"])
                seen.append(info["features"])
                if over:
                    break
            # A motion that ends at the goal stays there.
            steps.append(np.stack([way[min(k, len(way) - 1)] for k in range(_STEPS)]))
            features.append(np.mean(seen, axis=0))
    task.close()
    order = rng.permutation(len(steps))
    return measured(World(np.stack(steps)[order].astype(np.float64), standardised(np.stack(features)[order])), seed)


def records(found: list[dict[str, Any]]) -> list[Record]:
    return alike_records(found)
