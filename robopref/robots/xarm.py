"""A UFACTORY xArm, through xarm-python-sdk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from robopref.errors import RobotError
from robopref.motion import Command, RobotSpec
from robopref.robots import demands
from robopref.robots.arm import ArmRobot, ArmState, arm_robot
from robopref.robots.process import ProcessRobot
from robopref.robots.sdk import sdk
from robopref.rotations import from_rotation, to_rotation

_ONLINE = 7  # the mode in which a new target replaces the last one on the way
_MM = 1000.0


class XarmArm:
    """Gives the controller one target after the other, between which it plans the motion by itself.

    The SDK does not say when a state was measured; it is taken to be when the controller answered.

    Args:
        host: Address of the controller.
        speed: Fastest motion of the tool, m/s.
        acceleration: m/s².
        home: Joint angles where an episode begins, rad; None stays where it is.
        home_speed: Joint speed of that, rad/s.

    Raises:
        ConfigError: A speed is not positive, or the home has not as many angles as an arm has joints.
        DependencyError: xarm-python-sdk is not installed.
        RobotError: There is no controller.
    """

    def __init__(
        self, host: str, *, speed: float = 0.25, acceleration: float = 2.0, home: Sequence[float] | None = None,
        home_speed: float = 0.3,
    ) -> None:  # fmt: skip
        demands.text(host=host)
        demands.positive(speed=speed, acceleration=acceleration, home_speed=home_speed)
        demands.angles("home", home, range(5, 8))
        lib = sdk("xarm.wrapper")
        self._speed, self._acceleration = speed * _MM, acceleration * _MM
        self._home, self._home_speed = home, home_speed
        try:
            self._api: Any = lib.XArmAPI(host, is_radian=True)
        except Exception as error:
            raise RobotError(f"no xArm controller at {host}: {error}") from error
        if not self._api.connected:
            raise RobotError(f"no xArm controller at {host}; is it switched on?")

    def start(self) -> None:
        """Clear errors, and take targets."""
        self._done(self._api.clean_error(), "clear its errors")
        self._done(self._api.motion_enable(True), "enable its motors")
        if self._home is not None:
            self._enter(0)
            self._done(self._api.set_servo_angle(angle=[*self._home], speed=self._home_speed, wait=True), "go home")
        self._enter(_ONLINE)

    def read(self) -> ArmState:
        """Joints and tool pose."""
        self._check()
        code, pose = self._api.get_position_aa()
        self._done(code, "say where it is")
        code, joints = self._api.get_servo_angle()
        self._done(code, "say its joint angles")
        where = np.asarray(pose, np.float64)
        return ArmState(
            time.monotonic(), np.asarray(joints, np.float64), where[:3] / _MM, from_rotation(where[3:6])
        )  # fmt: skip

    def move(self, command: Command) -> None:
        """Replace the target."""
        self._check()
        if command.quaternion is None:
            raise RobotError("the robot was not reset yet")
        self._target([*(command.points[0] * _MM), *to_rotation(command.quaternion)])

    def hold(self) -> None:
        """Make the target where it is."""
        code, pose = self._api.get_position_aa()
        self._done(code, "say where it is")
        self._target([*pose])

    def stop(self) -> None:
        """Stop state, in which targets are refused."""
        code = self._api.set_state(4)
        if code != 1:  # 1: there is an error, in which the controller has stopped already
            self._done(code, "stop")

    def close(self) -> None:
        """Disconnect."""
        self._api.disconnect()

    def _enter(self, mode: int) -> None:
        self._done(self._api.set_mode(mode), f"enter mode {mode}")
        self._done(self._api.set_state(0), "take commands")

    def _target(self, pose: list[float]) -> None:
        code = self._api.set_position_aa(
            [float(one) for one in pose], speed=self._speed, mvacc=self._acceleration, wait=False
        )
        self._done(code, "take a target")

    def _check(self) -> None:
        if not self._api.connected:
            raise RobotError("the xArm controller is disconnected")
        if self._api.error_code:
            raise RobotError(f"the xArm controller reports error {self._api.error_code}")

    def _done(self, code: int, doing: str) -> None:
        if code not in (0, 2):  # 2: carried out, with a warning
            raise RobotError(f"the xArm did not {doing}: code {code}")


def xarm_robot(*given: Any, rate: float = 10.0, **settings: Any) -> ArmRobot:
    """An xArm with cameras; when commands cease it comes to rest at the last target, at most one step away.

    Args:
        *given: Of `arm_robot`: actions and cameras.
        rate: Commands a second.
        **settings: Of `arm_robot` and `XarmArm`.
    """
    demands.positive(rate=rate)
    kind = partial(RobotSpec, "xarm", real=True, deadman=2 / rate)
    return arm_robot(kind, XarmArm, *given, rate=rate, **settings)


def xarm_process(**settings: Any) -> ProcessRobot:
    """The same in a process of its own.

    Args:
        **settings: Of `xarm_robot`; cameras as what makes them.
    """
    return ProcessRobot(partial(xarm_robot, **settings))
