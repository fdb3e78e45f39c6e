"""`robopref cameras` on two simulated depth cameras, one of them calibrated badly."""

import json
import re
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.cameras import Alignment, Calibration
from robopref.pointclouds import import_open3d, read_points
from robopref.web.serving import listen
from tests.cli.cell import record
from tests.waiting import PATIENCE

Recorded = tuple[Path, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("cell")
    return folder, record(folder)


@pytest.fixture
def cell(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(recorded[0], tmp_path / "cell"))


def call(folder: Path, *words: str) -> int:
    return main(["cameras", str(folder / "front.json"), str(folder / "side.json"), *words])


@pytest.mark.slow
def test_a_calibration_that_was_disturbed_is_recovered_written_and_tabled(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, true = recorded
    assert call(folder, f"write={tmp_path / 'better'}") == 0
    out = capsys.readouterr().out
    found = {name: Calibration.load(tmp_path / "better" / f"{name}.json") for name in true}
    np.testing.assert_allclose(found["front"].base_from_camera, true["front"], atol=1e-12)
    left = Alignment(Calibration(true["side"]), found["side"])
    assert left.translation < 0.0005  # it was 5 mm away
    assert np.rad2deg(left.rotation) < 0.04  # it was turned by 0.8 degrees
    # The camera was 5 mm off (3, 4 and 0 mm along the axes) and is put right to within what is left.
    table = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in out.splitlines() if line.startswith("│")}
    translation, rotation, fitness, rmse = map(float, table["side"])
    assert translation == pytest.approx(5.0, abs=0.5)
    assert rotation == pytest.approx(0.8, abs=0.04)
    assert 0.5 < fitness <= 1
    assert 0.5 < rmse < 3  # around half a voxel of 3 mm
    assert [text.strip() for text in table["front"]] == ["0.00", "0.000", "–", "–"]


def test_what_is_right_already_stays(recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, true = recorded
    Calibration(true["side"], "side").save(tmp_path / "side.json")
    words = [str(folder / "front.json"), str(tmp_path / "side.json"),
             f"clouds=[{folder / 'front.npy'},{folder / 'side.npy'}]"]  # fmt: skip
    assert main(["cameras", *words]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "side" in line]
    translation, rotation = map(float, line.split("│")[2:4])
    assert translation < 0.5
    assert rotation < 0.04


def test_clouds_may_be_ply_and_have_pixels_that_saw_nothing(
    cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(cell) == 0
    table = capsys.readouterr().out
    open3d = import_open3d()
    points = np.load(cell / "side.npy").astype(np.float64)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.concatenate([np.zeros((9, 3)), points])))
    open3d.io.write_point_cloud(str(cell / "side.ply"), cloud)
    (cell / "side.npy").unlink()
    holes = np.full((7, 3), np.nan, np.float32)
    np.save(cell / "front.npy", np.concatenate([holes, np.load(cell / "front.npy")]))
    assert call(cell) == 0
    assert capsys.readouterr().out == table


def spoil(folder: Path, kind: str) -> None:
    if kind == "no calibration":
        (folder / "side.json").unlink()
    elif kind == "no cloud":
        (folder / "side.npy").unlink()
    elif kind == "two clouds":
        (folder / "side.ply").touch()
    elif kind == "not rigid":
        stretched = np.diag([1.0, 1.0, 1.01, 1.0]).tolist()
        (folder / "side.json").write_text(json.dumps({"camera": "side", "base_from_camera": stretched}))
    elif kind == "empty":
        np.save(folder / "side.npy", np.zeros((5, 3), np.float32))
    elif kind == "flat":
        np.save(folder / "side.npy", np.zeros((5, 4), np.float32))
    elif kind == "torn":
        (folder / "side.npy").write_bytes(b"\x93NUMPY")
    elif kind == "millimetres":
        np.save(folder / "side.npy", 1000 * np.load(folder / "side.npy"))
    elif kind == "elsewhere":
        np.save(folder / "side.npy", 5 + np.load(folder / "side.npy"))
    elif kind == "torn ply":
        (folder / "side.npy").unlink()
        (folder / "side.ply").write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no calibration", "side.json (No such file or directory)"),
        ("no cloud", "side.npy and side.ply neither exist; say with clouds=[...]"),
        ("two clouds", "side.npy and side.ply both exist; say with clouds=[...]"),
        ("not rigid", "the calibration of camera 'side' is not rigid"),
        ("empty", "side.npy holds no points"),
        ("flat", "side.npy must hold (P, 3) numbers, got float32 of shape (5, 4)"),
        ("torn", "side.npy cannot be read as an array"),
        ("torn ply", "side.ply is no PLY file of points"),
        ("millimetres", "they must be in metres"),
        ("elsewhere", "only 0 % of what camera 'side' sees"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_written(
    cell: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str, message: str
) -> None:
    spoil(cell, kind)
    assert call(cell, f"write={tmp_path / 'better'}") == 1
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "better").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clouds=[a.npy]"], "2 calibrations need as many clouds, got 1"),
        (["clouds=[a.npy,b.npy]"], "there is no cloud at a.npy"),
        (["clouds=[a.txt,b.npy]"], "a.txt is no cloud of points"),
        (["voxel=0"], "voxel must be a positive number, got 0"),
        (["wrte=better"], "did you mean write"),
        (["view=window"], "view must be none or browser, got 'window'"),
        (["workspace.lower=[0,0,0]"], "must be three numbers each"),
        (["workspace.lower=[0,0,1]", "workspace.upper=[1,1,0]"], "lower below upper"),
    ],
)
def test_wrong_settings_are_one_line(
    recorded: Recorded, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert call(recorded[0], *words) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_calibrations_are_never_written_over(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (cell / "side.json").read_bytes()
    assert call(cell, f"write={cell}") == 1
    err = capsys.readouterr().err
    assert "front.json exists and is not written over" in err
    assert err.count("\n") == 1
    assert (cell / "side.json").read_bytes() == before
    assert call(cell, f"write={cell / 'front.npy'}") == 1  # a file
    assert "is a file, not a folder" in capsys.readouterr().err
    path = str(cell / "front.json")
    assert main(["cameras", path, path, f"write={cell / 'new'}"]) == 1
    assert "would have the same name" in capsys.readouterr().err


def test_a_link_to_nothing_is_not_written_through(
    cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "side.json").symlink_to(tmp_path / "elsewhere.json")
    assert call(cell, f"write={tmp_path}") == 1
    assert "side.json exists and is not written over" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere.json").exists()
    assert not (tmp_path / "front.json").exists()


def test_nothing_is_written_if_the_port_of_the_page_is_taken(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen("127.0.0.1", 0) as taken:
        words = [f"write={tmp_path / 'better'}", "view=browser", f"page.port={taken.getsockname()[1]}"]
        assert call(recorded[0], *words) == 1
    assert "choose another page.port" in capsys.readouterr().err
    assert not (tmp_path / "better").exists()


def test_usage_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cameras"]) == 1
    assert "usage: robopref cameras CALIBRATION [...]" in capsys.readouterr().err
    assert main(["cameras", "--help"]) == 0
    assert "robopref cameras CALIBRATION [...] [name=value ...]" in capsys.readouterr().out


def test_a_cloud_is_recorded_as_the_page_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    seen = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float32)

    class Still:
        closed = False

        def read(self) -> tuple[np.ndarray, float]:
            return seen, 0.0

        def close(self) -> None:
            self.closed = True

    camera = Still()
    names["record"](camera, tmp_path / "front.npy")
    assert camera.closed
    np.testing.assert_array_equal(read_points(tmp_path / "front.npy"), seen)


def test_the_page_is_served_until_interrupted(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(address: str) -> None:
        place, token = address.split("#")
        asked = urllib.request.Request(f"{place}api/cameras", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=PATIENCE) as reply:
            content.update(json.load(reply))
        raise KeyboardInterrupt

    content: dict[str, Any] = {}
    monkeypatch.setattr("webbrowser.open", look)
    assert call(recorded[0], "view=browser", "page.port=0") == 0
    assert "Look at http://127.0.0.1:" in capsys.readouterr().out
    assert [row[0] for row in content["rows"]] == ["camera", "front", "side"]
    assert content["workspace"] is None
    assert len(content["clouds"]) == 2
