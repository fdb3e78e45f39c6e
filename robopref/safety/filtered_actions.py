"""Actions of an agent as the safety filter lets them through, in a simulation that keeps no time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.motion import Command, Reading, RobotSpec, standing
from robopref.records import Observation
from robopref.robot_protocols import ActionMap
from robopref.safety.filter import SafetyFilter
from robopref.safety.limits import INSIDE, Box, Limits
from robopref.safety.violations import Bounds

_NEVER = 1_000_000  # changed commands after which a robot is halted, which would end practice
_OVERSHOOT = 0.01  # m by which a tool goes beyond where it is told to be
_PERIOD = 0.1  # s that an action stands for


class FilteredActions:
    """Brings each action within what demonstrations kept to; one that cannot be is left out, so that the tool rests.

    Contact forces are no limit: they are known once something was touched.

    Args:
        bounds: What demonstrations kept to.
        actions: What actions mean.
        points: Tool points of a command.
        gripper: Whether actions move a gripper.
    """

    def __init__(self, bounds: Bounds, actions: ActionMap, *, points: int = 1, gripper: bool = False) -> None:
        spec = RobotSpec("simulated", rate=1 / _PERIOD, points=points, gripper=gripper)
        box = Box((bounds.lower + _OVERSHOOT).tolist(), (bounds.upper - _OVERSHOOT).tolist())
        limits = Limits(
            workspace=box, speed=bounds.speed / _PERIOD * INSIDE, clamps=_NEVER,
            acceleration=bounds.acceleration / _PERIOD**2 * INSIDE,
        )  # fmt: skip
        self.filter, self.actions, self.spec = SafetyFilter(limits, spec), actions, spec
        self._now, self._count = 0.0, 0
        self._before: Command | None = None

    def reset(self) -> None:
        """An episode begins."""
        self.filter.forget()
        self._now, self._count, self._before = 0.0, 0, None

    def __call__(self, seen: Mapping[str, Any], action: NDArray[np.float32]) -> NDArray[np.float32]:
        """The action (A,) as it may be carried out, from what is observed before it.

        Args:
            seen: Parts of the observation, of which ``proprio`` begins with tool (3,), m, and opening of the gripper.
            action: (A,) in [-1, 1].
        """
        self._now, self._count = self._now + _PERIOD, self._count + 1
        proprio = np.asarray(seen["proprio"], np.float64)
        opening = np.clip((proprio[3:4] + 1) / 2, 0, 1) if self.spec.gripper else None
        observation = replace(Observation.of(seen), points=None)  # what a cloud shows is of no account here
        reading = Reading(observation, self._now, proprio[:3], self._count, gripper=opening)
        self.filter.read(reading, self._now)
        origin = self._before or standing(reading, self.spec)
        verdict = self.filter.admit(self.actions.to_command(action, origin), self._now)
        if verdict.command is None:
            self._before = None
            return np.zeros_like(action)
        self._before = verdict.command
        return self.actions.to_actions(verdict.command, origin)
