"""A LeRobot robot in an environment of its own, behind `robopref.robots.lerobot_server`."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from robopref.cameras import Camera
from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, RobotSpec
from robopref.robot_protocols import ActionMap
from robopref.robots import demands
from robopref.robots.arm import ArmRobot, ArmState, arm_robot


class LerobotArm:
    """Sends joint targets, and reads joint angles.

    The server has to run on this machine, whose monotonic clock both share.

    Args:
        port: Of the server.
        joints: Names of the joints that commands move, in order; the others stay where they are.
        unit: Radians in the unit of the robot's positions; a degree by default.
        timeout: Longest wait for an answer, s.

    Raises:
        ConfigError: A setting is of no use.
        RobotError: There is no server, or it lacks a joint.
    """

    def __init__(self, port: int, joints: Sequence[str], *, unit: float = math.pi / 180, timeout: float = 1.0) -> None:
        demands.port(port)
        demands.positive(unit=unit, timeout=timeout)
        demands.names("joints", joints)
        self._port, self._joints, self._unit, self._timeout = port, list(joints), unit, timeout
        self._lock, self._link = threading.Lock(), None
        self._connect()

    def start(self) -> None:
        """Take commands; connects anew after a failure."""
        if self._link is None:
            self._connect()
        self._ask({"do": "start"})

    def read(self) -> ArmState:
        """Joint angles; what is known of the tool is nothing."""
        answer = self._ask({"do": "read"})
        self._positions = np.asarray(answer["joints"], np.float64)
        return ArmState(float(answer["time"]), self._positions[self._chosen] * self._unit, np.zeros(3))

    def move(self, command: Command) -> None:
        """Make joint angles the next target."""
        if command.joints is None:
            raise RobotError(
                "a LeRobot robot takes joint angles; use robot.actions._target_=robopref.robots.maps.JointMap"
            )
        target = self._positions.copy()
        target[self._chosen] = command.joints / self._unit
        self._ask({"do": "move", "joints": target.tolist()})

    def hold(self) -> None:
        """Stay."""
        self._ask({"do": "hold"})

    def stop(self) -> None:
        """Stay, and take no command until `start`."""
        self._ask({"do": "stop"})

    def close(self) -> None:
        """Disconnect; the server then lets the robot stay."""
        self._drop()

    def _connect(self) -> None:
        try:
            self._link = socket.create_connection(("127.0.0.1", self._port), self._timeout)
        except OSError as error:
            raise RobotError(
                f"no LeRobot server on port {self._port}; run robopref/robots/lerobot_server.py there"
            ) from error
        self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._link.makefile("rb")
        try:
            self._begin()
        except RobotError:
            self._drop()  # the server has one client at a time
            raise

    def _begin(self) -> None:
        names = self._ask({"do": "start"})["names"]
        if missing := set(self._joints) - set(names):
            raise RobotError(f"the LeRobot robot has no joint {', '.join(sorted(missing))}; it has {', '.join(names)}")
        self._chosen = [names.index(name) for name in self._joints]
        self._ask({"do": "stop"})
        self._positions = np.asarray(self._ask({"do": "read"})["joints"], np.float64)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._link is None:
                raise RobotError("the LeRobot server is disconnected")
            try:
                self._link.sendall(json.dumps(question).encode() + b"\n")
                line = self._lines.readline()
            except OSError as error:
                self._drop()
                raise RobotError(f"the LeRobot server is disconnected: {error}") from error
            if not line:
                self._drop()
                raise RobotError("the LeRobot server is disconnected")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise RobotError(f"what answers on port {self._port} is no LeRobot server: {line[:40]!r}") from error
        if "error" in answer:
            raise RobotError(f"the LeRobot robot failed to {question['do']}: {answer['error']}")
        return answer

    def _drop(self) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):  # the other side may have left
                self._link.shutdown(socket.SHUT_RDWR)
            self._lines.close()  # it keeps the connection open as well
            self._link.close()
            self._link = None


def lerobot_robot(
    actions: ActionMap, cameras: Sequence[Camera | Callable[[], Camera]], *, port: int, joints: Sequence[str],
    deadman: float = 0.3, **settings: Any,
) -> ArmRobot:  # fmt: skip
    """A LeRobot robot that takes joint angles, with cameras.

    Args:
        actions: What the policy's actions mean: a `robopref.robots.maps.JointMap`.
        cameras: What the policy sees, or what makes each camera.
        port: Of the server.
        joints: Names of the joints that commands move.
        deadman: What the server was started with.
        **settings: Of `arm_robot` and `LerobotArm`.

    Raises:
        ConfigError: There are not as many joints as actions.
    """
    if actions.size != len(joints):
        raise ConfigError(f"{len(joints)} joints need as many actions, got {actions.size}")
    kind = partial(RobotSpec, "lerobot", points=0, joints=len(joints), real=True, deadman=deadman)
    return arm_robot(kind, partial(LerobotArm, port, joints), actions, cameras, proprio=("joints",), **settings)
