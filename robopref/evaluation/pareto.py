"""Fronts of several objectives: which points no other beats, and how much they dominate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError

Values = NDArray[np.float64]


def pareto_flags(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of some points are on the front: no other is as good in every objective and better in one.

    Args:
        points: (..., N, M) of N candidates, or policies, by M objectives, larger is better.

    Returns:
        (..., N); equal points are on the front together.
    """
    one, other = points[..., :, None, :], points[..., None, :, :]
    beaten = (other >= one).all(-1) & (other > one).any(-1)
    return np.asarray(~beaten.any(-1), np.bool_)


def hypervolume(points: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Volume that points dominate above a reference point (Zitzler and Thiele 1998), exactly.

    Slices the volume along the last objective, so that its time grows with N to the power of M: for a few dozen points.

    Args:
        points: (N, M), larger is better.
        reference: (M,); what is not better than it in every objective adds nothing.

    Returns:
        The volume, in the product of the objectives' units.

    Raises:
        ConfigError: The two are not of as many objectives, or a number is not finite.
    """
    above, floor = np.asarray(points, np.float64), np.asarray(reference, np.float64)
    if above.ndim != 2 or floor.shape != above.shape[1:] or not floor.size:
        raise ConfigError(
            f"a hypervolume is of points (N, M) above a reference (M,), got {above.shape} and {floor.shape}"
        )
    if not (np.isfinite(above).all() and np.isfinite(floor).all()):
        raise ConfigError("a hypervolume is of finite points, got some that are not")
    return _volume(above[(above > floor).all(1)] - floor)


def _volume(points: Values) -> float:
    """Volume between the origin and points that are positive in every objective."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    order = np.argsort(-points[:, -1], kind="stable")
    heights, ordered = np.append(points[order, -1], 0.0), points[order, :-1]
    slices = (heights[k] - heights[k + 1] for k in range(len(ordered)))
    return sum(thick * _volume(ordered[: k + 1]) for k, thick in enumerate(slices) if thick > 0)
