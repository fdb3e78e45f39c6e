"""Key points of how fast and how evenly a robot moves."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import Trace


def top_speed(trace: Trace) -> float | None:
    """Largest speed of the tool, m/s."""
    speeds = trace.speeds()
    return None if speeds is None else float(speeds.max())


def hardest_jolt(trace: Trace) -> float | None:
    """Largest change of the tool's speed from one step to the next, m/s^2."""
    speeds, time = trace.speeds(), trace.get("time")
    if speeds is None or time is None or len(speeds) < 2:
        return None
    steps = np.maximum((time[2:] - time[:-2]) / 2, 1e-9)
    return float((np.abs(np.diff(speeds)) / steps).max())


def seconds_taken(trace: Trace) -> float | None:
    """How long it takes, s."""
    time = trace.get("time")
    return None if time is None else float(time[-1] - time[0])
