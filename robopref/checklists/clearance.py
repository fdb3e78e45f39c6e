"""Key points of what a robot keeps away from, and leaves alone."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import TOOL, Trace


def distance_to(trace: Trace, *, thing: str) -> float | None:
    """Least distance in the plane of the tool to a thing, m."""
    tool, there = trace.at(TOOL), trace.at(thing)
    return None if tool is None or there is None else float(np.linalg.norm((tool - there)[:, :2], axis=1).min())


def distance_to_people(trace: Trace) -> float | None:
    """Least distance in the plane of the tool to a person, m; endless if it is known that nobody is there."""
    tool = trace.at(TOOL)
    people = [name for one in ("person", "child") for name in trace.each(one)]
    if tool is None:
        return None
    found = [distance_to(trace, thing=name) for name in people]
    return min((one for one in found if one is not None), default=np.inf)


def bumps(trace: Trace) -> float | None:
    """Moments at which something is bumped into."""
    hit = trace.get("hit")
    return None if hit is None else float((hit > 0).sum())


def displaced(trace: Trace, *, thing: str) -> float | None:
    """How far a thing is moved, m."""
    at = trace.at(thing)
    return None if at is None else float(np.linalg.norm(at - at[0], axis=1).max())
