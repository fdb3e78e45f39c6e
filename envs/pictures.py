"""A contact sheet of the tasks, a start, a good and a bad outcome each: ``python -m envs.pictures runs/tasks.png``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from envs.task import PICTURE, Task

FOREIGN = "robopref/Gym-v0"
_INCHES = 2.4


def sheet(names: Sequence[str], path: Path, *, seed: int = 0) -> None:
    """Draw the tasks, a row each.

    Args:
        names: Registered ids.
        path: PNG to write.
        seed: Seed of the starts and the demonstrators.
    """
    figure = Figure(figsize=(3 * _INCHES, (_INCHES + 0.3) * len(names)), layout="constrained")
    for row, name in enumerate(names):
        shots = outcomes(name, seed)
        for column, (title, shot) in enumerate(shots.items()):
            ax: Any = figure.add_subplot(len(names), len(shots), row * len(shots) + column + 1)
            ax.imshow(shot)
            ax.set_title(f"{name.removeprefix('robopref/')}: {title}", fontsize=7)
            ax.axis("off")
    figure.savefig(path, dpi=PICTURE / _INCHES)


def outcomes(name: str, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Pictures of a start, and of what an expert and a random demonstrator made of it.

    Args:
        name: Registered id.
        seed: Seed of the start and the demonstrators.

    Returns:
        (480, 480, 3) by what is seen.
    """
    task: Task | Any = gym.make(name, points=False, disable_env_checker=True).unwrapped
    task.reset(seed=seed)
    start, shots = task.snapshot(), {"start": task.picture("side", PICTURE)}
    for title, quality in (("good", "expert"), ("bad", "random")):
        task.restore(start)
        rng = np.random.default_rng(seed)
        for _ in range(int(gym.spec(name).max_episode_steps or 100)):
            if task.step(task.demonstrate(rng, quality))[2]:
                break
        shots[title] = task.picture("side", PICTURE)
    task.close()
    return shots


if __name__ == "__main__":
    known = sorted(name for name in gym.registry if name.startswith("robopref/") and name != FOREIGN)
    sheet(known, Path(sys.argv[1]))
