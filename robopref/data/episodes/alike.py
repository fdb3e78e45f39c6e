"""Which items of an embedding lie nearest to a given one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stretch:
    """A stretch of recorded steps.

    Attributes:
        episode: Number of its episode.
        start: Its first step, counted over all episodes.
        stop: One past its last step.
    """

    episode: int
    start: int
    stop: int


@dataclass(frozen=True)
class ShownStretch:
    """A stretch with what was recorded in it.

    Attributes:
        stretch: Where it is.
        distance: From the one that was asked for; None for that one itself.
        arrays: (T, ...) of its steps, by name.
    """

    stretch: Stretch
    distance: float | None
    arrays: Mapping[str, NDArray[Any]]


def stretches(lengths: Sequence[int], length: int | None) -> list[Stretch]:
    """Episodes cut into stretches, one after the other.

    Args:
        lengths: Steps of each episode.
        length: Steps of a stretch, of which the last of an episode may have fewer; None takes whole episodes.
    """
    found, begin = list[Stretch](), 0
    for episode, steps in enumerate(lengths):
        size = steps if length is None else length
        found += [
            Stretch(episode, begin + first, begin + min(first + size, steps)) for first in range(0, steps, max(1, size))
        ]
        begin += steps
    return found


def nearest(points: NDArray[np.float64], row: int, count: int) -> list[tuple[int, float]]:
    """Items that lie nearest to one, itself left out.

    Args:
        points: (N, D).
        row: Which one.
        count: How many at most.

    Returns:
        Each with its distance, in units of the mean distance to all others; the nearest first.
    """
    away = np.linalg.norm(points - points[row], axis=1)
    others = np.flatnonzero(np.arange(len(points)) != row)
    if not len(others):
        return []
    usual = max(float(away[others].mean()), 1e-12)
    order = others[np.argsort(away[others], kind="stable")][:count]
    return [(int(one), float(away[one]) / usual) for one in order]
