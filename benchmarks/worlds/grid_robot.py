"""SIRL's grid robot as a small world: ways over a grid past a laptop and two obstacles, and how the gripper ends.

A way is nine places of a 5 x 5 grid, a step from each to the next, and an angle at the end: 19 numbers. People may mind
four features of it: how near it comes, on average, to each obstacle and to the laptop, and how far the gripper is from
upright. The paper's map could not be read; where things stand is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE, PLACES = 5, 9
FEATURES = ("first obstacle", "second obstacle", "laptop", "angle")
_THINGS = np.array([[1.0, 3.0], [3.0, 1.0], [2.0, 2.0]])
_MOVES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
Values = NDArray[np.float64]


def ways(count: int, rng: np.random.Generator) -> tuple[Values, Values]:
    """Random ways, (count, 19), and their features, (count, 4); larger is nearer, or more tilted."""
    place = rng.integers(0, SIDE, (count, 2))
    went = [place]
    for _ in range(PLACES - 1):
        there = place[:, None] + _MOVES
        inside = ((there >= 0) & (there < SIDE)).all(-1)
        chosen = np.where(inside, rng.random((count, len(_MOVES))), -1).argmax(1)
        place = there[np.arange(count), chosen]
        went.append(place)
    path, angle = np.stack(went, axis=1).astype(np.float64), rng.uniform(-np.pi, np.pi, count)
    away = np.linalg.norm(path[:, :, None] - _THINGS, axis=-1)
    seen = np.column_stack([np.exp(-away).mean(1), 1 - np.cos(angle)])
    return np.column_stack([path.reshape(count, -1), angle]), seen
