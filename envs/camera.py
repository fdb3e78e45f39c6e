"""A simulated depth camera that sees what a real one would: noise, missing pixels, occlusion."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DependencyError, unknown_name
from robopref.pointclouds import crop, farthest_points, pad_points

# So many points for each one wanted are left for farthest-point sampling, which takes time in proportion.
_SPARE = 1.25


@dataclass(frozen=True)
class DepthCameraConfig:
    """Placement and flaws of a depth camera.

    Attributes:
        name: Camera of the MJCF to look through.
        resolution: Height and width in pixels.
        position: Overrides the MJCF position, m.
        fovy: Overrides the MJCF vertical field of view, degrees.
        lower: Lowest corner of the crop box, m.
        upper: Highest corner of the crop box, m.
        noise: Standard deviation of depth, m.
        dropout: Probability that a pixel returns nothing.
        points: Number of points P to return.
    """

    name: str = "overhead"
    resolution: tuple[int, int] = (256, 256)
    position: tuple[float, float, float] | None = None
    fovy: float | None = None
    lower: tuple[float, float, float] = (-0.45, -0.45, 0.005)
    upper: tuple[float, float, float] = (0.45, 0.45, 0.25)
    noise: float = 0.001
    dropout: float = 0.05
    points: int = 1024

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ConfigError(f"camera.points must be at least 1, got {self.points}")
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ConfigError(f"camera.lower must be below camera.upper, got {self.lower} and {self.upper}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"camera.dropout must be in [0, 1), got {self.dropout}")
        if not self.noise >= 0:
            raise ConfigError(f"camera.noise must not be negative, got {self.noise}")


@dataclass
class DepthCamera:
    """Renders depth with MuJoCo and turns it into a fixed number of points in the world frame.

    Args:
        model: Model to render.
        config: Placement and flaws.
        aim: Where to look from in a state, in place of a camera of the MJCF; the crop box is then around the point
            that is looked at, and floors are left out.

    Raises:
        ConfigError: The MJCF has no camera of that name, or it cannot render at that resolution.
        DependencyError: No OpenGL context could be made.
    """

    model: mujoco.MjModel
    config: DepthCameraConfig
    aim: Callable[[mujoco.MjData], mujoco.MjvCamera] | None = None
    _renderer: Any = field(default=None, init=False, repr=False)
    _seen_along: tuple[tuple[float, ...], NDArray[np.float64]] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_resolution("camera.resolution", self.model, self.config.resolution)
        if self.aim is not None:
            return
        names = [self.model.camera(i).name for i in range(self.model.ncam)]
        if self.config.name not in names:
            raise unknown_name("camera", self.config.name, names)
        camera = self.model.camera(self.config.name)
        if self.config.position is not None:
            camera.pos[:] = self.config.position
        if self.config.fovy is not None:
            camera.fovy[:] = self.config.fovy

    def points(self, data: mujoco.MjData, rng: np.random.Generator) -> NDArray[np.float32]:
        """Look at the scene once.

        Args:
            data: Physics state to look at.
            rng: Source of noise and dropout.

        Returns:
            (P, 3) points in the world frame, m; zeros where nothing at all was seen.
        """
        view = None if self.aim is None else self.aim(data)
        picture = self._render(data, view)
        centre = np.zeros(3) if view is None else view.lookat
        lower, upper = (centre + corner for corner in (self.config.lower, self.config.upper))
        position, rays = self._rays(data, picture.shape)
        # Most of a picture is table, which its height alone tells, before the other coordinates are worked out.
        height = position[2] + picture * rays[2]
        seen = (height >= lower[2]) & (height <= upper[2])
        if view is None:
            seen &= picture < 5.0
        seen = np.flatnonzero(seen)
        rays = rays.reshape(3, -1).take(seen, axis=1)
        places = position[:, None] + rays * picture.ravel()[seen]
        inside = np.flatnonzero(((places >= lower[:, None]) & (places <= upper[:, None])).all(axis=0))
        cloud = np.vstack([places.take(inside, axis=1), rays.take(inside, axis=1)]).T
        if view is not None:
            cloud = off_planes(cloud, self.model, data)
        # Flaws are drawn only for as many pixels as are needed.
        cloud = evenly(cloud, 2 * self.config.points)
        cloud = cloud[rng.random(len(cloud)) >= self.config.dropout]
        cloud = cloud[:, :3] + rng.normal(0.0, self.config.noise, (len(cloud), 1)) * cloud[:, 3:]
        cloud = evenly(crop(cloud, lower, upper), int(_SPARE * self.config.points))
        return pad_points(farthest_points(cloud.astype(np.float32), self.config.points), self.config.points)

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _render(self, data: mujoco.MjData, view: mujoco.MjvCamera | None) -> NDArray[np.float32]:
        if self._renderer is None:
            # Depth has no use for smooth edges, and their mean would lie on neither side.
            quality = self.model.vis.quality
            samples, quality.offsamples = quality.offsamples, 0
            try:
                self._renderer = make_renderer(self.model, self.config.resolution)
            finally:
                quality.offsamples = samples
            self._renderer.enable_depth_rendering()
        self._renderer.update_scene(data, camera=self.config.name if view is None else view)
        return self._renderer.render()

    def _rays(self, data: mujoco.MjData, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the camera is, (3,), and how a point of each pixel moves with a metre of depth, (3, h, w)."""
        position, rotation, fovy = self._pose(data)
        height, width = shape
        pose = (fovy, height, width, *rotation.ravel().tolist())
        if self._seen_along is None or self._seen_along[0] != pose:
            focal = 0.5 * height / np.tan(np.deg2rad(fovy) / 2)
            u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
            rays = np.stack([u / focal, v / focal, -np.ones_like(u)], axis=-1) @ rotation.T
            self._seen_along = pose, np.ascontiguousarray(np.moveaxis(rays, -1, 0))
        return position, self._seen_along[1]

    def _pose(self, data: mujoco.MjData) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        if self.aim is None:
            camera = self.model.camera(self.config.name)
            return data.cam_xpos[camera.id], data.cam_xmat[camera.id].reshape(3, 3), float(camera.fovy[0])
        # Between the two eyes of the scene that was just rendered.
        eyes = self._renderer.scene.camera
        position, forward, up = (
            np.mean([getattr(eye, name) for eye in eyes], axis=0, dtype=np.float64) for name in ("pos", "forward", "up")
        )
        rotation = np.stack([np.cross(forward, up), up, -forward], axis=1)
        return position, rotation, float(self.model.vis.global_.fovy)


