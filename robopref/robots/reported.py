"""What a simulated task reports of itself while chunks are executed, by the names of its ``info``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.robots.sim import SimTask

Measures = dict[str, NDArray[np.float64]]


def measured(
    task: SimTask,
    snapshot: NDArray[np.float64],
    chunks: NDArray[np.float32],
    seed: int = 0,
    *,
    told: Callable[[dict[str, Any]], dict[str, float]] | None = None,
) -> Measures:
    """What is reported after each action of chunks from the same state.

    Args:
        task: The task.
        snapshot: The state.
        chunks: (N, H, A).
        seed: Seed of the sensor noise.
        told: What is taken of ``info``; None takes its numbers.

    Returns:
        (N, H) of each number of ``info``; NaN after the end of the episode, and where it is not reported.
    """
    found: Measures = {}
    for row, chunk in enumerate(chunks):
        task.rewind(snapshot, seed)
        for column, action in enumerate(chunk):
            *_, terminated, _, info = task.env.step(np.asarray(action, dtype=np.float32))
            for name, value in (told or numbers_of)(info).items():
                found.setdefault(name, np.full(chunks.shape[:2], np.nan))[row, column] = value
            if terminated:
                break
    return found


def featured(task: SimTask, snapshot: NDArray[np.float64], chunks: NDArray[np.float32], seed: int = 0) -> Measures:
    """What people may find alike in chunks: ``features`` of ``info`` one by one, or all that is `measured`.

    Args:
        task: The task.
        snapshot: The state.
        chunks: (N, H, A).
        seed: Seed of the sensor noise.

    Returns:
        (N, H) of each; NaN after the end of the episode.
    """
    return measured(task, snapshot, chunks, seed, told=features_of)


def features_of(info: dict[str, Any]) -> dict[str, float]:
    """The features that an ``info`` lists by themselves, or else all its numbers."""
    listed = info.get("features")
    if listed is None:
        return numbers_of(info)
    return {f"features_{index}": float(value) for index, value in enumerate(np.asarray(listed, np.float64).ravel())}


def reported(task: SimTask) -> tuple[str, ...]:
    """Names of the numbers that a task reports after an action."""
    task.reset(0)
    *_, info = task.env.step(np.zeros(task.env.action_space.shape, np.float32))
    return tuple(numbers_of(info))


def numbers_of(info: dict[str, Any]) -> dict[str, float]:
    """The entries of an ``info`` that are single numbers, or yes and no as 1 and 0."""
    return {
        str(name): float(value)
        for name, value in info.items()
        if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating))
    }
