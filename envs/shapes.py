"""Target curves for a rope, and the distance of a rope to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.errors import unknown_name

Curves = NDArray[np.float64]

_MIRROR_X = np.diag([-1.0, 1.0])
_MIRROR_Y = np.diag([1.0, -1.0])


def _rotation(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def _straight(length: float, vertices: int) -> Curves:
    x = np.linspace(-length / 2, length / 2, vertices)
    return np.stack([x, np.zeros(vertices)], axis=1)


def _u(length: float, vertices: int) -> Curves:
    # Two legs joined by a half circle, a third of the length each, open towards +y.
    s = np.linspace(0, length, vertices)
    leg, radius = length / 3, length / 3 / np.pi
    angle = np.pi + (s - leg) / radius
    x = np.where(s < leg, -radius, np.where(s > 2 * leg, radius, radius * np.cos(angle)))
    y = np.where(s < leg, leg - s, np.where(s > 2 * leg, s - 2 * leg, radius * np.sin(angle)))
    return np.stack([x, y - leg / 2 + radius / 2], axis=1)


def _circle(length: float, vertices: int) -> Curves:
    # A gap of one spacing keeps the two ends apart.
    angle = 2 * np.pi * np.arange(vertices) / vertices
    radius = length / (2 * np.pi) * vertices / (vertices - 1)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


_CURVES = {"straight": _straight, "u": _u, "circle": _circle}


def target_curves(name: str, length: float, vertices: int) -> Curves:
    """Every vertex placement that counts as the target shape.

    Ends are interchangeable, so each curve comes with its reverse; a circle may start anywhere.

    Args:
        name: ``straight``, ``u`` or ``circle``.
        length: Rope length, m.
        vertices: Number of rope vertices V.

    Returns:
        (C, V, 2) equivalent target curves in metres, centred on the table.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in _CURVES:
        raise unknown_name("rope target", name, _CURVES)
    curve = _CURVES[name](length, vertices)
    turns = [_rotation(2 * np.pi * k / vertices) for k in range(vertices)] if name == "circle" else [np.eye(2)]
    turned = np.stack([curve @ turn.T for turn in turns])
    return np.concatenate([turned, turned[:, ::-1]])


def target_symmetries(name: str) -> NDArray[np.float64]:
    """Transforms of the table plane that map a target shape to itself.

    Args:
        name: ``straight``, ``u`` or ``circle``.

    Returns:
        (G, 2, 2) orthogonal matrices, the identity first.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in _CURVES:
        raise unknown_name("rope target", name, _CURVES)
    if name == "u":
        return np.stack([np.eye(2), _MIRROR_X])
    if name == "straight":
        return np.stack([np.eye(2), _MIRROR_X, _MIRROR_Y, -np.eye(2)])
    turns = [_rotation(2 * np.pi * k / 8) for k in range(8)]
    return np.stack(turns + [turn @ _MIRROR_X for turn in turns])


def shape_distance(vertices: NDArray[np.float64], curves: Curves) -> float:
    """Mean distance of rope vertices to the nearest equivalent target curve.

    ``d(v) = min_c mean_i || v_i - c_i ||_2`` over the curves of `target_curves`, in the table plane.

    Args:
        vertices: (V, 2) or (V, 3) rope vertices, m.
        curves: (C, V, 2) target curves, m.

    Returns:
        The distance, m.
    """
    return float(np.linalg.norm(vertices[None, :, :2] - curves, axis=-1).mean(axis=1).min())


def nearest_curve(vertices: NDArray[np.float64], curves: Curves) -> Curves:
    """The equivalent target curve that `shape_distance` measures against, (V, 2)."""
    return curves[np.linalg.norm(vertices[None, :, :2] - curves, axis=-1).mean(axis=1).argmin()]
