"""A run folder is made of one task, and commands for another are refused before they begin."""

from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from tests.cli.tiny import TINY, fails


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        ["train", "policy", "env=planar_push"], ["train", "reward", "env=planar_push"], ["label", "env=planar_push"],
        ["evaluate", "env.options.target=u"], ["deploy", "env=pile"], ["export", "env=pile"],
        ["collect", "env.options.target=u"], ["demo", "env=pile"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_another_task_is_refused_and_nothing_is_changed(
    words: list[str], finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [word for word in words if "=" not in word]
    before = contents(finished)
    error = fails(capsys, *command, f"run={finished}", *words[len(command) :])
    assert "demos.zarr was recorded in envs:robopref/RopeShaping-v0 (target=straight), not in envs:" in error
    assert contents(finished) == before


def test_the_task_of_what_a_run_begins_with_counts(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = fails(capsys, "label", f"run={tmp_path / 'new'}", f"base={finished}", "env=pile")
    assert f"{finished / 'demos.zarr'} was recorded in" in error


def recorded(path: Path, attrs: dict, size: int = 4) -> EpisodeStore:
    store = EpisodeStore.create(path, attrs)
    store.append({
        "action": np.zeros((3, size), np.float32), "proprio": np.zeros((3, 3), np.float32),
        "points": np.zeros((3, 20, 3), np.float32),
    })  # fmt: skip
    return store


def test_data_of_ones_own_are_told_what_they_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(tmp_path / "demos.zarr", {"task": "pour tea"})
    error = fails(capsys, "train", "policy", f"run={tmp_path}", *TINY)
    assert "does not say what its actions mean in space (attribute geometry)" in error
    assert "policy=observed needs none" in error
    assert f"robopref data inspect {tmp_path / 'demos.zarr'}" in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": "none"}, "not a geometry of actions"),
        ({"matrix": None}, "finite numbers"),
        ({"radius": -1.0}, "positive radius"),
        ({"labels": None}, "not a geometry of actions"),
        ({"offset": [[0.0]]}, "geometry.offset must be"),
        ("a list", "not a geometry of actions"),
        ({}, "holds actions of shape"),
    ],
)
def test_a_damaged_geometry_is_one_line(finished: Path, tmp_path: Path, change: object, message: str) -> None:
    sound = EpisodeStore.open(finished / "demos.zarr").attrs["geometry"]
    assert recorded_geometry(EpisodeStore.open(finished / "demos.zarr")).to_dict() == sound
    damaged = [1, 2] if change == "a list" else {**sound, **change}  # type: ignore[dict-item]
    store = recorded(tmp_path / "demos.zarr", {"geometry": damaged}, size=7)
    with pytest.raises(DataError, match=message):
        recorded_geometry(store)


def test_the_same_task_named_again_is_no_other(run: Path) -> None:
    assert main(["collect", f"run={run}", "env=rope", "env.options.target=straight"]) == 0


@pytest.mark.parametrize("command", ["evaluate", "deploy"])
@pytest.mark.parametrize(
    ("attrs", "said"),
    [
        ({"task": "pour tea"}, "tea.zarr does not say in which task it was recorded, and env= was never given"),
        ({"task": "envs:robopref/BinPick-v0", "options": {}}, "tea.zarr was recorded in envs:robopref/BinPick-v0, and"),
    ],
)
def test_recordings_of_another_task_are_not_tried_in_the_usual_one(
    command: str, attrs: dict, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"data={recorded(tmp_path / 'tea.zarr', attrs).path}"
    told = fails(capsys, command, f"run={tmp_path / 'run'}", data)
    assert f"{said}" in told
    assert "leaves envs:robopref/RopeShaping-v0 (target=straight); name the task that is meant with env=" in told
    # Who names one means it, and the run remembers that it was named.
    assert "no trained policy" in fails(capsys, command, f"run={tmp_path / 'run'}", data, "env=rope")
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / "overrides.yaml").write_text("[env=rope]")
    assert "no trained policy" in fails(capsys, command, f"run={tmp_path / 'run'}", data)
