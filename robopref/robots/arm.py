"""What the drivers of arms have in common: a robot made of an arm and cameras."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robopref.cameras import Camera, Cell, Rig
from robopref.errors import RobotError
from robopref.motion import Command, Reading, RobotSpec, Vector
from robopref.records import Observation
from robopref.robot_protocols import ActionMap
from robopref.robots import demands


@dataclass(frozen=True)
class ArmState:
    """What an arm measured.

    Attributes:
        time: When, monotonic seconds.
        joints: (J,) rad.
        tool: (3,) m; zeros of an arm that knows its joints only.
        quaternion: (4,) wxyz, or None.
        wrench: (6,) N and N m at the tool, or None.
        gripper: (1,) opening, or None.
    """

    time: float
    joints: Vector
    tool: Vector
    quaternion: Vector | None = None
    wrench: Vector | None = None
    gripper: Vector | None = None


class Arm(Protocol):
    """A driver; its errors become those of the robot."""

    def start(self) -> None:
        """Be ready for commands after connecting, a stop or an error, and go home if there is one."""
        ...

    def read(self) -> ArmState:
        """The newest state."""
        ...

    def move(self, command: Command) -> None:
        """Make a command the next target, without waiting; the quaternion is given if the state has one."""
        ...

    def hold(self) -> None:
        """Come to rest, under power."""
        ...

    def stop(self) -> None:
        """Come to rest fast."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class ArmRobot:
    """An arm and cameras as a robot.

    Args:
        arm: The arm.
        rig: The cameras.
        actions: What the policy's actions mean.
        spec: What kind of robot it is; with no ``oriented`` the tool keeps the orientation that it was reset in.
        proprio: What the policy sees as proprioception, of ``tool``, ``joints``, ``quaternion``, ``wrench`` and
            ``gripper``, in the order of its demonstrations.
    """

    def __init__(
        self, arm: Arm, rig: Rig, actions: ActionMap, spec: RobotSpec, proprio: Sequence[str] = ("tool", "joints")
    ) -> None:
        self.actions, self.spec = actions, spec
        self._arm, self._rig, self._proprio = arm, rig, list(proprio)
        self._stopped, self._closed = threading.Event(), False
        self._upright: Vector | None = None
        self._sequence = 0

    def reset(self, *, seed: int | None = None) -> Reading:
        """Take commands again, and go home if there is one."""
        if self._closed:
            raise RobotError("the connection to the robot was closed")
        self._stopped.clear()
        self._arm.start()
        reading = self.observe()
        self._upright = reading.quaternion
        return reading

    def observe(self) -> Reading:
        """The newest state and clouds."""
        if self._closed:
            raise RobotError("the connection to the robot was closed")
        state, (points, seen) = self._arm.read(), self._rig.read()
        parts: list[Vector] = [part for name in self._proprio if (part := getattr(state, name, None)) is not None]
        if len(parts) < len(self._proprio):
            lacking = [name for name in self._proprio if getattr(state, name, None) is None]
            raise RobotError(f"robot {self.spec.name} does not measure {', '.join(lacking)}, which proprio names")
        self._sequence += 1
        proprio = np.concatenate(parts).astype(np.float32)
        return Reading(
            Observation(points, proprio), min(state.time, seen), state.tool, self._sequence, state.quaternion,
            state.joints, state.gripper, state.wrench,
        )  # fmt: skip

    def execute(self, command: Command) -> None:
        """Make a command the next target.

        Raises:
            RobotError: The robot is stopped, was not reset, or failed.
        """
        if self._stopped.is_set() or self._closed:
            raise RobotError("the robot is stopped; reset it")
        if command.quaternion is None and self._upright is not None:
            command = replace(command, quaternion=self._upright)
        self._arm.move(command)

    def hold(self) -> None:
        """Come to rest, ready for the next command."""
        if not self._stopped.is_set():
            self._arm.hold()

    def stop(self) -> None:
        """Come to rest fast, and take no command until `reset`."""
        self._stopped.set()
        if not self._closed:
            self._arm.stop()

    def close(self) -> None:
        """Stop, and disconnect."""
        self._stopped.set()
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):  # an arm that is disconnected cannot be stopped any more
            self._arm.stop()
        self._arm.close()
        self._rig.close()


def arm_robot(
    kind: Callable[..., RobotSpec],
    connect: Callable[..., Arm],
    actions: ActionMap,
    cameras: Sequence[Camera | Callable[[], Camera]],
    *,
    calibrations: Sequence[str | Path] = (),
    cell: Cell | None = None,
    rate: float = 10.0,
    oriented: bool = False,
    proprio: Sequence[str] = ("tool", "joints"),
    **arm: Any,
) -> ArmRobot:
    """Connect to an arm, then to its cameras.

    Args:
        kind: Says what kind of robot it is, of `rate` and `oriented`.
        connect: Makes the arm, of its settings.
        actions: What the policy's actions mean: steps or points of the tool.
        cameras: What the policy sees, or what makes each camera.
        calibrations: A file for each camera, see `Calibration`; none if they report in the base frame.
        cell: Which points the policy sees.
        rate: Commands a second.
        oriented: Whether commands turn the tool; otherwise it keeps the orientation that it was reset in.
        proprio: See `ArmRobot`.
        **arm: Settings of the arm, such as the host of its controller.

    Raises:
        ConfigError: Settings do not fit together.
        DependencyError: The arm's driver is not installed.
        RobotError: There is no arm, or a camera fails; the arm is then disconnected.
    """
    demands.positive(rate=rate)
    spec = kind(rate=rate, oriented=oriented)
    demands.fitting(actions, spec)
    made = connect(**arm)
    try:
        rig = Rig(cameras, calibrations, cell)
    except BaseException:
        made.close()
        raise
    return ArmRobot(made, rig, actions, spec, proprio)
