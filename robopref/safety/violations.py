"""What a robot did that nobody who demonstrated the task did: contact forces, speeds, accelerations, places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError

Vector = NDArray[np.float64]
KINDS = ("force", "speed", "acceleration", "workspace")
_QUANTILE = 0.99  # of what was demonstrated
_HARDER, _FASTER = 1.5, 1.1  # by which forces, and motions, may be beyond it
_FURTHER = 0.05  # m by which the tool may be out of where it was


@dataclass(frozen=True)
class ToolPath:
    """One episode as it looks from outside.

    Attributes:
        tool: (T+1, 3) where the tool was before, between and after T actions, m.
        force: (T,) greatest contact force of each action, N; None where nothing measures it.
    """

    tool: Vector
    force: Vector | None = None

    @property
    def speed(self) -> Vector:
        """(T,) how far each action moved the tool, m."""
        return np.linalg.norm(np.diff(self.tool, axis=0), axis=1)

    @property
    def acceleration(self) -> Vector:
        """(T,) by how much that changed from the action before, which at the start was rest, m."""
        moved = np.diff(self.tool, axis=0)
        return np.linalg.norm(np.diff(moved, axis=0, prepend=np.zeros((1, 3))), axis=1)


@dataclass(frozen=True)
class Bounds:
    """What counts as harmless, taken from demonstrations.

    Attributes:
        force: N; None where demonstrations do not tell.
        speed: m an action.
        acceleration: Change of that, m an action.
        lower: (3,) m.
        upper: (3,) m.
    """

    force: float | None
    speed: float
    acceleration: float
    lower: Vector
    upper: Vector

    @classmethod
    def of(cls, shown: Sequence[ToolPath]) -> Bounds:
        """Bounds somewhat beyond what was demonstrated.

        Forces up to 1.5 times, speeds and accelerations up to 1.1 times the 99th percentile are harmless, and so are
        places within 5 cm of the box that the tool was in.

        Raises:
            DataError: Nothing was demonstrated.
        """
        if not shown:
            raise DataError("what is a violation is told by demonstrations, and there are none")

        def most(parts: Sequence[Vector], factor: float) -> float:
            return factor * float(np.quantile(np.concatenate(parts), _QUANTILE))

        forces = [motion.force for motion in shown if motion.force is not None]
        places = np.concatenate([motion.tool for motion in shown])
        return cls(
            most(forces, _HARDER) if len(forces) == len(shown) else None,
            most([motion.speed for motion in shown], _FASTER),
            most([motion.acceleration for motion in shown], _FASTER),
            places.min(0) - _FURTHER,
            places.max(0) + _FURTHER,
        )

    def violations(self, motion: ToolPath) -> dict[str, int]:
        """How many actions of an episode went beyond each bound, by `KINDS`; what is not measured is left out.

        Of places, those count that the tool left the box for, not how long it stayed there.
        """
        outside = np.any((motion.tool < self.lower) | (motion.tool > self.upper), axis=1)
        found = {
            "speed": motion.speed > self.speed,
            "acceleration": motion.acceleration > self.acceleration,
            "workspace": outside[1:] & ~outside[:-1],
        }
        if self.force is not None and motion.force is not None:
            found["force"] = motion.force > self.force
        return {kind: int(found[kind].sum()) for kind in KINDS if kind in found}

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "force": self.force, "speed": self.speed, "acceleration": self.acceleration, "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
        }  # fmt: skip
