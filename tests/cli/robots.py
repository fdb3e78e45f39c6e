"""Robots that `robopref deploy` has to refuse, or to end without."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np

from robopref.errors import RobotError
from robopref.motion import Reading
from robopref.robots.maps import AnchorMap, StepMap
from tests.geometry import pick_and_place
from tests.robots.toy import PointRobot


class Picking(PointRobot):
    """A real one, as far as anybody can tell, that takes points to pick and place.

    Attributes:
        closed: How often robots of this kind were closed.
    """

    closed = 0

    def __init__(self, *, proprio: int = 4, points: int = 32, width: int = 3) -> None:
        super().__init__(real=True)
        self.spec = replace(self.spec, points=2, primitive=True)
        self.actions: Any = AnchorMap(pick_and_place())
        self.seen = proprio, points, width

    def observe(self) -> Reading:
        reading, (proprio, points, width) = super().observe(), self.seen
        cloud = self._rng.normal(size=(points, width)).astype(np.float32) if points else None
        seen = replace(reading.observation, proprio=np.zeros(proprio, np.float32), points=cloud)
        return replace(reading, observation=seen)

    def close(self) -> None:
        type(self).closed += 1
        super().close()


class Stepping(Picking):
    """Takes steps of a tool, where the policy picks and places."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(self.spec, points=1, primitive=False)
        self.actions = StepMap(0.02)


class Bent(Picking):
    """Its actions mean commands that it does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = StepMap(0.02)


class Unspecified(Picking):
    """Does not say what kind of robot it is."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = "a robot"  # type: ignore[assignment]


class Lacking:
    """Has only some of what a robot has."""

    closed = 0
    spec, actions = None, None

    def observe(self) -> None:
        """Nothing to see."""

    def close(self) -> None:
        """Counts."""
        type(self).closed += 1


class Clinging(Picking):
    """Its driver leaves a thread that never ends."""

    def __init__(self) -> None:
        super().__init__()
        threading.Thread(target=threading.Event().wait, name="clinging").start()

    def close(self) -> None:
        raise RobotError("the line is dead")


class Unplugged(Picking):
    """Cannot be reached."""

    def __init__(self) -> None:
        raise OSError("there is no device")


def number() -> int:
    """Makes no robot."""
    return 3
