"""Cloth: triangle meshes of our own, MJCF for them, and how much of the table they cover."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.physics import Physics

Points = NDArray[np.float64]
AT_REST = 0.005  # m/s; no vertex of a cloth at rest is faster
_RADIUS = 0.006  # m, with the margin of contacts
_BEND = 0.016  # radius of the innermost layer where a cloth is bent over, m


class ClothMesh(NamedTuple):
    """A piece of cloth before anything happens to it.

    Attributes:
        points: (V, 3) vertices, m.
        triangles: (F, 3) indices of vertices; all wind alike.
    """

    points: Points
    triangles: NDArray[np.int64]

    def parts(self, *, front: str, back: str, thickness: float) -> dict[str, str]:
        """What a scene with a ``cloth`` flexcomp needs, as text for `envs.physics.Physics.load`.

        MuJoCo paints both sides of a flex alike, so two skins are shown in its place.

        Args:
            front: Colour of the side the triangles wind counterclockwise on, ``r g b a``.
            back: Colour of the other side.
            thickness: Distance of a skin from the vertices, m.

        Returns:
            ``points`` and ``triangles`` of the flexcomp, and the ``skins``.
        """
        bones = "".join(
            f'<bone body="cloth_{i}" bindpos="{_text(p)}" bindquat="1 0 0 0" vertid="{i}" vertweight="1"/>'
            for i, p in enumerate(self.points)
        )
        sides = (("front", front, self.triangles), ("back", back, self.triangles[:, ::-1]))
        skins = (
            f'<skin name="{name}" rgba="{colour}" inflate="{thickness}" vertex="{_text(self.points)}" '
            f'face="{_text(faces)}">{bones}</skin>'
            for name, colour, faces in sides
        )
        return {"points": _text(self.points), "triangles": _text(self.triangles), "skins": "".join(skins)}


def cut(cells: NDArray[np.bool_], spacing: float) -> ClothMesh:
    """A flat cloth of square cells whose diagonals alternate, so that it folds alike along both diagonals.

    Args:
        cells: (X, Y) which cells belong to the cloth.
        spacing: Side of a cell, m.

    Returns:
        The cloth in the plane z = 0, centred on the origin.
    """
    triangles = list[tuple[tuple[int, int], ...]]()
    for i, j in np.argwhere(cells).tolist():
        a, b, c, d = (i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)
        triangles += [(a, b, c), (a, c, d)] if (i + j) % 2 == 0 else [(a, b, d), (b, c, d)]
    corners = np.array(triangles).reshape(-1, 2)
    grid, index = np.unique(corners, axis=0, return_inverse=True)
    centred = (grid - np.array(cells.shape) / 2) * spacing
    return ClothMesh(np.column_stack([centred, np.zeros(len(grid))]), index.reshape(-1, 3))


def wrinkle(points: Points, rng: np.random.Generator, steepness: float) -> Points:
    """Lay waves into a flat cloth without stretching it.

    The slope is a sine of the way along a random direction.

    Args:
        points: (V, 3), m.
        rng: Source of direction, phase and wavelength.
        steepness: Largest slope, rad.

    Returns:
        (V, 3), raised.
    """
    heading, phase, wave = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.24)
    along, across = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    way = points[:, :2] @ along
    fine = np.linspace(way.min(), way.max(), 400)
    slope = steepness * np.sin(2 * np.pi * fine / wave + phase)
    step = fine[1] - fine[0]
    forward = np.interp(way, fine, np.cumsum(np.cos(slope)) * step)
    height = np.interp(way, fine, np.cumsum(np.sin(slope)) * step)
    forward += way.mean() - forward.mean()
    plane = np.outer(forward, along) + np.outer(points[:, :2] @ across, across)
    return np.column_stack([plane, points[:, 2] + height - height.min()])


def turn_over(points: Points, rng: np.random.Generator, share: tuple[float, float]) -> Points:
    """Bend a part of a cloth over the rest along a random line, without stretching it.

    Args:
        points: (V, 3), m; any number of layers.
        rng: Source of the line.
        share: Least and largest share of the vertices that are turned over.

    Returns:
        (V, 3); the part lies above everything else, its layers in reverse order.
    """
    heading = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(heading), np.sin(heading)])
    way = points[:, :2] @ normal
    beyond = np.maximum(way - np.quantile(way, 1 - rng.uniform(*share)), 0)
    axis = points[:, 2].max() + _BEND
    radius = axis - points[:, 2]
    angle = np.minimum(beyond / radius, np.pi)
    forward = radius * np.sin(angle) - np.maximum(beyond - np.pi * radius, 0)
    plane = points[:, :2] + np.outer(forward - beyond, normal)
    return np.column_stack([plane, axis - radius * np.cos(angle)])


def place(points: Points, rng: np.random.Generator, offset: float) -> Points:
    """Turn a cloth by any angle and shift it.

    Args:
        points: (V, 3), m.
        rng: Source of angle and shift.
        offset: Largest shift along either axis, m.

    Returns:
        (V, 3).
    """
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([points[:, :2] @ turn.T + rng.uniform(-offset, offset, 2), points[:, 2]])


def soften(model: mujoco.MjModel, vertices: int, damping: float) -> NDArray[np.int64]:
    """Give the vertices of the flexcomp ``cloth`` internal friction; without it a cloth keeps quivering.

    Args:
        model: The scene.
        vertices: Number of vertices V.
        damping: Of each vertex, N s/m.

    Returns:
        (V,) their bodies.
    """
    bodies = np.array([model.body(f"cloth_{i}").id for i in range(vertices)])
    model.dof_damping[(model.body_dofadr[bodies][:, None] + np.arange(3)).ravel()] = damping
    return bodies


def lay(physics: Physics, bodies: NDArray[np.int64], points: Points) -> None:
    """Put the vertices somewhere.

    Args:
        physics: The scene, just reset.
        bodies: (V,) from `soften`.
        points: (V, 3) in metres; the lowest will touch the table.
    """
    model = physics.model
    raised = points + np.array([0, 0, _RADIUS - points[:, 2].min()])
    address = model.jnt_qposadr[model.body_jntadr[bodies]]
    physics.data.qpos[address[:, None] + np.arange(3)] = raised - model.body_pos[bodies]
    physics.forward()


def covered(points: Points, triangles: NDArray[np.int64], pixel: float = 0.004) -> float:
    """Area that a cloth covers, seen from above.

    Args:
        points: (V, 2) or (V, 3), m.
        triangles: (F, 3).
        pixel: Side of the squares that are counted, m.

    Returns:
        Area of the squares whose centre lies under a triangle, m^2.
    """
    plane = points[:, :2] / pixel
    low = np.floor(plane.min(axis=0))
    size = np.ceil(plane.max(axis=0) - low).astype(int)
    under = np.zeros(size, dtype=bool)
    for corners in plane[triangles] - low:
        first = np.floor(corners.min(axis=0)).astype(int)
        last = np.ceil(corners.max(axis=0)).astype(int)
        x, y = np.meshgrid(*(np.arange(f, e) + 0.5 for f, e in zip(first, last, strict=True)), indexing="ij")
        sides = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
        ]
        inside = np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
        under[first[0] : last[0], first[1] : last[1]] |= inside
    return float(under.sum()) * pixel**2


def _text(numbers: NDArray[np.generic]) -> str:
    return " ".join(f"{number:.6g}" for number in numbers.ravel())
