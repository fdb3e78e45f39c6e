"""Files of other writers that are whole, but not as one expects them."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.worlds import PLACES, hdf5_of, written


@pytest.mark.parametrize("kind", PLACES)
def test_single_values_and_nothing_are_left_out_with_a_word(kind, tmp_path):
    path = written(kind, tmp_path)
    with h5py.File(hdf5_of(path), "a") as file:
        for number in range(2):
            place = PLACES[kind].replace("_0", f"_{number}")
            if place not in file:
                file[place], file[f"{place}_empty"] = 3.0, h5py.Empty("f4")
    data = open_dataset(path, kind)
    assert len(list(data)) == 2
    assert [note for note in data.notes if "extra is not read: it holds float64 of shape ()" in note]
    assert [note for note in data.notes if "extra_empty is not read: it holds float32 of shape None" in note]


@pytest.mark.parametrize(
    ("kind", "place"), [("robomimic", "data/demo_1"), ("robomimic", "data"), ("minari", "episode_1")]
)
def test_arrays_in_the_place_of_groups_are_named(kind, place, tmp_path):
    path = written(kind, tmp_path)
    with h5py.File(hdf5_of(path), "a") as file:
        del file[place]
        file[place] = np.zeros(3)
    with pytest.raises(DataError, match=rf"{place} must be a group"):
        list(open_dataset(path, kind))


def test_counts_that_are_none_and_episodes_that_lack_are_named(tmp_path):
    path = written("minari", tmp_path)
    about = json.loads((path / "data/metadata.json").read_text())
    for count in (-1, 1.5):
        (path / "data/metadata.json").write_text(json.dumps(about | {"total_episodes": count}))
        with pytest.raises(DataError, match=r"total_episodes of metadata.json must be a whole number"):
            open_dataset(path)
    (path / "data/metadata.json").write_text(json.dumps(about))
    with h5py.File(hdf5_of(path), "a") as file:
        file.move("episode_1", "episode_7")
    with pytest.raises(DataError, match="there is no /episode_1"):
        list(open_dataset(path))


@pytest.mark.parametrize("told", [5, "[1]", "{", [1]])
def test_what_is_told_of_a_task_does_not_keep_the_data(told, tmp_path):
    path = written("minari", tmp_path)
    about = json.loads((path / "data/metadata.json").read_text())
    del about["robopref"]
    (path / "data/metadata.json").write_text(json.dumps(about | {"env_spec": told}))
    assert len(list(open_dataset(path))) == 2


def test_demonstrations_of_a_mask_that_are_not_there_are_said(tmp_path):
    path = written("robomimic", tmp_path)
    with h5py.File(path, "a") as file:
        file["mask/train"] = np.array([b"demo_0", b"demo_77"])
        file["mask/nested/x"] = np.zeros(3)
    data = open_dataset(path, choices=Choices(mask="train"))
    assert len(list(data)) == 1
    assert "of the filter key train 1 are no demonstrations: demo_77" in data.notes
    with pytest.raises(DataError, match="'nested' must be an array of names"):
        open_dataset(path, choices=Choices(mask="nested"))


@pytest.mark.parametrize("ends", [[1.5, 6], [np.nan, 6], ["3", "6"], [True, True]])
def test_ends_of_episodes_are_whole_numbers(ends, tmp_path):
    np.savez(tmp_path / "data.npz", action=np.zeros((6, 2)), episode_ends=np.array(ends))
    with pytest.raises(DataError, match="episode_ends must be whole numbers"):
        open_dataset(tmp_path / "data.npz")


def test_archives_say_what_is_odd_about_them(tmp_path):
    np.savez(tmp_path / "columns.npz", action=np.asfortranarray(np.zeros((6, 2))), episode_ends=np.array([6]))
    with pytest.raises(DataError, match=r"np\.ascontiguousarray"):
        open_dataset(tmp_path / "columns.npz")
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        archive.writestr("action.npy", b"")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("action.npy", b"")
    with pytest.raises(DataError, match="action is there twice"):
        open_dataset(tmp_path / "twice.npz")
    for content, says in ((b"", "an empty file"), (b"\x1f\x8b\x08", "packed by gzip; unpack it first")):
        (tmp_path / "data.hdf5").write_bytes(content)
        with pytest.raises(DataError, match=says):
            open_dataset(tmp_path / "data.hdf5")
