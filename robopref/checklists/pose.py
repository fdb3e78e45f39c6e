"""Key points of how a thing is held and turned."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import Trace


def largest_tilt(trace: Trace, *, object: str) -> float | None:  # noqa: A002  as clauses call it
    """Largest angle of the object to the vertical, rad."""
    tilt = trace.get(f"tilt {object}")
    return None if tilt is None else float(np.abs(tilt).max())


def turned_wrong(trace: Trace, *, object: str, angle: float) -> float | None:  # noqa: A002
    """How far the object is in the end from an angle around the vertical, rad."""
    turn = trace.get(f"turn {object}")
    return None if turn is None else abs(float(np.angle(np.exp(1j * (turn[-1] - angle)))))


def greatest_height(trace: Trace, *, object: str) -> float | None:  # noqa: A002
    """Greatest height of the object, m."""
    at = trace.at(object)
    return None if at is None else float(at[:, 2].max())
