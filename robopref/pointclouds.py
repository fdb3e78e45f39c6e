"""Point clouds in plain numpy and open3d; open3d is imported here only, and only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError, DependencyError

Points = NDArray[np.float32]
_FARTHEST = 20  # m, of the middle point of a cloud
_PLY_BYTES = {
    "char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8, "int8": 1,
    "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4, "float64": 8,
}  # fmt: skip


def import_open3d() -> Any:
    """Import open3d, or say which system library it misses.

    Returns:
        The `open3d` module.

    Raises:
        DependencyError: open3d or a library that it links to is missing.
    """
    try:
        import open3d
    except (ImportError, OSError) as error:
        missing_library = isinstance(error, OSError) or ".so" in str(error)
        hint = "apt-get install libusb-1.0-0 libegl1 libgl1 libgomp1" if missing_library else "pip install open3d"
        raise DependencyError(f"open3d cannot be imported ({error}); try: {hint}") from error
    return open3d


def read_points(path: str | Path) -> Points:
    """Read one recorded cloud.

    Args:
        path: A ``.npy`` file of (P, 3) numbers, or a ``.ply`` file; m.

    Returns:
        (P', 3) points; those that are not finite or all zeros, where a depth camera saw nothing, are left out.

    Raises:
        DataError: The file is missing, no cloud, empty, or in millimetres.
    """
    path = Path(path)
    if path.suffix not in (".npy", ".ply"):
        raise DataError(f"{path} is no cloud of points; it must be .npy with (P, 3) numbers, or .ply")
    if not path.is_file():
        raise DataError(f"there is no cloud at {path}; clouds= names files that cameras wrote, .npy or .ply")
    if path.suffix == ".ply":
        _check_ply(path)
        open3d = import_open3d()
        with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
            points = np.asarray(open3d.io.read_point_cloud(str(path)).points)
    else:
        try:
            points = np.load(path, allow_pickle=False)
        except Exception as error:  # what a damaged file raises depends on which of its bytes are damaged
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise DataError(f"{path} cannot be read as an array ({reason})") from error
    if not isinstance(points, np.ndarray):
        raise DataError(f"{path} is an archive of arrays; save the points alone with numpy.save")
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise DataError(f"{path} must hold (P, 3) numbers, got {points.dtype} of shape {points.shape}")
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
    points = points[np.isfinite(points).all(axis=1) & points.any(axis=1)]
    if len(points) == 0:
        raise DataError(f"{path} holds no points; record it again with something in view")
    if np.median(np.abs(points).max(axis=1)) > _FARTHEST:
        raise DataError(f"half of the points in {path} are over {_FARTHEST} m away; they must be in metres")
    return points


def _check_ply(path: Path) -> None:
    """Refuse a PLY file that is cut off: open3d would fill up the cloud with whatever is in memory."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    head, end, body = content.partition(b"end_header")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    # Only the vertices matter, which come first in clouds.
    elements = [index for index, line in enumerate(lines) if line[:1] == ["element"]] + [len(lines)]
    try:
        _, kind, number = lines[elements[0]]
        kinds = [line[1] for line in lines[elements[0] : elements[1]] if line[0] == "property"]
        (coding,) = [line[1] for line in lines if line[:1] == ["format"]]
        count, each = int(number), sum(_PLY_BYTES[kind] for kind in kinds)
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(f"{path} is no PLY file of points") from error
    if lines[0] != ["ply"] or kind != "vertex" or not end:
        raise DataError(f"{path} is no PLY file of points")
    in_text = coding == "ascii"
    held = len(body.splitlines()) - 1 if in_text else len(body.lstrip(b"\r")) - 1
    if held < (count if in_text else count * each):
        raise DataError(f"{path} is cut off: it says it holds {count} points; copy or record it again")


def crop(points: NDArray[Any], lower: Sequence[float], upper: Sequence[float]) -> NDArray[Any]:
    """Keep the points inside a box.

    Args:
        points: (P, 3+C) points; the first three columns are xyz in metres.
        lower: Lowest corner, m.
        upper: Highest corner, m.

    Returns:
        (P', 3+C) points inside the box, in their old order.
    """
    xyz = points[:, :3]
    return points[np.all((xyz >= np.asarray(lower)) & (xyz <= np.asarray(upper)), axis=1)]


def voxel_points(points: Points, size: float) -> Points:
    """Keep the first point of every voxel.

    Args:
        points: (P, 3+C) points.
        size: Voxel edge, m.

    Returns:
        (P', 3+C) points, one a voxel, in their old order.

    Raises:
        DataError: The voxel size is not positive.
    """
    if not size > 0:
        raise DataError(f"voxel size must be positive, got {size}")
    keys = np.floor(points[:, :3] / size).astype(np.int64)
    _, first = np.unique(keys, axis=0, return_index=True)
    return points[np.sort(first)]


def farthest_points(points: Points, count: int) -> Points:
    """Farthest-point sampling, starting from the first point.

    Args:
        points: (P, 3) points.
        count: How many to keep.

    Returns:
        (min(P, count), 3) points spread evenly; fewer if there are fewer distinct points.
    """
    if len(points) <= count:
        return points
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
    return np.asarray(cloud.farthest_point_down_sample(count).points, dtype=np.float32)


def pad_points(points: Points, count: int) -> Points:
    """Repeat points until there are `count`; an empty cloud becomes zeros.

    Args:
        points: (P, 3+C) points with P <= count.
        count: How many to return.

    Returns:
        (count, 3+C) points.
    """
    if len(points) == 0:
        return np.zeros((count, points.shape[1]), dtype=np.float32)
    return points[np.arange(count) % len(points)]
