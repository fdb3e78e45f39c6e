"""How long a decision takes, measured with whatever chooses in episodes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from robopref.evaluation.compare import Act, SituatedAct
from robopref.learning.collect import Progress
from robopref.robots.dynamics import observe
from robopref.robots.sim import Moment

TIMED = 5  # starts of which the median is taken


@torch.no_grad()
def decision_times(
    strategies: Mapping[str, Act | SituatedAct],
    moments: Sequence[Moment],
    device: torch.device,
    history: int = 1,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Median time of one decision under every strategy, from the observation to the chosen chunk, simulation included.

    Args:
        strategies: By name.
        moments: Starts; the first `TIMED` of them are decided one after the other, as on a robot, and the first of all
            once more before, which is not counted.
        device: Where the strategies compute.
        history: Observations that they see.
        progress: Called with strategies done and their number.

    Returns:
        Milliseconds by strategy.
    """
    generator = torch.Generator(device).manual_seed(0)
    found: dict[str, float] = {}
    for name, act in strategies.items():
        taken: list[float] = []
        for moment in [moments[0], *moments[:TIMED]]:
            began, seen = time.perf_counter(), observe([moment], device, history)
            chosen = act.act([moment], seen, generator) if isinstance(act, SituatedAct) else act(seen, generator)
            chosen.cpu()  # waits for the device
            taken.append(1000 * (time.perf_counter() - began))
        found[name] = float(np.median(taken[1:]))
        if progress is not None:
            progress(len(found), len(strategies))
    return found
