"""A ROS 1 or 2 point cloud as a camera, for arms with a driver of their own."""

from __future__ import annotations

import threading
import time
from typing import Any

from robopref.errors import ConfigError, RobotError
from robopref.pointclouds import Points
from robopref.robots import demands
from robopref.robots import ros_messages as ros_msgs
from robopref.robots.rosbridge_link import Link


class RosCamera:
    """The newest ``sensor_msgs/PointCloud2`` of a topic, through rosbridge; the clocks have to be synchronised.

    Args:
        topic: Name of the topic.
        host: Of the rosbridge server.
        port: Of the rosbridge server.
        ros: 1 or 2.
        timeout: Longest wait for the connection and for a first cloud, s.

    Raises:
        ConfigError: A setting is of no use.
        DependencyError: roslibpy is not installed.
        RobotError: There is no server, or the topic is silent.
    """

    def __init__(
        self, topic: str, *, host: str = "localhost", port: int = 9090, ros: int = 2, timeout: float = 5.0
    ) -> None:
        demands.text(topic=topic, host=host)
        demands.port(port)
        demands.positive(timeout=timeout)
        if ros not in (1, 2):
            raise ConfigError(f"ros must be 1 or 2, got {ros}")
        self._topic, self._lost, self._heard = topic, threading.Event(), threading.Event()
        self._message: Any = None
        self._made: tuple[Any, tuple[Points, float]] | None = None
        self._link = Link(host, port, ros, timeout, self._lost)
        self._link.subscribe(topic, "sensor_msgs/PointCloud2", self._hear)
        until = time.monotonic() + timeout
        while not self._heard.wait(0.02):
            if self._link.trouble or time.monotonic() > until:
                self._link.close()
                raise RobotError(f"{self._link.trouble or f'silence for {timeout:g} s'}: no message on {topic}")

    def read(self) -> tuple[Points, float]:
        """The newest (P, 3) points, and when they were measured by their header."""
        if self._lost.is_set():
            raise RobotError(f"the camera on {self._topic} is disconnected")
        message = self._message
        if self._made is None or self._made[0] is not message:
            self._made = message, (ros_msgs.read_cloud(message), ros_msgs.measured(message))
        return self._made[1]

    def close(self) -> None:
        """Disconnect."""
        self._lost.set()
        self._link.close()

    def _hear(self, message: Any) -> None:
        self._message = message
        self._heard.set()
