"""A point that goes where it is told, and what can go wrong with it."""

import threading
import time
from collections.abc import Callable

import numpy as np

from robopref.errors import RobotError
from robopref.motion import Command, Reading, RobotSpec
from robopref.records import Observation
from robopref.robots.maps import StepMap
from robopref.safety.limits import Box, Limits

LIMITS = Limits(
    workspace=Box((-0.5, -0.5, 0.0), (0.5, 0.5, 0.5)), keep_out=(Box((0.2, 0.2, 0.0), (0.3, 0.3, 0.2)),), step=0.05,
    speed=0.5, acceleration=2.0, jerk=40.0, age=0.2, frozen=0.5, clamps=5, hold_after=0.1, stop_after=0.3,
)  # fmt: skip


class PointRobot:
    """Moves a point in space at once; every call is written down.

    Attributes:
        calls: Names of the calls, with the time of each.
        trail: Where it was told to go.
        fault: Called at the beginning of `observe` and `execute`, with the name; may raise or sleep.
    """

    def __init__(self, *, rate: float = 20.0, real: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = RobotSpec("point", rate=rate, real=real, deadman=0.1 if real else None)
        self.actions = StepMap(0.02)
        self.calls: list[tuple[str, float]] = []
        self.trail: list[np.ndarray] = []
        self.fault: Callable[[str], None] = lambda name: None
        self.change: Callable[[Reading], Reading] = lambda reading: reading
        self._clock, self._rng = clock, np.random.default_rng(0)
        self._sequence, self._stopped, self._closed = 0, threading.Event(), False
        self.tool = np.array([0.0, 0.0, 0.1])

    def named(self, name: str) -> list[float]:
        """When a call was made."""
        return [time for called, time in self.calls if called == name]

    def reset(self, *, seed: int | None = None) -> Reading:
        self._note("reset")
        self._rng = np.random.default_rng(seed)
        self._stopped.clear()
        self.tool = np.array([0.0, 0.0, 0.1])
        return self._read()

    def observe(self) -> Reading:
        self.fault("observe")
        return self.change(self._read())

    def execute(self, command: Command) -> None:
        self.fault("execute")
        if self._stopped.is_set() or self._closed:
            raise RobotError("the point is stopped; reset it")
        self._note("execute")
        self.tool = command.points[-1].copy()
        self.trail.append(self.tool)

    def hold(self) -> None:
        self._note("hold")

    def stop(self) -> None:
        self._note("stop")
        self._stopped.set()

    def close(self) -> None:
        self._closed = True
        self._stopped.set()

    def _note(self, name: str) -> None:
        self.calls.append((name, self._clock()))

    def _read(self) -> Reading:
        self._sequence += 1
        cloud = self.tool + self._rng.normal(0, 0.01, (32, 3))
        proprio = np.append(self.tool, 1).astype(np.float32)
        observation = Observation(cloud.astype(np.float32), proprio)
        return Reading(observation, self._clock(), self.tool.copy(), self._sequence, progress=float(self.tool[0]))
