"""Rotations as unit quaternions, wxyz, with any leading dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def multiply(a: Vector, b: Vector) -> Vector:
    """Product of (..., 4) quaternions, wxyz: rotation `b`, then `a`."""
    w, v, x, u = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    return np.concatenate([w * x - (v * u).sum(-1, keepdims=True), w * u + x * v + np.cross(v, u)], axis=-1)


def from_rotation(vector: Vector) -> Vector:
    """Quaternions (..., 4) of rotation vectors (..., 3), rad."""
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    half = np.sinc(angle / (2 * np.pi)) / 2  # sin(angle / 2) / angle, also at 0
    return np.concatenate([np.cos(angle / 2), half * vector], axis=-1)


def to_rotation(quaternion: Vector) -> Vector:
    """Rotation vectors (..., 3) of unit quaternions (..., 4), at most a half turn."""
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    size = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(size, quaternion[..., :1])
    return np.where(size > 1e-12, angle / np.maximum(size, 1e-12), 2.0) * quaternion[..., 1:]


def tool_axis(quaternion: Vector) -> Vector:
    """Where the z axis of the tool points, (..., 3), for orientations (..., 4)."""
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=-1)
