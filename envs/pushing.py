"""Pushing by feedback: from where the tool and a thing are to where the tool should go next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def push_toward(tool: Vector, thing: Vector, goal: Vector, *, gap: float) -> Vector:
    """Push a thing towards a goal from behind, going around it where needed.

    Args:
        tool: (2,) where the tool is, m.
        thing: (2,) where the middle of the thing is, m.
        goal: (2,) where the thing should be, m.
        gap: Distance of tool and thing at contact, m.

    Returns:
        (2,) where the tool should be next, m.
    """
    ahead = (goal - thing) / max(float(np.linalg.norm(goal - thing)), 1e-9)
    left = np.array([-ahead[1], ahead[0]])
    offset = tool - thing
    along, aside = float(offset @ ahead), float(offset @ left)
    if along < 0 and abs(aside) < 0.35 * gap:
        # Behind it. Pushing off the middle turns the thing away, so the tool overshoots to the other side a little.
        reach = min(0.03, float(np.linalg.norm(goal - thing)))
        slow = max(0.0, 1 - 2 * abs(aside) / gap)
        return thing + (along + slow * reach) * ahead - 0.6 * aside * left
    side = left if aside >= 0 else -left
    if along < -1.3 * gap:
        return thing - 1.2 * gap * ahead
    if abs(aside) < 1.4 * gap:
        # Too near to pass: outwards first.
        return thing + along * ahead + 1.6 * gap * side - (0.5 * gap * ahead if abs(aside) > 1.1 * gap else 0)
    return thing - 1.6 * gap * ahead + 1.5 * gap * side
