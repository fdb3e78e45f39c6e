"""What is expected of whatever moves, and of whoever is told of it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.motion import Command, Event, Plan, Reading, RobotSpec, Step


@runtime_checkable
class ActionMap(Protocol):
    """Says what a policy's actions in [-1, 1] mean in physical units, and back."""

    @property
    def size(self) -> int:
        """Action dim A."""
        ...

    def to_command(self, actions: NDArray[Any], origin: Command) -> Command:
        """Turn (..., A) actions into commands; relative ones count from `origin`, the command before."""
        ...

    def to_actions(self, command: Command, origin: Command) -> NDArray[np.float32]:
        """The (..., A) actions that come nearest to commands."""
        ...


@runtime_checkable
class Robot(Protocol):
    """A robot, simulated or real; physical units begin here.

    `hold` and `stop` may be called from another thread at any time, also while `execute` runs, any number of times;
    they return within a few milliseconds and without waiting for the robot. After `stop` the robot takes no command
    until `reset`: `execute` raises. A failed connection raises `RobotError` from whichever method meets it. A real
    robot has to hold by itself when commands cease (`RobotSpec.deadman`), for a killed process sends nothing.
    `tests/robots/contract.py` checks all of this for any robot.
    """

    @property
    def spec(self) -> RobotSpec:
        """What kind of robot it is."""
        ...

    @property
    def actions(self) -> ActionMap:
        """What its actions mean."""
        ...

    def reset(self, *, seed: int | None = None) -> Reading:
        """Go to where an episode begins; may move, and takes commands again after a stop."""
        ...

    def observe(self) -> Reading:
        """The newest reading, without waiting for one."""
        ...

    def execute(self, command: Command) -> None:
        """Take a command that passed the safety filter."""
        ...

    def hold(self) -> None:
        """Come to rest and stay there, under power, ready for the next command."""
        ...

    def stop(self) -> None:
        """Come to rest as fast as the robot can, and take no command until `reset`."""
        ...

    def close(self) -> None:
        """Stop, and free the connection; further calls do nothing."""
        ...


@runtime_checkable
class Subscriber(Protocol):
    """Is told what happens during a run, and changes nothing; an error of it stops the robot."""

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        ...

    def on_plan(self, plan: Plan) -> None:
        """Candidates were ranked."""
        ...

    def on_step(self, step: Step) -> None:
        """A command was executed."""
        ...

    def on_event(self, event: Event) -> None:
        """Something else happened; may be called from another thread."""
        ...

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """The episode is over; the last reading, if there is one."""
        ...
