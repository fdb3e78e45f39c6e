"""What calibrated cameras see, in the robot's base frame."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.files import read_json, write_json
from robopref.pointclouds import Points, crop, farthest_points, import_open3d, pad_points, voxel_points

_ROUNDING = 1e-3  # how far the rotation of a file may be from an orthonormal one


class Camera(Protocol):
    """Something that sees points."""

    def read(self) -> tuple[Points, float]:
        """The newest (P, 3) points in the camera's frame, m, and when they were measured, monotonic seconds."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


@dataclass(frozen=True)
class Calibration:
    """Where a camera is: the result of a hand-eye calibration.

    A file of it is JSON, ``{"camera": "front", "base_from_camera": [[...], [...], [...], [0, 0, 0, 1]]}``, with lengths
    in metres.

    Attributes:
        base_from_camera: (4, 4) rigid transform of points from the camera's frame to the robot's base frame.
        camera: Name for people.

    Raises:
        DataError: The transform is not rigid.
    """

    base_from_camera: NDArray[np.float64]
    camera: str = ""

    def __post_init__(self) -> None:
        try:
            matrix = np.asarray(self.base_from_camera, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"the calibration of camera {self.camera!r} must be numbers: {error}") from error
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise DataError(
                f"the calibration of camera {self.camera!r} must be 4 x 4 finite numbers, got shape {matrix.shape}"
            )
        turn = matrix[:3, :3]
        if np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-9:
            raise DataError(
                f"the last row of the calibration of camera {self.camera!r} must be 0, 0, 0, 1; transposed?"
            )
        if np.abs(turn @ turn.T - np.eye(3)).max() > _ROUNDING or np.linalg.det(turn) < 0:
            raise DataError(
                f"the calibration of camera {self.camera!r} is not rigid: its upper left 3 x 3 must be a rotation"
            )
        if np.abs(matrix[:3, 3]).max() > 10:
            raise DataError(f"camera {self.camera!r} is over 10 m away; the calibration must be in metres")
        # Rounded digits of a file must not stretch the cloud.
        left, _, right = np.linalg.svd(turn)
        matrix = matrix.copy()
        matrix[:3, :3] = left @ right
        object.__setattr__(self, "base_from_camera", matrix)

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read a file.

        Raises:
            DataError: The file is missing, no JSON, lacks something, or its transform is not rigid.
        """
        found = read_json(Path(path))
        try:
            return cls(found["base_from_camera"], str(found.get("camera", Path(path).stem)))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} is no calibration ({type(error).__name__}: {error}); it must be JSON with base_from_camera"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write a file."""
        content = {"camera": self.camera, "base_from_camera": self.base_from_camera.tolist()}
        write_json(Path(path), content)

    def apply(self, points: Points) -> Points:
        """Points (P, 3) of the camera's frame in the base frame."""
        moved = points @ self.base_from_camera[:3, :3].T + self.base_from_camera[:3, 3]
        return moved.astype(np.float32)


@dataclass(frozen=True)
class Cell:
    """Which points of a cell the policy sees; has to be what its demonstrations were recorded with.

    Attributes:
        count: Number of points P.
        lower: Lowest corner of what is kept, m, base frame; None keeps everything.
        upper: Highest corner.
        voxel: Edge of the voxels of which one point each is kept before sampling, m; None keeps all.
    """

    count: int = 1024
    lower: Sequence[float] | None = None
    upper: Sequence[float] | None = None
    voxel: float | None = None

    def __post_init__(self) -> None:
        if self.count < 1 or (self.lower is None) != (self.upper is None) or not (self.voxel is None or self.voxel > 0):
            raise ConfigError(
                "a cell needs count >= 1, both of lower and upper or neither, and a positive voxel, got "
                f"{self.count}, {self.lower}, {self.upper}, {self.voxel}"
            )

    def sample(self, points: Points) -> Points:
        """(P, 3) of the points in the base frame."""
        if self.lower is not None and self.upper is not None:
            points = crop(points, self.lower, self.upper)
        if self.voxel is not None:
            points = voxel_points(points, self.voxel)
        return pad_points(farthest_points(points, self.count), self.count)


def fuse(clouds: Sequence[Points], calibrations: Sequence[Calibration]) -> Points:
    """Put the clouds of several cameras together in the base frame.

    Args:
        clouds: (P_c, 3) of each camera, in its frame.
        calibrations: Where each camera is.

    Returns:
        (sum of P_c, 3) points.
    """
    return np.concatenate([place.apply(points) for points, place in zip(clouds, calibrations, strict=True)])


