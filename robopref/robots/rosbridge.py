"""A ROS 1 or 2 robot behind a rosbridge websocket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robopref.cameras import Calibration, Cell, fuse
from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, Reading, RobotSpec, Vector
from robopref.pointclouds import Points
from robopref.records import Observation
from robopref.robot_protocols import ActionMap
from robopref.robots import demands
from robopref.robots import ros_messages as ros_msgs
from robopref.robots.rosbridge_link import Link

_LINGER = 0.2  # s for the last message to get out before the publisher is gone


@dataclass(frozen=True)
class Topics:
    """Names of topics and services; None leaves one out.

    All but the commands have to be published all the time, for the age of a reading is that of its oldest part.

    Attributes:
        command: Where commands go: ``geometry_msgs/PoseStamped``, the target of the tool in the next period; or
            ``std_msgs/Float64MultiArray`` of joint angles if the robot takes these; or for primitives
            ``geometry_msgs/PoseArray``, one pose a tool point, of which an empty one means to hold.
        done: ``std_msgs/Header``: the header of a primitive's command, when its motion is over.
        stop: ``std_msgs/Bool``, true to stop and to take no more commands, false to take them again.
        reset: Service ``std_srvs/Trigger`` that moves to the start and then answers; None stays where it is.
        pose: ``geometry_msgs/PoseStamped`` of the tool in the base frame.
        joints: ``sensor_msgs/JointState``.
        wrench: ``geometry_msgs/WrenchStamped`` at the tool.
        gripper: ``std_msgs/Float64``, opening from 0 to 1.
        gripper_command: The same as a command.
        proprio: ``std_msgs/Float32MultiArray``, what the policy sees as proprioception; None takes tool, joints and
            gripper, in this order.
        clouds: ``sensor_msgs/PointCloud2``, one topic a camera.
    """

    command: str = "/robopref/command"
    done: str = "/robopref/done"
    stop: str = "/robopref/stop"
    reset: str | None = "/robopref/reset"
    pose: str = "/robopref/pose"
    joints: str | None = None
    wrench: str | None = None
    gripper: str | None = None
    gripper_command: str | None = None
    proprio: str | None = None
    clouds: Sequence[str] = ("/camera/points",)

    def heard(self) -> dict[str, str]:
        """Types of the topics that are subscribed to, by name."""
        kinds = {
            self.pose: "geometry_msgs/PoseStamped", self.joints: "sensor_msgs/JointState",
            self.wrench: "geometry_msgs/WrenchStamped", self.gripper: "std_msgs/Float64",
            self.proprio: "std_msgs/Float32MultiArray", **dict.fromkeys(self.clouds, "sensor_msgs/PointCloud2"),
        }  # fmt: skip
        return {name: kind for name, kind in kinds.items() if name is not None}


@dataclass
class _Heard:
    """The newest message of a topic."""

    message: Any
    time: float
    made: dict[str, Any] = field(default_factory=dict[str, Any])


class RosbridgeRobot:
    """Publishes commands, and reads the newest state and clouds.

    The clocks of the ROS machine and of this one have to be synchronised: readings are as old as their headers say.
    A lost connection is not taken up again by itself, so that nothing old is ever sent; `reset` connects anew.

    Args:
        actions: What the policy's actions mean.
        topics: Where things are.
        host: Of the rosbridge server.
        port: Of the rosbridge server.
        ros: 1 or 2.
        rate: Commands a second.
        points: Tool points L of a command: 1, more for primitives, 0 if it is joint angles.
        primitive: Whether a command is a whole motion, of which ``done`` tells the end.
        longest: Longest time that a primitive may take, s.
        oriented: Whether commands turn the tool; otherwise it keeps the orientation that it was reset in.
        joint_names: Joints of commands, in order, if it takes joint angles.
        calibrations: A file for each cloud topic, see `Calibration`; none if clouds come in the base frame.
        cell: Which points the policy sees.
        deadman: Seconds after which the robot's controller holds when commands cease; you have to know it.
        timeout: Longest wait for the connection and for first messages, s.

    Raises:
        ConfigError: Settings do not fit together.
        DependencyError: roslibpy is not installed.
        RobotError: There is no server, or a topic is silent.
    """

    def __init__(
        self,
        actions: ActionMap,
        topics: Topics | None = None,
        *,
        host: str = "localhost",
        port: int = 9090,
        ros: int = 2,
        rate: float = 10.0,
        points: int = 1,
        primitive: bool = False,
        longest: float = 0.0,
        oriented: bool = False,
        joint_names: Sequence[str] = (),
        calibrations: Sequence[str | Path] = (),
        cell: Cell | None = None,
        deadman: float | None = None,
        timeout: float = 5.0,
    ) -> None:
        self.actions, self.topics, self._cell = actions, topics or Topics(), cell or Cell()
        _check(self.topics, ros, points, joint_names, calibrations)
        demands.text(host=host)
        demands.port(port)
        demands.positive(timeout=timeout)
        self.spec = RobotSpec(
            "rosbridge", rate=rate, points=points, primitive=primitive, longest=longest, oriented=oriented,
            joints=len(joint_names), gripper=self.topics.gripper_command is not None,
            wrench=self.topics.wrench is not None, real=True, deadman=deadman,
        )  # fmt: skip
        demands.fitting(actions, self.spec)
        self._places = [Calibration.load(path) for path in calibrations]
        self._joint_names, self._ros, self._timeout = list(joint_names), ros, timeout
        self._address = (host, port)
        self._lost, self._stopped, self._closed = threading.Event(), threading.Event(), False
        self._news = threading.Condition()
        self._heard: dict[str, _Heard] = {}
        self._done: tuple[int, int] | None = None
        self._sequence = 0
        self._upright: Vector | None = None  # orientation of commands that have none
        self._connect()

    def reset(self, *, seed: int | None = None) -> Reading:
        """Take commands again, and go to the start if there is a service for it."""
        if self._closed:
            raise RobotError("the connection to the robot was closed")
        self._stopped.clear()
        if self._lost.is_set() or self._link.trouble:
            self._link.close()
            self._connect()
        self._publish(self.topics.stop, "std_msgs/Bool", {"data": False})
        if self._stopped.is_set():  # meanwhile, by another thread; the last message has to be its
            self.stop()
        if self.topics.reset is not None:
            self._link.call(self.topics.reset, self.spec.longest + self._timeout)
        self._fresh(time.monotonic())
        reading = self.observe()
        self._upright = reading.quaternion
        return reading

    def observe(self) -> Reading:
        """The newest state and clouds."""
        self._connected()
        heard, topics = dict(self._heard), self.topics
        tool, quaternion = ros_msgs.read_pose(heard[topics.pose].message["pose"])
        joints = None if topics.joints is None else self._joints(heard[topics.joints].message)
        gripper = None if topics.gripper is None else np.array([heard[topics.gripper].message["data"]], np.float64)
        wrench = None if topics.wrench is None else _wrench(heard[topics.wrench].message["wrench"])
        if topics.proprio is not None:
            proprio = np.asarray(heard[topics.proprio].message["data"], np.float32)
        else:
            proprio = np.concatenate([part for part in (tool, joints, gripper) if part is not None]).astype(np.float32)
        return Reading(
            Observation(self._points([heard[name] for name in topics.clouds]), proprio),
            min(one.time for one in heard.values()), tool, self._sequence, quaternion, joints, gripper, wrench,
        )  # fmt: skip

    def execute(self, command: Command) -> None:
        """Publish a command; a primitive's end is waited for.

        Raises:
            RobotError: The robot is stopped, the connection is lost, or the motion did not end in time.
        """
        if self._stopped.is_set():
            raise RobotError("the robot is stopped; reset it")
        head = ros_msgs.header(self._ros, "base")
        if command.gripper is not None and self.topics.gripper_command is not None:
            self._publish(self.topics.gripper_command, "std_msgs/Float64", {"data": float(command.gripper[0])})
        if self.spec.primitive:
            poses = [ros_msgs.pose(point, command.quaternion) for point in command.points]
            self._publish(self.topics.command, "geometry_msgs/PoseArray", {"header": head, "poses": poses})
            self._wait(lambda: self._done == ros_msgs.stamp(head), self.spec.longest, "the motion did not end")
            self._fresh(time.monotonic())
        elif command.joints is not None:
            self._publish_joints(command.joints)
        else:
            self._publish_pose(command.points[0], command.quaternion)

    def hold(self) -> None:
        """Command to stay where it was measured; primitives are broken off by an empty command."""
        if self._stopped.is_set():
            return
        self._connected()
        if self.spec.primitive:
            head = ros_msgs.header(self._ros, "base")
            self._publish(self.topics.command, "geometry_msgs/PoseArray", {"header": head, "poses": []})
        elif self._joint_names and self.topics.joints is not None:
            self._publish_joints(self._joints(self._heard[self.topics.joints].message))
        else:
            self._publish_pose(*ros_msgs.read_pose(self._heard[self.topics.pose].message["pose"]))

    def stop(self) -> None:
        """Publish true on the stop topic."""
        self._stopped.set()
        self._connected(trusted=False)
        self._link.publish(self.topics.stop, "std_msgs/Bool", {"data": True})

    def close(self) -> None:
        """Stop, and disconnect."""
        self._stopped.set()
        if self._closed:
            return
        self._closed = True
        if not self._lost.is_set():
            self._link.publish(self.topics.stop, "std_msgs/Bool", {"data": True})
            self._lost.wait(_LINGER)
        self._lost.set()
        self._link.close()

    def _connect(self) -> None:
        self._heard, self._done = {}, None
        self._lost = threading.Event()
        self._link = Link(*self._address, self._ros, self._timeout, self._lost)
        for name, kind in self.topics.heard().items():
            self._link.subscribe(name, kind, lambda message, name=name: self._hear(name, message))
        if self.spec.primitive:
            self._link.subscribe(self.topics.done, "std_msgs/Header", self._finish)
        # Who listens to a topic takes a moment to notice that there is somebody who speaks.
        self._link.advertise(self.topics.stop, "std_msgs/Bool")
        kind = "PoseArray" if self.spec.primitive else "PoseStamped"
        self._link.advertise(
            self.topics.command, "std_msgs/Float64MultiArray" if self._joint_names else f"geometry_msgs/{kind}"
        )
        if self.topics.gripper_command is not None:
            self._link.advertise(self.topics.gripper_command, "std_msgs/Float64")
        try:
            self._wait(lambda: len(self._heard) == len(self.topics.heard()), self._timeout, "nothing was heard")
        except RobotError as error:
            silent = self.topics.heard().keys() - self._heard.keys()
            self._link.close()
            raise RobotError(f"{error}: no message on {', '.join(sorted(silent))}") from error

    def _hear(self, name: str, message: Any) -> None:
        at = ros_msgs.measured(message)
        with self._news:
            before = self._heard.get(name)
            if before is None or at >= before.time:
                self._heard[name] = _Heard(message, at)
                self._sequence += 1
            self._news.notify_all()

    def _finish(self, head: Any) -> None:
        with self._news:
            self._done = ros_msgs.stamp(head)
            self._news.notify_all()

    def _fresh(self, since: float) -> None:
        """Wait until everything was measured after a moment."""
        self._wait(lambda: min(one.time for one in self._heard.values()) >= since, self._timeout, "no newer message")

    def _wait(self, ready: Callable[[], bool], seconds: float, otherwise: str) -> None:
        until = time.monotonic() + seconds
        with self._news:
            while not ready():
                self._connected()
                if self._stopped.is_set():
                    raise RobotError("the robot was stopped")
                if time.monotonic() > until:
                    raise RobotError(f"{otherwise} within {seconds:g} s")
                self._news.wait(0.02)

    def _connected(self, *, trusted: bool = True) -> None:
        if self._lost.is_set():
            raise RobotError("the connection to the robot was closed" if self._closed else "rosbridge is disconnected")
        if trusted and self._link.trouble:
            raise RobotError(self._link.trouble)

    def _publish(self, name: str, kind: str, message: dict[str, Any]) -> None:
        self._connected()
        self._link.publish(name, kind, message)

    def _publish_joints(self, joints: Vector) -> None:
        layout = {"dim": [], "data_offset": 0}
        self._publish(
            self.topics.command,
            "std_msgs/Float64MultiArray",
            {"layout": layout, "data": [float(one) for one in joints]},
        )

    def _publish_pose(self, point: Vector, quaternion: Vector | None) -> None:
        target = ros_msgs.pose(point, self._upright if quaternion is None else quaternion)
        head = ros_msgs.header(self._ros, "base")
        self._publish(self.topics.command, "geometry_msgs/PoseStamped", {"header": head, "pose": target})

    def _joints(self, message: Any) -> Vector:
        positions = dict(zip(message["name"], message["position"], strict=True))
        names = self._joint_names or list(positions)
        if missing := set(names) - positions.keys():
            raise RobotError(f"joint states lack {', '.join(sorted(missing))}; they have {', '.join(positions)}")
        return np.array([positions[name] for name in names], np.float64)

    def _points(self, clouds: Sequence[_Heard]) -> Points | None:
        if not clouds:
            return None
        key = str([one.time for one in clouds])  # work is done once for each set of clouds
        if key not in clouds[0].made:
            seen = [ros_msgs.read_cloud(one.message) for one in clouds]
            base = fuse(seen, self._places) if self._places else np.concatenate(seen)
            clouds[0].made[key] = self._cell.sample(base)
        return clouds[0].made[key]


def _wrench(message: Any) -> Vector:
    return np.array([message[part][axis] for part in ("force", "torque") for axis in "xyz"], np.float64)


def _check(
    topics: Topics, ros: int, points: int, joint_names: Sequence[str], calibrations: Sequence[Any]
) -> None:  # fmt: skip
    if ros not in (1, 2):
        raise ConfigError(f"ros must be 1 or 2, got {ros}")
    if joint_names and (points or topics.joints is None):
        raise ConfigError("a robot that takes joint angles needs points=0 and topics.joints")
    if (topics.gripper_command is None) != (topics.gripper is None):
        raise ConfigError("topics.gripper and topics.gripper_command are given together or not at all")
    if calibrations and len(calibrations) != len(topics.clouds):
        raise ConfigError(f"{len(topics.clouds)} cloud topics need as many calibrations, got {len(calibrations)}")
