"""A small dataset that every format holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robopref.data.episode_formats.dataset import Dataset, Episode


def small(*, seed: int, episodes: int, steps: int = 8) -> Dataset:
    """Episodes of vectors, the first of which ends for good.

    Args:
        seed: Of the numbers.
        episodes: How many.
        steps: Of each.

    Returns:
        The dataset.
    """
    rng = np.random.default_rng(seed)
    made: list[Episode] = []
    for number in range(episodes):
        state, last = rng.normal(size=(steps + 1, 3)).astype(np.float32), np.arange(steps) == steps - 1
        made.append(
            {
                "state": state[:-1], "next_state": state[1:], "reward": rng.normal(size=steps).astype(np.float32),
                "action": rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
                "terminated": last & (number == 0), "truncated": last & (number > 0),
            }
        )  # fmt: skip
    return Dataset(Path("memory"), {"fps": 10}, episodes, lambda: iter(made))
