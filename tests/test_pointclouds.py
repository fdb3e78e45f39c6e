"""Point clouds: what is kept, how many, and in which order."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robopref.errors import DataError, DependencyError
from robopref.pointclouds import crop, farthest_points, import_open3d, pad_points, read_points, voxel_points
from tests.npy import DAMAGED


def clouds(fewest: int = 0, columns: int = 3) -> st.SearchStrategy[Any]:
    """Clouds of up to 60 points in a cube of 2 m, with repeats."""
    coordinates = st.floats(-1, 1, width=32)
    return st.integers(fewest, 60).flatmap(lambda count: arrays(np.float32, (count, columns), elements=coordinates))


def rows(points: Any) -> set[tuple[float, ...]]:
    return {tuple(row) for row in points.tolist()}


def as_line(*x: float) -> Any:
    return np.array([[value, 0, 0] for value in x], np.float32)


def test_crop_keeps_the_box_with_its_faces() -> None:
    points = as_line(-0.75, -0.5, 0.0, 0.5, 0.75)
    np.testing.assert_array_equal(crop(points, (-0.5, -1, -1), (0.5, 1, 1)), points[1:4])


def test_crop_needs_every_coordinate_inside() -> None:
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]], np.float32)
    np.testing.assert_array_equal(crop(points, (-1, -1, -1), (1, 1, 1)), points[:1])


def test_crop_drops_points_that_are_not_finite() -> None:
    points = as_line(np.nan, 0, np.inf, -np.inf)
    np.testing.assert_array_equal(crop(points, (-1, -1, -1), (1, 1, 1)), points[1:2])


@given(clouds(columns=5))
def test_crop_keeps_order_colours_and_everything_inside(points: Any) -> None:
    kept = crop(points, (-0.5, -1, 0), (0.5, 1, 1))
    inside = [row for row in points.tolist() if -0.5 <= row[0] <= 0.5 and row[2] >= 0]
    assert kept.tolist() == inside
    assert kept.dtype == points.dtype


def test_voxel_keeps_the_first_point_of_each_voxel() -> None:
    points = as_line(0.19, 0.01, 0.02, 0.11, -0.01)
    np.testing.assert_array_equal(voxel_points(points, 0.1), points[[0, 1, 4]])


@given(clouds(), st.floats(0.01, 3))
def test_voxel_keeps_one_point_a_voxel(points: Any, size: float) -> None:
    kept = voxel_points(points, size)
    assert rows(kept) <= rows(points)
    assert rows(np.floor(kept / size)) == rows(np.floor(points / size))
    assert len(rows(np.floor(kept / size))) == len(kept)
    np.testing.assert_array_equal(voxel_points(kept, size), kept)


@pytest.mark.parametrize("size", [0, -0.1, np.nan])
def test_voxel_without_size_is_refused(size: float) -> None:
    with pytest.raises(DataError, match="voxel size must be positive"):
        voxel_points(as_line(0, 1), size)


def test_farthest_points_starts_with_the_first_and_spreads() -> None:
    points = as_line(0.0, 0.1, 0.5, 0.9, 1.0)
    assert rows(farthest_points(points, 3)) == rows(points[[0, 2, 4]])


def test_farthest_points_of_a_small_cloud_is_the_cloud() -> None:
    points = as_line(0, 1, 2)
    np.testing.assert_array_equal(farthest_points(points, 3), points)
    assert len(farthest_points(points[:0], 3)) == 0


@given(clouds(fewest=1), st.integers(1, 60))
def test_farthest_points_are_points_of_the_cloud(points: Any, count: int) -> None:
    kept = farthest_points(points, count)
    assert kept.dtype == np.float32
    assert rows(kept) <= rows(points)
    if len(points) > count:
        assert 1 <= len(kept) <= count
        assert len(rows(kept)) == len(kept)


@given(st.integers(1, 60), st.integers(1, 60))
def test_farthest_points_are_as_many_as_asked_for(size: int, count: int) -> None:
    assert len(farthest_points(as_line(*range(size)), count)) == min(size, count)


def test_farthest_points_covers_better_than_the_first_ones() -> None:
    points = np.random.default_rng(0).random((500, 3), dtype=np.float32)

    def hole(kept: Any) -> float:
        return float(np.linalg.norm(points[:, None] - kept[None], axis=-1).min(axis=1).max())

    assert hole(farthest_points(points, 50)) < 0.8 * hole(points[:50])


@given(clouds(columns=4), st.integers(1, 200))
def test_padding_repeats_the_cloud(points: Any, more: int) -> None:
    padded = pad_points(points, len(points) + more)
    assert padded.shape == (len(points) + more, 4)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded[: len(points)], points)
    assert rows(padded) == (rows(points) if len(points) else {(0.0,) * 4})


class MissingLibrary:
    """An import hook: open3d is there, but a library that it links to is not."""

    def __init__(self, message: str) -> None:
        self.message = message

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "open3d":
            raise ImportError(self.message)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("libusb-1.0.so.0: cannot open shared object file", "apt-get install libusb-1.0-0"),
        ("libGL.so.1: cannot open shared object file", "libgl1"),
        ("No module named 'open3d'", "pip install open3d"),
    ],
)
def test_open3d_that_cannot_be_imported_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, message: str, hint: str
) -> None:
    monkeypatch.delitem(sys.modules, "open3d", raising=False)
    monkeypatch.setattr(sys, "meta_path", [MissingLibrary(message), *sys.meta_path])
    with pytest.raises(DependencyError, match="open3d cannot be imported") as caught:
        farthest_points(np.zeros((10, 3), np.float32), 5)
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_open3d_is_not_needed_for_a_small_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(DependencyError):
        import_open3d()
    assert len(farthest_points(np.zeros((4, 3), np.float32), 5)) == 4


def write_ply(path: Path, points: np.ndarray, *, ascii_text: bool) -> None:
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
    open3d.io.write_point_cloud(str(path), cloud, write_ascii=ascii_text)


@pytest.mark.parametrize("ascii_text", [False, True])
def test_a_ply_file_that_is_cut_off_is_no_cloud(tmp_path: Path, ascii_text: bool) -> None:
    points = np.random.default_rng(0).uniform(0.1, 1, (200, 3)).astype(np.float32)
    path = tmp_path / "whole.ply"
    write_ply(path, points, ascii_text=ascii_text)
    np.testing.assert_allclose(read_points(path), points, atol=1e-6)
    content = path.read_bytes()
    torn = tmp_path / "torn.ply"
    # In text, a last line that ends early is still a line of numbers.
    for kept in (len(content) // 2, len(content) - (100 if ascii_text else 1)):
        torn.write_bytes(content[:kept])
        with pytest.raises(DataError, match=r"torn\.ply is cut off: it says it holds 200 points"):
            read_points(torn)


@pytest.mark.parametrize(
    "content", [b"ply\nnonsense\n", b"ply\nformat ascii 1.0\nelement face 3\nend_header\n", b"ply"]
)
def test_a_ply_file_without_points_is_refused_before_it_is_read(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(DataError, match="is no PLY file of points"):
        read_points(tmp_path / "a.ply")
    assert capfd.readouterr().err == ""


def test_an_archive_of_arrays_is_no_cloud(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, points=np.ones((3, 3)))
    with pytest.raises(DataError, match="is an archive of arrays"):
        read_points(tmp_path / "a.npy")


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_an_array_that_is_none_is_no_cloud(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npy") as caught:
        read_points(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


def test_numbers_beyond_single_precision_are_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.0, 2, 3], [1e300, 0, 0], [4, 5, 6]]))
    np.testing.assert_array_equal(read_points(tmp_path / "a.npy"), [[1, 2, 3], [4, 5, 6]])
