"""Walks of a point past an obstacle to a goal, which a judge scores by four dimensions; a collision outweighs all.

A walk is 10 steps of 10 numbers: where the point is, where it goes, its goal, the obstacle, and noise of two sensors.
Scores of 1 to 10 are tenths of many walks, but for clearance, where 1 is a collision. The better of two is the one that
does not hit the obstacle; of two alike in that, the one with more progress, smoothness and, half as much, calm, on the
scale of the scores with all that lies between them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.items import Items
from robopref.learning.judge_stages import JudgedPairs
from robopref.rewards.dimensional_judge import LEVELS

STEPS, KEY = 10, "walk"
DIMENSIONS = ("progress", "clearance", "smoothness", "calm")
HIT = 0.3  # share of walks that hit the obstacle
WORTH = np.array([1.0, 0.0, 1.0, 0.5])  # of a level of each dimension
Values = NDArray[np.float64]


def walks(count: int, rng: np.random.Generator) -> Values:
    """(count, 10, 10) steps of walks."""
    place, goal = rng.uniform(-1, -0.5, (count, 2)), rng.uniform(0.5, 1, (count, 2))
    obstacle, pace = rng.uniform(-0.3, 0.3, (count, 2)), rng.uniform(0.1, 0.3, (count, 1))
    margin, shake, steps = rng.uniform(0.02, 0.6, (count, 1)), rng.uniform(0, 0.06, (count, 1)), []
    for _ in range(STEPS):
        ahead, out = goal - place, place - obstacle
        far, near = (np.linalg.norm(some, axis=1, keepdims=True) for some in (ahead, out))
        away = 1.5 * np.maximum(0, margin - near) / margin * out / near
        move = pace * (ahead / np.maximum(far, 0.1) + away) + shake * rng.standard_normal((count, 2))
        steps.append(np.concatenate([place, move, goal, obstacle, rng.standard_normal((count, 2))], axis=1))
        place = place + move
    return np.stack(steps, axis=1)


def measures(walked: Values) -> Values:
    """What is scored of walks (count, 4), larger is better: by `DIMENSIONS`."""
    place, move = walked[..., :2], walked[..., 2:4]
    return np.stack([
        -np.linalg.norm(place[:, -1] + move[:, -1] - walked[:, 0, 4:6], axis=-1),
        np.linalg.norm(place - walked[..., 6:8], axis=-1).min(-1),
        -np.linalg.norm(np.diff(move, axis=1), axis=-1).mean(-1),
        -np.linalg.norm(move, axis=-1).mean(-1),
    ], axis=-1)  # fmt: skip


class WalkRule:
    """What scores and verdicts go by, fixed by many walks.

    Args:
        walked: (count, 10, 10).
    """

    def __init__(self, walked: Values) -> None:
        measured = measures(walked)
        self.hit = float(np.quantile(measured[:, 1], HIT))
        self._edges = [np.quantile(one, np.linspace(0, 1, LEVELS + 1)) for one in measured.T]
        clear = measured[measured[:, 1] >= self.hit, 1]
        # Score 1 of clearance is a collision, and the others share what is left.
        self._edges[1] = np.array([0.0, *np.quantile(clear, np.linspace(0, 1, LEVELS))])

    def scores(self, measured: Values) -> NDArray[np.int64]:
        """(count, 4) in 1 to 10."""
        return np.clip(np.floor(self._places(measured)), 1, LEVELS).astype(np.int64)

    def worth(self, measured: Values) -> Values:
        """(count,) by which of two the better one is."""
        return self._places(measured) @ WORTH - 100 * (measured[:, 1] < self.hit)

    def _places(self, measured: Values) -> Values:
        """Where walks lie on the scale of the scores, (count, 4) in 1 to 11."""
        levels = np.arange(1, LEVELS + 2)
        places = [np.interp(one, edges, levels) for edges, one in zip(self._edges, measured.T, strict=True)]
        return np.stack(places, axis=-1)

    def pairs(self, count: int, rng: np.random.Generator, *, scored: bool = False) -> JudgedPairs:
        """Pairs of walks with their verdicts.

        Args:
            count: How many.
            rng: Source of randomness.
            scored: Whether their scores are known.
        """
        walked = walks(2 * count, rng)
        measured = measures(walked)
        worth = self.worth(measured).reshape(count, 2)
        shown = torch.as_tensor(walked.reshape(count, 2, STEPS, 10), dtype=torch.float32)
        scores = torch.as_tensor(self.scores(measured).reshape(count, 2, len(DIMENSIONS)))
        return JudgedPairs(
            Items({KEY: shown}, torch.ones(count, 2, STEPS)),
            torch.as_tensor(worth[:, 0] > worth[:, 1], dtype=torch.float32),
            scores if scored else None,
        )
