"""A RealSense depth camera, through pyrealsense2."""

from __future__ import annotations

import threading
import time

import numpy as np

from robopref.errors import RobotError
from robopref.pointclouds import Points
from robopref.robots import demands
from robopref.robots.sdk import another_home, sdk


class RealSenseCamera:
    """Points of the newest depth picture, in the frame of the depth sensor (x right, y down, z ahead).

    Args:
        serial: Number of the device; None takes the only one.
        width: Of the depth picture, pixels.
        height: Of the depth picture, pixels.
        rate: Pictures a second.
        far: Points beyond are dropped, m.
        timeout: Longest wait for a first picture, s.

    Raises:
        ConfigError: A number is not positive.
        DependencyError: pyrealsense2 is not installed.
        RobotError: There is no such camera, or it sends no pictures.
    """

    def __init__(
        self, serial: str | None = None, *, width: int = 640, height: int = 480, rate: int = 30, far: float = 2.0,
        timeout: float = 5.0,
    ) -> None:  # fmt: skip
        demands.positive(width=width, height=height, rate=rate, far=far, timeout=timeout)
        lib = sdk("pyrealsense2")
        self._name, self._far = f"RealSense camera {serial or ''}".strip(), far
        with another_home():  # the first context writes settings
            devices = len(lib.context().query_devices())
        if not devices:  # starting would wait a quarter of a minute for one
            raise RobotError(f"{self._name} does not start: no RealSense device is connected")
        self._pipeline, self._cloud, config = lib.pipeline(), lib.pointcloud(), lib.config()
        if serial is not None:
            config.enable_device(serial)
        config.enable_stream(lib.stream.depth, width, height, lib.format.z16, rate)
        try:
            self._pipeline.start(config)
        except RuntimeError as error:
            raise RobotError(f"{self._name} does not start: {error}") from error
        self._newest: tuple[Points, float] | None = None
        self._failed, self._closed, self._first = "", threading.Event(), threading.Event()
        self._offset = np.inf  # of the clocks: the quickest picture is nearest to it
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        if not self._first.wait(timeout) or self._failed:
            self.close()
            raise RobotError(f"{self._name} sends no pictures: {self._failed or f'none within {timeout:g} s'}")

    def read(self) -> tuple[Points, float]:
        """The newest (P, 3) points, and when they were measured."""
        if self._closed.is_set() or self._failed or self._newest is None:
            raise RobotError(f"{self._name} is disconnected: {self._failed or 'it was closed'}")
        return self._newest

    def close(self) -> None:
        """Free the device."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.join(2)
            self._pipeline.stop()

    def _follow(self) -> None:
        try:
            while not self._closed.is_set():
                depth = self._pipeline.wait_for_frames(1000).get_depth_frame()
                stamp = depth.get_timestamp() / 1000
                self._offset = min(self._offset, time.monotonic() - stamp)
                vertices = np.asanyarray(self._cloud.calculate(depth).get_vertices())
                points = vertices.view(np.float32).reshape(-1, 3)
                seen = (points[:, 2] > 0) & (points[:, 2] < self._far)
                self._newest = points[seen].copy(), stamp + self._offset
                self._first.set()
        except RuntimeError as error:
            self._failed = str(error)
            self._first.set()
