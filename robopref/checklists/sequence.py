"""Key points of what comes first, and of the way."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import TOOL, Trace

_STARTED = 0.02  # from which on a thing has been moved, m


def ahead_of(trace: Trace, *, object: str, thing: str) -> float | None:  # noqa: A002  as clauses call it
    """Seconds by which the object is moved before another thing, which may stay where it is."""
    time = trace.get("time")
    starts = [_start(trace, one) for one in (object, thing)]
    if time is None or None in starts:
        return None
    first, second = (np.inf if one == len(time) else float(time[one]) for one in starts if one is not None)
    return -np.inf if first == np.inf else second - first


def passed_at(trace: Trace, *, thing: str) -> float | None:
    """How near the tool comes to a thing in the plane, m."""
    tool, there = trace.at(TOOL), trace.at(thing)
    return None if tool is None or there is None else float(np.linalg.norm((tool - there)[:, :2], axis=1).min())


def _start(trace: Trace, thing: str) -> int | None:
    """The moment at which a thing has begun to move; T if it never does."""
    at = trace.at(thing)
    if at is None:
        return None
    away = np.linalg.norm(at - at[0], axis=1) > _STARTED
    return int(away.argmax()) if away.any() else len(at)
