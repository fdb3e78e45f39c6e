"""What an operator does with a robot that they took over, told as actions of the policy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from robopref.motion import Event, Intervention, Plan, Reading, standing
from robopref.robot_protocols import Robot

_STILL = 5e-4  # m or rad that a robot at rest is measured to move within a period
_MOST = 2000  # readings that are kept; what comes after them is not told


@dataclass
class _Kept:
    reading: Reading
    place: NDArray[np.float64]


class Takeovers:
    """Follows a robot while an operator has it.

    Args:
        robot: The robot.
    """

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        self.forget()

    def forget(self) -> None:
        """Nobody has the robot."""
        self._going = False
        self._plan: Plan | None = None
        self._at = 0
        self._kept: list[_Kept] = []

    def begin(self, plan: Plan | None, at: int, reading: Reading | None) -> None:
        """Somebody takes the robot over.

        Args:
            plan: The plan that was executed; None if there was none.
            at: Its next action.
            reading: Where the robot is, if that is known.
        """
        if self._going:
            return
        self._going, self._plan, self._at = True, plan, at
        if reading is not None:
            self.see(reading)

    def see(self, reading: Reading) -> None:
        """Note where the robot is; the time before the operator begins to move it is passed over."""
        if not self._going or self._robot.spec.primitive or len(self._kept) >= _MOST:
            return
        kept = _Kept(reading, standing(reading, self._robot.spec).vector())
        if len(self._kept) == 1 and _still(self._kept[0], kept):
            self._kept.clear()
        self._kept.append(kept)

    def end(self, time: float) -> Event | None:
        """An event with what was done, without the rest at its end; None if nobody moved the robot.

        Args:
            time: When the robot was given back, or the episode ended, monotonic s.
        """
        plan, kept = self._plan, list(self._kept)
        while len(kept) > 1 and _still(kept[-2], kept[-1]):
            kept.pop()
        told: Event | None = None
        if len(kept) > 1:
            try:
                done = self._done([one.reading for one in kept])
            except Exception as error:  # a map of somebody else's; nothing that moves depends on this
                told = Event("intervention", time, f"cannot be told as actions: {type(error).__name__}: {error}")
            else:
                told = Event("intervention", time, "", {"steps": len(done.actions)}, plan, done)
        self.forget()
        return told

    def _done(self, readings: list[Reading]) -> Intervention:
        commands = [standing(reading, self._robot.spec) for reading in readings]
        rows = [
            np.asarray(self._robot.actions.to_actions(after, before), np.float32)
            for before, after in pairwise(commands)
        ]
        planned = None
        if self._plan is not None and self._at < len(self._plan.safe):
            left = np.arange(self._at, self._at + len(self._plan.safe))
            planned = self._plan.safe[np.minimum(left, len(self._plan.safe) - 1)]
        return Intervention(tuple(readings), tuple(commands[1:]), np.stack(rows), planned)


def _still(one: _Kept, other: _Kept) -> bool:
    return bool(np.abs(one.place - other.place).max() < _STILL)
