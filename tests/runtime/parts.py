"""A policy, a scorer and a subscriber that say what the loop does with them."""

import threading
import time
from typing import Any

import torch
from torch import Tensor

from robopref.motion import Event, Plan, Reading, Step
from robopref.runtime.budget import FixedBudget
from robopref.runtime.loop import Pace, Runtime
from robopref.runtime.planner import Planner
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.types import NoiseDraw, Observation, Scores
from tests.robots.toy import LIMITS, PointRobot


class Wander:
    """Small random steps; remembers what it saw, and may be slow or fail."""

    def __init__(self, horizon: int = 8, size: float = 0.05) -> None:
        self.horizon, self.size = horizon, size
        self.delay, self.seen = 0.0, list[Tensor]()
        self.fault: Any = None
        self.threads = set[str]()

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        self.seen.append(observation.proprio.clone())
        self.threads.add(threading.current_thread().name)
        if self.fault is not None:
            raise self.fault
        time.sleep(self.delay)
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
    """A point robot with everything around it."""

    def __init__(
        self, pace: Pace | None = None, *, limits: Limits = LIMITS, policy: Any = None, rate: float = 20.0
    ) -> None:
        self.robot, self.policy, self.scorer = PointRobot(rate=rate), policy or Wander(), Rightwards()
        self.guard = Guard(self.robot, limits)
        self.witness = Witness()
        self.planner = Planner(self.policy, self.scorer, budget=FixedBudget(4))
        self.runtime = Runtime(self.guard, self.planner, pace or Pace(4, 0.1), [self.witness])

    def run(self, **limits: Any) -> Any:
        self.guard.arm("test")
        return self.runtime.run(seed=0, **limits)

    def close(self) -> None:
        self.guard.close()
