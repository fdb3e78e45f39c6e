"""A simulator as the dynamics that a search looks ahead with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robopref.interaction import Outcome
from robopref.records import Observation
from robopref.robots.sim import Moment, SimPool, advance


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


def observe(moments: Sequence[Moment], device: torch.device) -> Observation:
    """Stack states into one batch of observations on a device."""
    names = moments[0].observation
    stacked = {
        name: torch.as_tensor(np.stack([moment.observation[name] for moment in moments]), device=device)
        for name in names
    }
    return Observation.of(stacked)
