"""Key points of contact: how hard, by which part, by which hand, and how it ends."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import Trace

HANDS = ("left", "right")


def hardest_force(trace: Trace) -> float | None:
    """Largest force, N."""
    felt = trace.get("force")
    return None if felt is None else float(np.abs(felt).reshape(len(felt), -1).max())


def gripped_by(trace: Trace, *, object: str, part: str) -> float | None:  # noqa: A002  as clauses call it
    """Share of the time in which the object is held that it is held by a part."""
    held, grip = trace.get(f"held {object}"), trace.get(f"grip {object} {part}")
    if held is None or grip is None:
        return None
    return float(grip[held > 0].mean()) if (held > 0).any() else 0.0


def moved_by(trace: Trace, *, hand: str) -> float | None:
    """Share of the time in which a hand is the one that acts."""
    acting = trace.get("hand")
    return None if acting is None else float((acting == HANDS.index(hand)).mean())


def dropped_from(trace: Trace, *, object: str) -> float | None:  # noqa: A002
    """Height over where it comes to rest at which the object is let go, m."""
    held, at = trace.get(f"held {object}"), trace.at(object)
    if held is None or at is None:
        return None
    let_go = np.flatnonzero((held[:-1] > 0) & (held[1:] <= 0))
    return max((float(at[place, 2] - at[-1, 2]) for place in let_go), default=0.0)
