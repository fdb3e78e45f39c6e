"""The page for people who bring their own robot, taken literally."""

import re
from pathlib import Path

import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.safety.limits import Box, Limits
from tests.robots.contract import RobotContract

PAGE = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text()
RECORD, ROBOT, SCRIPT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NAMES: dict = {}
exec(compile(ROBOT, "docs/deploy.md", "exec"), NAMES)


class TestRobotOfThePage(RobotContract):
    limits = Limits(
        workspace=Box((0.2, -0.3, 0.05), (0.6, 0.3, 0.4)), step=0.03, speed=0.5, acceleration=5.0, jerk=100.0, age=0.2,
        frozen=0.5, clamps=1000,
    )  # fmt: skip

    def make(self):
        return NAMES["MyRobot"]()


def test_the_robot_is_as_short_as_promised() -> None:
    assert len(ROBOT.splitlines()) <= 60


def test_the_page_moves_a_robot_upwards_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = dict(NAMES)
    exec(compile(SCRIPT, "docs/deploy.md", "exec"), names)
    assert names["tally"].cause == "40 commands"
    assert "40 commands at" in capsys.readouterr().out
    episode = EpisodeStore.open(tmp_path / "my-robot" / "episodes.zarr").episode(0)
    assert len(episode["action"]) == 40
    assert episode["tool"][-1, 2] > 0.2
