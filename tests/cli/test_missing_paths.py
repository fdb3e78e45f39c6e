"""Where nothing is at a path, the line names the setting that names it, and what makes what was to be there."""

from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.robots.maps import recorded_anchors
from robopref.robots.replay import ReplayRobot
from tests.cli.tiny import fails


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        (
            "train policy", ["data=nowhere.zarr"],
            "no dataset at nowhere.zarr, which data= names; robopref collect run=<folder> records one",
        ),
        ("offline train", ["data=[nowhere.zarr,other.zarr]"], "no dataset at nowhere.zarr, which data= names;"),
        ("labels quality", ["database=nowhere.sqlite"], "robopref label run=<folder> makes one"),
        ("report", ["report.beside=[nowhere]"], "name folders on which robopref evaluate ranker=weighted was run"),
        (
            "online", ["reward=implicit_process", "agent=ppo", "environment=Pendulum-v1",
            "rewards.implicit_process.begin.path=nowhere.zip"],
            "no agent at nowhere.zip, which rewards.implicit_process.begin.path= names; robopref online collect run=",
        ),
    ],
)  # fmt: skip
def test_commands_say_what_makes_what_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in fails(capsys, *command.split(), "run=run", *words)


def test_so_do_parts_that_read_recordings(tmp_path: Path) -> None:
    path = tmp_path / "none.zarr"
    with pytest.raises(DataError, match=r"no dataset at .*none\.zarr, which robot\.path= names; robopref collect"):
        ReplayRobot(path)
    with pytest.raises(DataError, match=r"no dataset at .*none\.zarr, which robot\.actions\.path= names; robopref"):
        recorded_anchors(path)
