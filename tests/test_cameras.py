"""Calibrated cameras, against transforms that are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.cameras import Alignment, Calibration, Cell, Rig, fuse, refine
from robopref.errors import ConfigError, DataError, RobotError


def rigid(rotation: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    """Turns about x, then y, then z by angles in degrees, then a shift."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(rotation)):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(4)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[two, one], turn[one, two] = np.sin(angle), -np.sin(angle)
        matrix = turn @ matrix
    matrix[:3, 3] = shift
    return matrix


def scene(rng: np.random.Generator, count: int = 30000) -> np.ndarray:
    """A table with a hill and two walls: surfaces in every direction, (P, 3)."""
    u, v = rng.uniform(0, 0.4, (2, count // 3))
    hill = 0.05 * np.exp(-((u - 0.15) ** 2 + (v - 0.25) ** 2) / 0.005)
    return np.concatenate([np.stack(sheet, -1) for sheet in ((u, v, hill), (u, 0 * u, 0.7 * v), (0 * u, u, 0.5 * v))])


def seen(base: np.ndarray, base_from_camera: np.ndarray) -> np.ndarray:
    """Points of the base frame in a camera's frame."""
    camera_from_base = np.linalg.inv(base_from_camera)
    return (base @ camera_from_base[:3, :3].T + camera_from_base[:3, 3]).astype(np.float32)


def test_a_quarter_turn_and_a_shift_move_points_where_they_belong() -> None:
    # 90 degrees about z take x to y: (1, 2, 3) -> (-2, 1, 3), then the shift.
    place = Calibration(rigid((0, 0, 90), (0.1, 0.2, 0.3)))
    np.testing.assert_allclose(place.apply(np.array([[1, 2, 3]], np.float32)), [[-1.9, 1.2, 3.3]], atol=1e-6)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = Calibration(rigid((10, 20, 30), (0.1, 0.2, 0.3)), "front")
    place.save(tmp_path / "front.json")
    found = Calibration.load(tmp_path / "front.json")
    assert found.camera == "front"
    np.testing.assert_allclose(found.base_from_camera, place.base_from_camera, atol=1e-12)


def test_rounded_digits_do_not_stretch_a_cloud() -> None:
    place = Calibration(rigid((10, 20, 30), (0.1, 0.2, 0.3)).round(4))
    turn = place.base_from_camera[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file"),
        ("not json", r"front.json is damaged: it is not JSON"),
        ("[]", r"front.json is damaged: expected an object"),
        ({"camera": "front"}, "must be JSON with base_from_camera"),
        ({"base_from_camera": np.eye(3).tolist()}, r"front.json: .* must be 4 x 4 finite numbers, got shape \(3, 3\)"),
        ({"base_from_camera": [["a"] * 4] * 4}, "must be numbers"),
        ({"base_from_camera": rigid((0, 0, 0), (1, 2, 3)).T.tolist()}, "last row"),
        ({"base_from_camera": np.diag([1, 1, -1, 1]).tolist()}, "not rigid"),
        ({"base_from_camera": np.diag([1, 1, 1.01, 1]).tolist()}, "not rigid"),
        ({"base_from_camera": rigid((0, 0, 0), (300, 0, 500)).tolist()}, "must be in metres"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, content: object, complaint: str) -> None:
    path = tmp_path / "front.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=complaint):
        Calibration.load(path)


def test_cameras_with_known_places_see_the_same_scene() -> None:
    base = scene(np.random.default_rng(0), 300)
    places = [rigid((150, 10, 0), (0.2, -0.3, 0.8)), rigid((-140, 5, 90), (0.5, 0.4, 0.7))]
    fused = fuse([seen(base, place) for place in places], [Calibration(place) for place in places])
    np.testing.assert_allclose(fused, np.concatenate([base, base]), atol=1e-6)


def test_alignment_by_what_is_seen_repairs_a_calibration_to_below_a_millimetre() -> None:
    rng = np.random.default_rng(0)
    places = [rigid((150, 10, 0), (0.2, -0.3, 0.8)), rigid((-140, 5, 90), (0.5, 0.4, 0.7)),
              rigid((160, -20, 45), (-0.3, 0.2, 0.6))]  # fmt: skip
    # Every camera sees other points of the surfaces, with 0.5 mm of noise.
    clouds = [seen(scene(rng) + rng.normal(0, 0.0005, (30000, 3)), place) for place in places]
    rough = [Calibration(places[0], "first")] + [
        Calibration(rigid(turn, shift) @ place, "other")
        for place, turn, shift in zip(
            places[1:], ((0.6, -0.5, 0.7), (-0.7, 0.4, 0.5)), ((0.006, -0.005, 0.004), (-0.005, 0.006, 0.005)),
            strict=True,
        )
    ]  # fmt: skip
    probe = scene(rng, 300)
    before, after = ([], [])
    for errors, found in ((before, rough), (after, [one.calibration for one in refine(clouds, rough)])):
        for one, place in zip(found, places, strict=True):
            errors.append(np.linalg.norm(one.apply(seen(probe, place)) - probe, axis=1).max())
    assert min(before[1:]) > 0.004
    assert max(after) < 0.001, after


def test_a_correction_is_how_far_a_camera_went_and_how_far_it_turned() -> None:
    # 3, 4 and 12 mm along the axes are 13 mm; turning the camera in its place leaves where it is.
    rough = Calibration(rigid((150, 10, 0), (0.2, -0.3, 0.8)))
    turned = rigid((0, 0, 0.01), (0, 0, 0)) @ rough.base_from_camera
    turned[:3, 3] = rough.base_from_camera[:3, 3] + [0.003, 0.004, 0.012]
    found = Alignment(Calibration(turned), rough, 1.0, 0.001)
    assert found.translation == pytest.approx(0.013)
    assert np.rad2deg(found.rotation) == pytest.approx(0.01, rel=1e-6)
    far = rigid((0, 175, 0), (0, 0, 0)) @ rough.base_from_camera
    assert np.rad2deg(Alignment(Calibration(far), rough).rotation) == pytest.approx(175)


def test_cameras_that_share_nothing_are_not_aligned() -> None:
    base = scene(np.random.default_rng(0), 3000).astype(np.float32)
    with pytest.raises(DataError, match=r"only 0 % of what camera 'far' sees"):
        refine([base, base + 1], [Calibration(np.eye(4)), Calibration(np.eye(4), "far")])


def test_a_cell_crops_thins_and_samples() -> None:
    line = np.stack([np.linspace(0, 1, 101), np.zeros(101), np.zeros(101)], -1).astype(np.float32)
    # From 0.2 to 0.6 inclusive are 41 points; voxels of 0.1 starting at 0.2, 0.3, 0.4, 0.5, 0.6 leave 5.
    cell = Cell(count=8, lower=(0.195, -1, -1), upper=(0.605, 1, 1), voxel=0.1)
    found = cell.sample(line)
    assert found.shape == (8, 3)
    assert len(np.unique(found, axis=0)) == 5
    assert found[:, 0].min() >= 0.195
    assert found[:, 0].max() <= 0.605
    assert Cell(count=4).sample(line).shape == (4, 3)


def test_a_cell_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="both of lower and upper"):
        Cell(lower=(0, 0, 0))


def test_cameras_that_were_opened_are_closed_if_another_fails() -> None:
    closed: list[str] = []

    class Opened:
        def close(self) -> None:
            closed.append("first")

    def broken() -> Any:
        raise RobotError("no second camera")

    with pytest.raises(RobotError, match="no second camera"):
        Rig([Opened, broken])  # type: ignore[list-item]
    assert closed == ["first"]
