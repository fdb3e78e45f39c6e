"""Cloth: what the mesh is, how it is laid down, and what it covers."""

import numpy as np
import pytest

from envs.cloth import covered, cut, place, turn_over, wrinkle


def edges(triangles: np.ndarray) -> np.ndarray:
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def test_cut_keeps_the_cells_and_winds_all_triangles_alike() -> None:
    cells = np.array([[1, 1], [0, 1]], dtype=bool)  # An L of three cells.
    mesh = cut(cells, 0.1)
    assert len(mesh.points) == 8
    assert len(mesh.triangles) == 6
    a, b, c = np.moveaxis(mesh.points[mesh.triangles], 1, 0)
    np.testing.assert_allclose(np.cross(b - a, c - a)[:, 2], 0.01)  # twice 0.1 * 0.1 / 2


@pytest.mark.parametrize("turn", [np.diag([-1, 1]), np.array([[0, 1], [1, 0]]), np.array([[0, -1], [1, 0]])])
def test_a_square_is_as_symmetric_as_a_square(turn: np.ndarray) -> None:
    mesh = cut(np.ones((4, 4), dtype=bool), 0.1)
    plane = mesh.points[:, :2]
    moved = np.linalg.norm((plane @ turn.T)[:, None] - plane[None], axis=2).argmin(axis=1)
    np.testing.assert_array_equal(
        np.unique(np.sort(moved[edges(mesh.triangles)], axis=1), axis=0), edges(mesh.triangles)
    )


def test_a_flat_cloth_covers_its_area_and_a_folded_one_what_is_left() -> None:
    mesh = cut(np.ones((4, 4), dtype=bool), 0.1)
    assert covered(mesh.points, mesh.triangles) == pytest.approx(0.16, rel=1e-6)  # (4 * 0.1)^2
    folded = mesh.points * [1, 1, 1]
    folded[:, 0] = np.abs(folded[:, 0])
    assert covered(folded, mesh.triangles) == pytest.approx(0.08, rel=1e-6)
    # A diagonal edge passes through the middle of pixels: half of 0.16, give or take the diagonal's 100 pixels.
    flipped = np.where((mesh.points[:, :1] + mesh.points[:, 1:2]) < 0, -mesh.points[:, [1, 0, 2]], mesh.points)
    assert covered(flipped, mesh.triangles) == pytest.approx(0.08, abs=100 * 0.004**2)


@pytest.mark.parametrize("seed", range(5))
def test_laying_does_not_stretch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = cut(np.ones((10, 10), dtype=bool), 0.036)
    laid = place(wrinkle(turn_over(mesh.points, rng, (0.1, 0.3)), rng, 0.4), rng, 0.1)
    a, b = edges(mesh.triangles).T
    ratio = np.linalg.norm(laid[a] - laid[b], axis=1) / np.linalg.norm(mesh.points[a] - mesh.points[b], axis=1)
    assert ratio.max() < 1.15
    assert np.median(ratio) == pytest.approx(1, abs=0.01)
    turned = turn_over(mesh.points, np.random.default_rng(seed), (0.2, 0.2))
    assert (turned[:, 2] > 0).mean() == pytest.approx(0.2, abs=0.02)
