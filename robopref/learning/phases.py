"""The stretches of a training whose learning rate fell to zero before more steps were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robopref.learning.origin import STEPS


@dataclass(frozen=True)
class Phases:
    """Stretches of one training, each with a rise and a fall of the learning rate of its own.

    Attributes:
        ends: Steps that had been taken at the end of each, of which the last is, or will be, that of the present one.
    """

    ends: tuple[int, ...]

    @classmethod
    def of_state(cls, state: Mapping[str, Any], steps: int) -> Phases:
        """Those that a stored state knows of, and one more if they are over and more steps are asked for.

        Args:
            state: Of a training; one of before phases has one, whose end its parts tell.
            steps: That are asked for.

        Raises:
            TypeError, ValueError: The state is of another form.
        """
        parts = state.get("parts")
        told = parts.get(STEPS, steps) if isinstance(parts, dict) else steps
        ends = tuple(int(end) for end in state.get("phases") or [told])
        if any(later <= earlier for earlier, later in zip((0, *ends), ends, strict=False)):
            raise ValueError(f"phases end at {', '.join(map(str, ends))[:80]}")
        return cls((*ends, steps) if int(state["step"]) == ends[-1] < steps else ends)

    @property
    def begun(self) -> int:
        """Steps that had been taken when the present one began."""
        return self.ends[-2] if len(self.ends) > 1 else 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.ends)

    def told(self, schedule: str, done: int) -> dict[str, str]:
        """What each was, in words by name.

        Args:
            schedule: Of the learning rate.
            done: Steps that were taken in all.
        """
        first = (0, *self.ends)
        return {
            f"phase {number + 1}": f"{schedule}, steps {first[number] + 1} to {min(end, done)}"
            for number, end in enumerate(self.ends)
        }
