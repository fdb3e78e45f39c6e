"""What a simulated task knows of rollouts, for checklists: they are run again from what was kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.checklists.trace import Trace
from robopref.robots.env_abilities import facts_of
from robopref.robots.sim import SimTask

Trail = Sequence[tuple[NDArray[np.float64], NDArray[np.float32]]]


def trace_of(task: SimTask, trail: Trail) -> Trace:
    """Facts of a rollout, at its beginning and after each action.

    Args:
        task: The task.
        trail: The state before each chunk, and the chunk (H, A).
    """
    moments: list[Any] = []
    for snapshot, chunk in trail:
        task.rewind(snapshot, 0)
        if not moments:
            moments.append(facts_of(task.env))
        for action in chunk:
            over = task.step(action).terminated
            moments.append(facts_of(task.env))
            if over:
                break
    return Trace.of(moments)
