"""Recordings as robots."""

from pathlib import Path

import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError
from robopref.motion import Command
from robopref.robots.replay import ReplayRobot
from tests.geometry import pick_and_place
from tests.robots.contract import RobotContract


def recorded(path: Path, lengths: tuple[int, ...] = (4, 3)) -> Path:
    store = EpisodeStore.create(path, {"geometry": pick_and_place().to_dict()})
    for number, length in enumerate(lengths):
        steps = np.arange(length, dtype=np.float32) + 10 * number
        store.append({
            "points": np.tile(steps[:, None, None], (1, 5, 3)) / 100, "proprio": np.tile(steps[:, None], (1, 4)) / 100,
            "progress": -steps, "terminated": np.arange(length) == length - 1,
        })  # fmt: skip
    return path


class TestReplayRobot(RobotContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = recorded(tmp_path / "demos.zarr")

    def make(self) -> ReplayRobot:
        return ReplayRobot(self.path)


def test_steps_come_as_they_were_recorded_until_the_episode_ends(tmp_path: Path) -> None:
    robot = ReplayRobot(recorded(tmp_path / "demos.zarr"), episode=1)
    reading = robot.reset()
    seen = []
    while True:
        seen.append(reading.progress)
        if reading.ended:
            break
        robot.execute(robot.actions.to_command(np.zeros(4, np.float32), None))  # type: ignore[arg-type]
        reading = robot.observe()
    assert seen == [-10, -11, -12]
    assert reading.success
    assert robot.reset(seed=1).progress == 0  # after the last episode comes the first


def test_readings_go_by_the_clock_that_is_given(tmp_path: Path) -> None:
    robot = ReplayRobot(recorded(tmp_path / "demos.zarr"), clock=iter([3.0, 5.0]).__next__)
    assert [robot.reset().time, robot.observe().time] == [3.0, 5.0]


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="episode must be in 0 to 1, got 2"):
        ReplayRobot(recorded(tmp_path / "demos.zarr"), episode=2)
    EpisodeStore.create(tmp_path / "bare.zarr", {}).append({"action": np.zeros((1, 4))})
    with pytest.raises(DataError, match="lacks anything that was observed; it has action"):
        ReplayRobot(tmp_path / "bare.zarr")
    geometry = {"geometry": pick_and_place().to_dict()}
    EpisodeStore.create(tmp_path / "blind.zarr", geometry).append({"state": np.zeros((1, 2), np.float32)})
    with pytest.raises(DataError, match="lacks proprio"):
        ReplayRobot(tmp_path / "blind.zarr")


def nameless(path: Path) -> Path:
    """Recordings of another format whose actions nobody has explained."""
    store = EpisodeStore.create(path.with_suffix(".zarr"), {"observations": ["image_left"]})
    steps = np.arange(3, dtype=np.float32)[:, None]
    ends = {"terminated": np.array([False, False, True]), "truncated": np.zeros(3, bool)}
    picture = np.zeros((3, 2, 2, 3), np.uint8)
    for number in range(2):
        store.append({"action": steps.repeat(5, 1) + number, "state": steps, "image_left": picture, **ends})
    write_dataset(path, open_dataset(store.path), "robomimic")
    return path


class TestReplayOfNumbers(RobotContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = nameless(tmp_path / "demos.hdf5")

    def make(self) -> ReplayRobot:
        return ReplayRobot(self.path)


def test_actions_without_a_meaning_stand_where_joints_would(tmp_path: Path) -> None:
    robot = ReplayRobot(nameless(tmp_path / "demos.hdf5"), episode=1)
    reading = robot.reset()
    assert sorted(reading.observation.parts) == ["image_left", "state"]
    assert reading.joints is not None
    assert reading.joints.tolist() == [1] * 5
    command = robot.actions.to_command(np.arange(5, dtype=np.float32), Command(np.zeros((0, 3)), joints=reading.joints))
    assert command.joints is not None
    assert command.joints.tolist() == [0, 1, 2, 3, 4]
    robot.execute(command)
    assert robot.observe().observation.state.tolist() == [1]


def test_recordings_are_read_as_settings_say(tmp_path: Path) -> None:
    path = nameless(tmp_path / "demos.hdf5")
    names = {"proprio": "object", "points": None}
    read = {"format": None, "names": names, "drop": [], "fill": [], "colours": True, "mask": "", "max_steps": None}
    seen = ReplayRobot(path, read=read).reset().observation.parts
    assert sorted(seen) == ["image_left", "proprio"]
    with pytest.raises(ConfigError, match=r"unknown array of .* 'gripper'"):
        ReplayRobot(path, read={**read, "names": {"proprio": "gripper"}})