class Rig:
    """The cameras of a cell, seen as one in the base frame.

    Args:
        cameras: The cameras, or what makes each of them.
        calibrations: A file for each camera, see `Calibration`; none if they report in the base frame.
        cell: Which points the policy sees.

    Raises:
        ConfigError: There are no cameras, or not as many calibrations.
    """

    def __init__(
        self,
        cameras: Sequence[Camera | Callable[[], Camera]],
        calibrations: Sequence[str | Path] = (),
        cell: Cell | None = None,
    ) -> None:
        if not cameras:
            raise ConfigError("a robot needs cameras; see robopref.cameras.Camera")
        if calibrations and len(calibrations) != len(cameras):
            raise ConfigError(f"{len(cameras)} cameras need as many calibrations, got {len(calibrations)}")
        self._places, self._cell = [Calibration.load(path) for path in calibrations], cell or Cell()
        self._cameras = list[Camera]()
        for one in cameras:
            try:
                self._cameras.append(one() if callable(one) else one)
            except BaseException:
                with contextlib.suppress(Exception):  # what failed first is what is told
                    self.close()
                raise

    def read(self) -> tuple[Points, float]:
        """The (P, 3) points that the policy sees, and when the oldest of them were measured."""
        frames = [camera.read() for camera in self._cameras]
        clouds = [points for points, _ in frames]
        seen = fuse(clouds, self._places) if self._places else np.concatenate(clouds)
        return self._cell.sample(seen), min(moment for _, moment in frames)

    def close(self) -> None:
        """Free the cameras."""
        for camera in self._cameras:
            camera.close()


@dataclass(frozen=True)
class Alignment:
    """What `refine` made of the calibration of a camera.

    Attributes:
        calibration: The better one.
        rough: The one it was before.
        fitness: Share of the camera's thinned points within two voxels of what the cameras before it see; NaN for the
            first camera, which is taken as it is.
        rmse: Root mean square distance of those points to their nearest neighbours, m; NaN for the first camera. It
            never falls much below half a voxel, as cameras see different points of a surface.
    """

    calibration: Calibration
    rough: Calibration
    fitness: float = math.nan
    rmse: float = math.nan

    @property
    def translation(self) -> float:
        """How far the camera itself was moved, m."""
        return float(np.linalg.norm((self.calibration.base_from_camera - self.rough.base_from_camera)[:3, 3]))

    @property
    def rotation(self) -> float:
        """Angle by which the camera was turned, radians."""
        turn = self.calibration.base_from_camera[:3, :3] @ self.rough.base_from_camera[:3, :3].T
        # The axis times 2 sin(angle); the arc cosine of the trace alone would lose small angles.
        sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        return float(np.arctan2(sine, np.trace(turn) - 1))


def refine(
    clouds: Sequence[Points], calibrations: Sequence[Calibration], *, reach: float = 0.02, voxel: float = 0.003
) -> list[Alignment]:
    """Align cameras to the first one by what they see at the same moment.

    Point-to-plane ICP with Tukey's loss (Babin et al. 2019, Analysis of robust functions for registration algorithms),
    in rounds that each trust points half as far apart as the one before, down to two voxels.

    Meant to be done once, on a scene with surfaces in several directions that all cameras see, and saved; a bare table
    leaves three directions undetermined.

    Args:
        clouds: (P_c, 3) of each camera, in its frame.
        calibrations: Where each camera is, roughly.
        reach: Largest distance of points that belong together, m; larger than the error of the calibrations.
        voxel: Edge of the voxels that the clouds are thinned to, m.

    Returns:
        The better calibration of each camera, and how well it fits; the first one is as it was.

    Raises:
        ConfigError: Reach or voxel is not positive, or endless.
        DataError: A camera shares too little with those before it to be aligned.
    """
    if not (0 < reach < math.inf and 0 < voxel < math.inf):
        raise ConfigError(f"reach and voxel must be positive and finite, got {reach} and {voxel}")
    open3d = import_open3d()
    registration = open3d.pipelines.registration
    criteria = registration.ICPConvergenceCriteria(relative_fitness=1e-7, relative_rmse=1e-7, max_iteration=100)
    refined = [Alignment(calibrations[0], calibrations[0])]
    target = _thinned(open3d, calibrations[0].apply(clouds[0]), voxel)
    for points, rough in zip(clouds[1:], calibrations[1:], strict=True):
        source = _thinned(open3d, rough.apply(points), voxel)
        target.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=4 * voxel, max_nn=30))
        change, fitness, rmse = np.eye(4), 0.0, 0.0
        for near in _narrowing(reach, 2 * voxel):
            # What only one camera sees has neighbours too, at the edge of the other's shadow; those must not count.
            robust = registration.TransformationEstimationPointToPlane(registration.TukeyLoss(near / 2))
            found = registration.registration_icp(source, target, near, change, robust, criteria)
            change, fitness, rmse = np.asarray(found.transformation), found.fitness, found.inlier_rmse
            if fitness < 0.2:
                raise DataError(
                    f"only {100 * fitness:.0f} % of what camera {rough.camera!r} sees lies within {near} m of "
                    "what the others see; put something into the view of all cameras, or calibrate it again"
                )
        better = Calibration(change @ rough.base_from_camera, rough.camera)
        refined.append(Alignment(better, rough, float(fitness), float(rmse)))
        target = _thinned(open3d, np.concatenate([np.asarray(target.points), better.apply(points)]), voxel)
    return refined


def _narrowing(widest: float, narrowest: float) -> Iterator[float]:
    yield widest
    while widest > narrowest:
        widest = max(widest / 2, narrowest)
        yield widest


def _thinned(open3d: Any, points: NDArray[Any], voxel: float) -> Any:
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
    return cloud.voxel_down_sample(voxel)
