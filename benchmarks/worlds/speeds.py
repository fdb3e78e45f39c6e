"""People who watch a point walk round an obstacle to a goal, and who want it fast, slow, or something between.

A walk is 20 steps of 10 numbers: where the point is, where it goes, its goal, the obstacle, and noise of two sensors.
Walks differ in pace and in how far they keep from the obstacle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.items import Comparisons, Items, context_code
from robopref.scores import PairTarget

STEPS, KEY = 20, "walk"
CERTAINTY = 4.0  # of answers: log-odds of a difference of one standard deviation
Values = NDArray[np.float64]


def walks(count: int, rng: np.random.Generator) -> Values:
    """(count, 20, 10) steps of walks."""
    place, goal = rng.uniform(-1, -0.5, (count, 2)), rng.uniform(0.5, 1, (count, 2))
    obstacle, pace = rng.uniform(-0.3, 0.3, (count, 2)), rng.uniform(0.02, 0.12, (count, 1))
    margin, steps = rng.uniform(0.1, 0.5, (count, 1)), []
    for _ in range(STEPS):
        ahead, out = goal - place, place - obstacle
        near = np.linalg.norm(out, axis=1, keepdims=True)
        wish = ahead / np.linalg.norm(ahead, axis=1, keepdims=True) + np.maximum(0, margin - near) / margin * out / near
        move = pace * wish + 0.02 * rng.standard_normal((count, 2))
        steps.append(np.concatenate([place, move, goal, obstacle, rng.standard_normal((count, 2))], axis=1))
        place = place + move
    return np.stack(steps, axis=1)


def features(walked: Values) -> Values:
    """Pace and clearance (..., 2) of walks, brought to mean zero and standard deviation one over all walks."""
    pace = np.linalg.norm(walked[..., 2:4], axis=-1).mean(-1)
    clearance = np.linalg.norm(walked[..., :2] - walked[..., 6:8], axis=-1).mean(-1)
    both = np.stack([pace, clearance], axis=-1)
    seen = both.reshape(-1, 2)
    return (both - seen.mean(0)) / seen.std(0)


def answered(
    wishes: Mapping[str, Sequence[float]], pairs: int, rng: np.random.Generator, *, clean: bool = False
) -> Comparisons:
    """Questions that each person has answered.

    Args:
        wishes: Weights of pace and clearance by person.
        pairs: Questions of each.
        rng: Source of randomness.
        clean: Whether answers are what the person wants, without error.
    """
    walked = walks(2 * pairs * len(wishes), rng).reshape(-1, 2, STEPS, 10)
    worth = (features(walked) * np.repeat(np.array(list(wishes.values())), pairs, axis=0)[:, None]).sum(-1)
    odds = CERTAINTY * (worth[:, 0] - worth[:, 1]) / 2**0.5
    first = odds > 0 if clean else rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
    p = torch.full((len(odds), 2, 2), 0.5)
    p[:, 0, 1] = torch.as_tensor(first, dtype=torch.float32)
    weight = torch.zeros(len(odds), 2, 2)
    weight[:, 0, 1] = 1
    codes = torch.tensor([context_code(name) for name in wishes for _ in range(pairs)])
    items = Items(
        {KEY: torch.as_tensor(walked, dtype=torch.float32)}, torch.ones(len(odds), 2, STEPS), {"labeler": codes}
    )
    return Comparisons(items, PairTarget(p, weight))
