"""A simulated task as a robot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from robopref.errors import RobotError
from robopref.motion import Command, Reading, RobotSpec, standing
from robopref.records import Observation
from robopref.robots.env_abilities import tool_of
from robopref.robots.maps import action_map, opening
from robopref.robots.sim import Moment, SimTask, TaskSpec
from robopref.threads import Worker


class TaskRobot:
    """Executes commands in simulation, where nothing can come to harm, in one thread: what draws belongs to one.

    The tool points of a command are the anchors of the task's actions. The tool is where the environment's ``tool``
    says, or else the first three entries of the proprioception; the fourth says how open a gripper is. A task whose
    actions name points by themselves takes each as a whole motion; others move the tool on from the command before.

    Args:
        task: Which task.
        rate: Commands a second at most.
        longest: Longest time that simulating one action takes, s.
        clock: The time of readings, s; that of the guard.
    """

    def __init__(
        self, task: TaskSpec, *, rate: float = 10.0, longest: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._worker = Worker("robopref-simulation")
        self.task = self._worker.submit(SimTask, task).result()
        self.actions = action_map(self.task.geometry)
        self.spec = RobotSpec(
            "sim", rate=rate, points=len(self.task.geometry.labels), gripper=self.actions.gripper,
            primitive=self.task.geometry.origin is None, longest=longest,
        )  # fmt: skip
        self._moment: Moment | None = None
        self._before: Command | None = None  # what it was told last, while it follows
        self._steps = self._sequence = 0
        self._closed = False
        self._stopped = threading.Event()

    def reset(self, *, seed: int | None = None) -> Reading:
        """Start an episode."""
        self._stopped.clear()
        self._before = None
        self._moment, self._steps = self._worker.submit(self.task.reset, 0 if seed is None else seed).result(), 0
        return self.observe()

    def observe(self) -> Reading:
        """The present state."""
        if self._moment is None:
            self._moment = self._worker.submit(self.task.reset, 0).result()
        self._sequence += 1
        moment = self._moment
        tool = tool_of(self.task.env, moment.observation["proprio"])
        grip = opening(moment.observation["proprio"]) if self.spec.gripper else None
        return Reading(
            Observation.of(moment.observation), self._clock(), tool, self._sequence,
            gripper=grip,
            success=moment.success, ended=self._steps >= self.task.spec.max_steps, progress=moment.progress,
        )  # fmt: skip

    @property
    def moment(self) -> Moment:
        """The present state, from which actions can be tried elsewhere.

        Raises:
            RobotError: No episode has begun.
        """
        if self._moment is None:
            raise RobotError("the simulated robot is in no state yet; reset it")
        return self._moment

    def execute(self, command: Command) -> None:
        """Simulate one action.

        Raises:
            RobotError: The robot is stopped.
        """
        if self._stopped.is_set():
            raise RobotError("the simulated robot is stopped; reset it")
        # Pushing against something the tool stays behind, and the next step counts from where it should have been.
        origin = self._before or standing(self.observe(), self.spec)
        self._moment = self._worker.submit(self.task.step, self.actions.to_actions(command, origin)).result()
        self._before = command
        self._steps += 1

    def hold(self) -> None:
        """Between actions a simulation stands still; the next one counts from there."""
        self._before = None

    def stop(self) -> None:
        """Take no command until `reset`."""
        self._stopped.set()

    def close(self) -> None:
        """Free what the environment holds."""
        self._stopped.set()
        if not self._closed:
            self._closed = True
            self._worker.submit(self.task.close).result()
            self._worker.close()
