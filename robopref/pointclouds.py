"""Point clouds in plain numpy and open3d; open3d is imported here only, and only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError, DependencyError

Points = NDArray[np.float32]


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
