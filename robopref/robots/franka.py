"""A Franka Research 3 or Panda, through franky-control."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, RobotSpec
from robopref.robots import demands
from robopref.robots.arm import ArmRobot, ArmState, arm_robot
from robopref.robots.process import ProcessRobot
from robopref.robots.sdk import sdk


class FrankaArm:
    """Gives the driver's motion generator one target after the other, which it reaches at limited jerk.

    The robot stops by itself within some milliseconds when the driver falls silent, as its 1 kHz interface demands.

    Args:
        host: Of the robot's controller (FCI enabled).
        dynamics: Share of the robot's own limits of speed, acceleration and jerk to use, in (0, 1].
        home: Joint angles (7,) where an episode begins, rad; None stays where it is.
        realtime: Whether to demand a real-time kernel.

    Raises:
        ConfigError: `dynamics` is out of range.
        DependencyError: franky-control is not installed.
        RobotError: There is no robot.
    """

    def __init__(
        self, host: str, *, dynamics: float = 0.1, home: Sequence[float] | None = None, realtime: bool = True
    ) -> None:  # fmt: skip
        demands.text(host=host)
        demands.positive(dynamics=dynamics)
        demands.angles("home", home, range(7, 8))
        if dynamics > 1:
            raise ConfigError(f"dynamics of a Franka robot must be in (0, 1], got {dynamics}")
        franky = self._lib = sdk("franky")
        self._home = home
        config = franky.RealtimeConfig.Enforce if realtime else franky.RealtimeConfig.Ignore
        try:
            self._robot: Any = franky.Robot(host, realtime_config=config)
        except Exception as error:  # the C++ exceptions of the driver have no common base
            raise RobotError(f"no Franka robot at {host}: {error}") from error
        self._robot.relative_dynamics_factor = dynamics

    def start(self) -> None:
        """Clear errors, and go home."""
        if self._robot.has_errors and not self._robot.recover_from_errors():
            raise RobotError("the Franka robot did not recover from its errors; see Desk")
        if self._home is not None:
            self._robot.move(self._lib.JointMotion([float(one) for one in self._home]))

    def read(self) -> ArmState:
        """Joints, tool pose and the force that the robot estimates."""
        state = self._robot.state
        pose = state.O_T_EE
        x, y, z, w = np.ravel(pose.quaternion)
        return ArmState(
            time.monotonic(), np.ravel(state.q).astype(np.float64), np.ravel(pose.translation).astype(np.float64),
            np.array([w, x, y, z]), np.ravel(state.K_F_ext_hat_K).astype(np.float64),
        )  # fmt: skip

    def move(self, command: Command) -> None:
        """Replace the target; a motion that failed shows here."""
        if command.quaternion is None:
            raise RobotError("the robot was not reset yet")
        if self._robot.has_errors:
            raise RobotError("the Franka robot is in an error; see Desk")
        w, x, y, z = (float(one) for one in command.quaternion)
        target = self._lib.Affine([float(one) for one in command.points[0]], [x, y, z, w])
        self._robot.move(self._lib.CartesianMotion(target), asynchronous=True)

    def hold(self) -> None:
        """Come to rest at limited jerk."""
        self._robot.move(self._lib.CartesianStopMotion(), asynchronous=True)

    def stop(self) -> None:
        """End the motion."""
        self._robot.stop()

    def close(self) -> None:
        """The driver disconnects with the process."""


def franka_robot(*given: Any, **settings: Any) -> ArmRobot:
    """A Franka robot with cameras; the hand is not driven.

    Args:
        *given: Of `arm_robot`: actions and cameras.
        **settings: Of `arm_robot` and `FrankaArm`.
    """
    kind = partial(RobotSpec, "franka", wrench=True, real=True, deadman=0.1)
    return arm_robot(kind, FrankaArm, *given, **settings)


def franka_process(**settings: Any) -> ProcessRobot:
    """The same in a process of its own, for the driver's control loop has to answer every millisecond.

    Args:
        **settings: Of `franka_robot`; cameras as what makes them.
    """
    return ProcessRobot(partial(franka_robot, **settings))
