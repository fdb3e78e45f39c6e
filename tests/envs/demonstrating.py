"""Running a scripted demonstrator in the tests of a task."""

from typing import Any

import numpy as np

from envs.task import Task


def demonstrated(task: Task, quality: str, seed: int, steps: int) -> tuple[bool, float]:
    """Whether an episode succeeded, and how good its end was."""
    task.reset(seed=seed)
    rng, info = np.random.default_rng(seed), dict[str, Any]()
    for _ in range(steps):
        *_, terminated, _, info = task.step(task.demonstrate(rng, quality))
        if terminated:
            break
    return bool(info["success"]), task.progress
