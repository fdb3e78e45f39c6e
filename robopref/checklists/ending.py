"""Key points of what comes when the work is done."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import TOOL, Trace


def went_on(trace: Trace, *, object: str) -> float | None:  # noqa: A002  as clauses call it
    """How far the tool goes in the plane after the object is where it stays, m."""
    tool, at = trace.at(TOOL), trace.at(object)
    if tool is None or at is None:
        return None
    away = np.flatnonzero(np.linalg.norm(at - at[-1], axis=1) > 1e-3)
    rest = tool[(away[-1] + 1 if len(away) else 0) :, :2]
    return float(np.linalg.norm(np.diff(rest, axis=0), axis=1).sum())


def away_from_start(trace: Trace) -> float | None:
    """How far the tool ends from where it began, m."""
    tool = trace.at(TOOL)
    return None if tool is None else float(np.linalg.norm(tool[-1] - tool[0]))
