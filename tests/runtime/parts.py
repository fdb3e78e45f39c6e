"""A policy, a scorer and a subscriber that say what the loop does with them."""

import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from robopref.motion import Event, Plan, Reading, Step
from robopref.records import Observation
from robopref.runtime import control_loop as loop
from robopref.runtime.budget import FixedBudget
from robopref.runtime.control_loop import ControlPace, Runtime
from robopref.runtime.planner import Planner
from robopref.safety.clock import Clock
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.scores import NoiseDraw, Scores
from tests.robots.toy import LIMITS, PointRobot
from tests.safety.virtual import VirtualClock, VirtualWorker


class Wander:
    """Small random steps; remembers what it saw, and may be slow or fail."""

    def __init__(self, horizon: int = 8, size: float = 0.05) -> None:
        self.horizon, self.size = horizon, size
        self.delay, self.seen = 0.0, list[Tensor]()
        self.fault: Any = None
        self.threads, self.sleep = set[str](), time.sleep

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        self.seen.append(observation.proprio.clone())
        self.threads.add(threading.current_thread().name)
        if self.fault is not None:
            raise self.fault
        self.sleep(self.delay)
        return self.size * (2 * torch.rand(1, n, self.horizon, 3, generator=generator) - 1)


class Rightwards:
    """Prefers candidates that begin to the right."""

    def __init__(self) -> None:
        self.value = 1.0

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.value * actions[:, :, 0, 0])


class Witness:
    """Keeps everything that it is told."""

    def __init__(self) -> None:
        self.resets, self.plans, self.steps = list[Reading](), list[Plan](), list[Step]()
        self.events, self.ends = list[Event](), list[str]()

    def on_reset(self, reading: Reading) -> None:
        self.resets.append(reading)

    def on_plan(self, plan: Plan) -> None:
        self.plans.append(plan)

    def on_step(self, step: Step) -> None:
        self.steps.append(step)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_end(self, reading: Reading | None, cause: str) -> None:
        self.ends.append(cause)


class Bench:
    """A point robot with everything around it, in real time or, for tests that wait for nothing, in virtual time."""

    def __init__(
        self, pace: ControlPace | None = None, *, limits: Limits = LIMITS, policy: Any = None, rate: float = 20.0,
        real: bool = False,
    ) -> None:  # fmt: skip
        self.virtual = None if real else VirtualClock()
        self.clock = Clock() if self.virtual is None else self.virtual.clock
        self.robot, self.policy, self.scorer = PointRobot(rate=rate, clock=self.clock), policy or Wander(), Rightwards()
        self.policy.sleep = self.clock.sleep
        self.guard = Guard(self.robot, limits, clock=self.clock)
        if self.virtual is not None:
            self.guard._watchdog.close()
            self.virtual.watch(self.guard._watchdog.check)
        self.witness = Witness()
        self.planner = Planner(self.policy, self.scorer, budget=FixedBudget(4))
        self.runtime = Runtime(self.guard, self.planner, pace or ControlPace(4, 0.1), [self.witness])

    def run(self, **limits: Any) -> Any:
        self.guard.arm("test")
        return self.go(seed=0, **limits)

    def go(self, **limits: Any) -> Any:
        """Run an armed robot."""
        if self.virtual is None:
            return self.runtime.run(**limits)
        with mock.patch.object(loop, "Worker", return_value=VirtualWorker(self.virtual)):
            return self.runtime.run(**limits)

    def later(self, seconds: float, call: Callable[[], Any]) -> None:
        """Do something when some seconds have passed."""
        if self.virtual is None:
            threading.Timer(seconds, call).start()
        else:
            self.virtual.at(seconds, call)

    def close(self) -> None:
        self.guard.close()
