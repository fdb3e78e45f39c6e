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
        moments: Starts; at each of the first `TIMED` of them every strategy decides once, one after the other, so that
            whatever else the machine does slows all of them. At the first all decide once before, which does not count.
        device: Where the strategies compute.
        history: Observations that they see.
        progress: Called with starts done and their number.

    Returns:
        Milliseconds by strategy.
    """
    generator = torch.Generator(device).manual_seed(0)
    timed = [moments[0], *moments[:TIMED]]
    taken: dict[str, list[float]] = {name: [] for name in strategies}
    for count, moment in enumerate(timed, 1):
        for name, act in strategies.items():
            began, seen = time.perf_counter(), observe([moment], device, history)
            chosen = act.act([moment], seen, generator) if isinstance(act, SituatedAct) else act(seen, generator)
            chosen.cpu()  # waits for the device
            taken[name].append(1000 * (time.perf_counter() - began))
        if progress is not None:
            progress(count, len(timed))
    return {name: float(np.median(times[1:])) for name, times in taken.items()}
