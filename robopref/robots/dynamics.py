"""A simulator as the dynamics that a search looks ahead with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.interaction import Outcome
from robopref.records import Observation
from robopref.robots.sim import Moment, SimPool, SimTask, advance


class SimDynamics:
    """Executes chunks in simulation, from snapshots.

    Args:
        pool: Runs the task.
        device: Where observations go.
        seed: Seed of the sensor noise.
    """

    def __init__(self, pool: SimPool, device: torch.device, *, seed: int = 0) -> None:
        self.pool, self.device, self.seed = pool, device, seed

    def advance(self, states: Sequence[Moment], chunks: Tensor) -> Outcome:
        """Execute (N, H, A) chunks, one from each of N moments.

        Args:
            states: Where to start from.
            chunks: What to execute.

        Returns:
            The N moments after them, what is observed there, and what the task itself rewards.
        """
        jobs = [(state.snapshot, chunk, self.seed) for state, chunk in zip(states, chunks.cpu().numpy(), strict=True)]
        after: list[Moment] = list(self.pool.map(advance, jobs))
        return Outcome(
            after,
            observe(after, self.device),
            torch.tensor([moment.reward for moment in after]),
            torch.tensor([moment.terminated for moment in after]),
        )


def walk(
    task: SimTask, snapshot: NDArray[np.float64], chunk: NDArray[np.float32], seed: int, last: int
) -> list[Moment]:
    """Execute one chunk from a state, as `advance` does.

    Args:
        task: The task.
        snapshot: The state.
        chunk: (H, A).
        seed: Seed of the sensor noise.
        last: How many states are wanted.

    Returns:
        The states after each of the last actions, at most `last`.
    """
    task.rewind(snapshot, seed)
    moments: list[Moment] = []
    for action in chunk:
        moments.append(task.step(action))
        if moments[-1].terminated:
            break
    return moments[-last:]


def observe(moments: Sequence[Moment], device: torch.device, history: int = 1) -> Observation:
    """Stack states into one batch of observations on a device.

    Args:
        moments: S states.
        device: Where to.
        history: Observations T; each state stands for those before it as well.

    Returns:
        Parts (S, ...), or (S, T, ...) with a history of more than one.
    """
    return observe_last([[moment] for moment in moments], device, history)


def observe_last(paths: Sequence[Sequence[Moment]], device: torch.device, history: int = 1) -> Observation:
    """Stack the last states of several episodes, as a policy of some history sees them.

    Args:
        paths: Of each of S episodes its states so far, at least one; the first stands for those before it.
        device: Where to.
        history: Observations T.

    Returns:
        Parts (S, ...), or (S, T, ...) with a history of more than one, the newest last.
    """
    last = [[path[max(0, len(path) - back)] for back in range(history, 0, -1)] for path in paths]

    def stacked(name: str) -> torch.Tensor:
        parts = np.stack([np.stack([moment.observation[name] for moment in seen]) for seen in last])
        return torch.as_tensor(parts if history > 1 else parts[:, 0], device=device)

    return Observation.of({name: stacked(name) for name in paths[0][-1].observation})
