"""Recordings of any format as one episode store."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.importing import Recordings, imported
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError


@contextmanager
def stage(name: str, unit: str) -> Generator[Callable[[int, int], None]]:
    yield lambda done, total: None


def recorded(path: Path, value: float = 0.0, lengths: tuple[int, ...] = (2, 3), **attrs: object) -> Path:
    store = EpisodeStore.create(path, dict(attrs))
    for length in lengths:
        steps = np.full((length, 3), value, np.float32)
        store.append({"proprio": steps, "action": steps[:, :2], "joints": steps})
    return path


def test_a_store_is_used_where_it_lies(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.zarr")
    store = imported(Recordings([path]), tmp_path / "run" / "recordings.zarr", stage)
    assert store.path == path
    assert not (tmp_path / "run").exists()


def test_another_format_is_copied_once(tmp_path: Path) -> None:
    path, target = tmp_path / "a.hdf5", tmp_path / "run" / "recordings.zarr"
    write_dataset(path, open_dataset(recorded(tmp_path / "a.zarr", 0.5)), "robomimic", Choices())
    recordings = Recordings([path])
    store = imported(recordings, target, stage)
    assert (len(store), store.steps, store.array("action").tolist()) == (2, 5, [[0.5, 0.5]] * 5)
    before = os.stat(target / "meta").st_mtime_ns
    assert imported(recordings, target, stage).fingerprint() == store.fingerprint()
    assert os.stat(target / "meta").st_mtime_ns == before
    # A copy outlives what was copied; but one of data that have changed since is none.
    path.rename(tmp_path / "elsewhere.hdf5")
    assert imported(recordings, target, stage).steps == 5
    (tmp_path / "elsewhere.hdf5").rename(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r"is a copy of .*a\.hdf5, which have changed since, .* or remove it"):
        imported(recordings, target, stage)
    assert imported(recordings, target, stage, disposable=True).steps == 5  # nothing was made of it
    assert imported(recordings, target, stage).steps == 5


def test_names_and_a_geometry_are_told_to_the_copy(tmp_path: Path) -> None:
    told = {"reaches": [0, 1, 2], "metres": 0.5, "radius": 1.0}
    path = recorded(tmp_path / "a.zarr")
    choices = Choices(names={"action": "joints", "speed": "action"})
    store = imported(Recordings([path], choices=choices, geometry=told), tmp_path / "r.zarr", stage)
    assert store.array("action").shape == (5, 3)
    assert recorded_geometry(store).radius == 1.0
    with pytest.raises(ConfigError, match="names three entries of an action, but that of the recordings has 2"):
        imported(Recordings([path], geometry=told), tmp_path / "b.zarr", stage)
    assert not (tmp_path / "b.zarr").exists()


def test_several_are_one_that_knows_which_step_is_whose(tmp_path: Path) -> None:
    paths = [recorded(tmp_path / f"{value}.zarr", value) for value in (0.0, 1.0)]
    store = imported(Recordings(paths), tmp_path / "both.zarr", stage)
    assert store.array("dataset").tolist() == store.array("action")[:, 0].tolist() == [0] * 5 + [1] * 5


def test_data_of_unlike_meaning_are_not_mixed(tmp_path: Path) -> None:
    one, two = recorded(tmp_path / "a.zarr"), recorded(tmp_path / "b.zarr", geometry={"radius": 1})
    with pytest.raises(DataError, match="say different things of what their actions mean in space"):
        imported(Recordings([one, two]), tmp_path / "both.zarr", stage)


def test_nothing_is_left_of_data_that_cannot_be_copied(tmp_path: Path) -> None:
    zero, bad = np.zeros(4), np.full((4, 1), np.nan)
    np.savez(tmp_path / "a.npz", observations=np.zeros((4, 2)), actions=bad, terminals=zero, rewards=zero)
    with pytest.raises(DataError, match="not finite"):
        imported(Recordings([tmp_path / "a.npz"], choices=Choices(max_steps=4)), tmp_path / "copy.zarr", stage)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz"]
    with pytest.raises(DataError, match="no dataset at"):
        imported(Recordings([tmp_path / "none"]), tmp_path / "copy.zarr", stage)
