"""A simulated depth camera that sees what a real one would: noise, missing pixels, occlusion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DependencyError, unknown_name
from robopref.pointclouds import crop, farthest_points, pad_points


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

    Raises:
        ConfigError: The MJCF has no camera of that name, or it cannot render at that resolution.
        DependencyError: No OpenGL context could be made.
    """

    model: mujoco.MjModel
    config: DepthCameraConfig
    _renderer: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        names = [self.model.camera(i).name for i in range(self.model.ncam)]
        if self.config.name not in names:
            raise unknown_name("camera", self.config.name, names)
        check_resolution("camera.resolution", self.model, self.config.resolution)
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
        depth = self._render(data).astype(np.float64)
        seen = (rng.random(depth.shape) >= self.config.dropout) & (depth < 5.0)
        depth = depth + rng.normal(0.0, self.config.noise, depth.shape)
        cloud = crop(self._unproject(data, depth)[seen], self.config.lower, self.config.upper)
        return pad_points(farthest_points(cloud.astype(np.float32), self.config.points), self.config.points)

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _render(self, data: mujoco.MjData) -> NDArray[np.float32]:
        if self._renderer is None:
            self._renderer = make_renderer(self.model, self.config.resolution)
            self._renderer.enable_depth_rendering()
        self._renderer.update_scene(data, camera=self.config.name)
        return self._renderer.render()

    def _unproject(self, data: mujoco.MjData, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        height, width = depth.shape
        camera = self.model.camera(self.config.name)
        focal = 0.5 * height / np.tan(np.deg2rad(float(camera.fovy[0])) / 2)
        u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
        rays = np.stack([u / focal, v / focal, -np.ones_like(u)], axis=-1)
        rotation = data.cam_xmat[camera.id].reshape(3, 3)
        return data.cam_xpos[camera.id] + (rays * depth[..., None]) @ rotation.T


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
            f"MuJoCo could not open an off-screen OpenGL context ({error}); install libegl1 and libgl1-mesa-dri "
            "(apt-get install libegl1 libgl1-mesa-dri) and set MUJOCO_GL=egl"
        ) from error