def evenly(rows: NDArray[Any], most: int) -> NDArray[Any]:
    """Rows at even distances, if there are more than `most`; otherwise all."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def off_planes(points: NDArray[np.float64], model: mujoco.MjModel, data: mujoco.MjData) -> NDArray[np.float64]:
    """Leave out points on, or under, the endless planes of a scene, such as its floor.

    Args:
        points: (P, 3+C) points; the first three columns are xyz in the world frame, m.
        model: The scene.
        data: Its state.

    Returns:
        (P', 3+C) points more than 5 mm above all planes, in their old order.
    """
    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        normal = data.geom_xmat[plane].reshape(3, 3)[:, 2]
        points = points[(points[:, :3] - data.geom_xpos[plane]) @ normal > 0.005]
    return points


def check_resolution(name: str, model: mujoco.MjModel, resolution: tuple[int, int]) -> None:
    """Check a picture size against the scene's off-screen buffer.

    Args:
        name: Name of the setting, for the message.
        model: Model to render.
        resolution: Height and width in pixels.

    Raises:
        ConfigError: The picture has no pixels or is larger than the buffer.
    """
    limits = int(model.vis.global_.offheight), int(model.vis.global_.offwidth)
    if not all(1 <= size <= limit for size, limit in zip(resolution, limits, strict=True)):
        raise ConfigError(f"{name} must be between (1, 1) and {limits} pixels, got {tuple(resolution)}")


def make_renderer(model: mujoco.MjModel, resolution: tuple[int, int]) -> Any:
    """Make an off-screen renderer, or say how to get one.

    Args:
        model: Model to render.
        resolution: Height and width in pixels.

    Returns:
        A `mujoco.Renderer`.

    Raises:
        DependencyError: No OpenGL context could be made.
    """
    try:
        return mujoco.Renderer(model, *resolution)
    except Exception as error:  # MuJoCo raises whatever its GL backend raised.
        raise DependencyError(
            f"MuJoCo could not open an off-screen OpenGL context (MUJOCO_GL={os.environ.get('MUJOCO_GL')}: {error}); "
            "it needs EGL, OpenGL and a driver: apt-get install libegl1 libgl1 libgl1-mesa-dri"
        ) from error
