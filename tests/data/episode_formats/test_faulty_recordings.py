"""Recordings as they come: each is one line, or right."""

from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.importing import DATASET, IMPORT, Recordings, imported
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError

FORMATS = {"robomimic": "data.hdf5", "lerobot": "data", "npz": "data.npz", "dp3": "data.zarr"}


def written(folder: Path, kind: str, *lengths: int, **arrays) -> Path:
    """Episodes of these lengths, with what `arrays` makes of a number of steps."""
    rng = np.random.default_rng(0)
    made = [
        {
            "proprio": rng.normal(size=(steps, 3)).astype(np.float32),
            "points": rng.normal(size=(steps, 5, 3)).astype(np.float32),
            "action": rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
            **{name: array(steps) for name, array in arrays.items()},
        }
        for steps in lengths
    ]
    path = folder / FORMATS[kind]
    write_dataset(path, Dataset(path, {}, len(made), lambda: iter(made)), kind, Choices(fps=10))
    return path


def store(path: Path, folder: Path, **said):
    return imported(Recordings([path], **said), folder / "run/recordings.zarr", lambda *_: nullcontext(lambda *_: None))


@pytest.mark.parametrize("kind", FORMATS)
def test_episodes_of_any_length_and_without_rewards_come_in(kind, tmp_path):
    path = written(tmp_path, kind, 4, 1, 7, image_a=lambda steps: np.full((steps, 4, 6, 3), 9, np.uint8),
                   image_b=lambda steps: np.full((steps, 2, 6, 3), 8, np.uint8))  # fmt: skip
    found = store(path, tmp_path)
    assert [len(found.episode(number)["action"]) for number in range(3)] == [4, 1, 7]
    assert {"image_a", "image_b", "proprio"} <= set(found.keys)
    for number, episode in enumerate(open_dataset(path)):
        np.testing.assert_array_equal(found.episode(number)["action"], episode["action"])


@pytest.mark.parametrize("name", ["proprio", "action", "points"])
@pytest.mark.parametrize("kind", ["robomimic", "lerobot", "npz"])  # stores refuse to hold them
def test_missing_numbers_are_named_with_their_place_and_leave_nothing(kind, name, tmp_path):
    def gone(steps):
        shape = {"proprio": (3,), "action": (2,), "points": (5, 3)}[name]
        array = np.zeros((steps, *shape), np.float32)
        if steps == 4:
            array[2] = np.nan
        return array

    path = written(tmp_path, kind, 3, 4, **{name: gone})
    with pytest.raises(DataError, match=rf"episode 1 of .*'{name}'\] is not finite at step 2") as caught:
        store(path, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").glob("*"))


def test_arrays_of_another_length_are_named_with_what_leaves_them_out(tmp_path):
    path = written(tmp_path, "robomimic", 4, 4)
    with h5py.File(path, "a") as file:
        for demo in file["data"].values():
            del demo["obs/proprio"]
            demo["obs/proprio"] = np.zeros((5, 3))
    with pytest.raises(DataError, match=r"one length.*drop=\[proprio\]"):
        store(path, tmp_path)
    assert "proprio" not in store(path, tmp_path, choices=Choices(drop=("proprio",))).keys


@pytest.mark.parametrize("kind", ["robomimic", "npz", "dp3"])
def test_float_pictures_stay_floats(kind, tmp_path):
    path = written(tmp_path, kind, 3, image=lambda steps: np.full((steps, 4, 6, 3), 0.25, np.float32))
    assert store(path, tmp_path).episode(0)["image"].dtype == np.float32


@pytest.mark.parametrize("kind", FORMATS)
def test_gaps_in_time_stay_where_they_are(kind, tmp_path):
    def times(steps):
        return np.cumsum(np.where(np.arange(steps) == 2, 5.0, 0.1))

    path = written(tmp_path, kind, 4, time=times)
    np.testing.assert_array_equal(store(path, tmp_path).episode(0)["time"], times(4))


def number_store(path: Path, **arrays) -> Path:
    """Two steps, of which the arrays are numbers."""
    store = EpisodeStore.create(path, {})
    store.append({"action": np.zeros((2, 3), np.float32), "state": np.ones((2, 4), np.float32)} | arrays)
    return path


def together(tmp_path: Path, *paths: Path) -> EpisodeStore:
    return imported(Recordings(list(paths)), tmp_path / "copy.zarr", lambda *_: nullcontext(lambda *_: None))


def test_what_not_all_recordings_have_is_left_out_and_said(tmp_path: Path) -> None:
    demos = number_store(tmp_path / "demos.zarr", reward=np.zeros(2, np.float32))
    deploy = number_store(tmp_path / "deploy.zarr", score=np.zeros(2, np.float32), tool=np.zeros((2, 3)))
    store = together(tmp_path, demos, deploy)
    assert set(store.keys) == {"action", "state", DATASET}
    assert store.array(DATASET).tolist() == [0, 0, 1, 1]
    assert store.attrs[IMPORT]["notes"] == ["not all of the recordings have reward, score, tool, which are left out"]


def test_numbers_of_several_precisions_become_those_of_the_highest(tmp_path: Path) -> None:
    value = 0.1
    one = number_store(tmp_path / "a.zarr")
    other = number_store(tmp_path / "b.zarr", state=np.full((2, 4), value, np.float64))
    state = together(tmp_path, one, other).array("state")
    assert state.dtype == np.float64
    assert state[2:].tolist() == [[value] * 4] * 2


def test_arrays_of_other_shapes_are_refused_with_the_words_that_leave_them_out(tmp_path: Path) -> None:
    one, other = number_store(tmp_path / "a.zarr"), number_store(tmp_path / "b.zarr", state=np.ones((2, 5), np.float32))
    with pytest.raises(DataError, match=r"state is float32 \(4,\).*read\.drop=\[…\]"):
        together(tmp_path, one, other)
    assert not (tmp_path / "copy.zarr").exists()
