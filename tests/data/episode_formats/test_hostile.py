"""Datasets that were made to read, run or take more than they should."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from robopref.data.episode_formats.coded_pictures import Film, film_writer
from robopref.data.episode_formats.conversion import detect, open_dataset, write_dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.worlds import KEYS, PLACES, hdf5_of, written

HUGE = 10**18


def secret(folder: Path) -> Path:
    with h5py.File(folder / "secret.hdf5", "w") as file:
        file["x"] = np.zeros(6)
    return folder / "secret.hdf5"


def external_link(file: h5py.File, place: str, folder: Path) -> None:
    file[place] = h5py.ExternalLink(str(secret(folder)), "/x")


def link_through_a_link(file: h5py.File, place: str, folder: Path) -> None:
    file["way"] = h5py.ExternalLink(str(secret(folder)), "/")
    file[place] = h5py.SoftLink("/way/x")


def external_numbers(file: h5py.File, place: str, folder: Path) -> None:
    file.create_dataset(place, (6,), "f8", external=[(str(secret(folder)), 0, 48)])


def virtual_numbers(file: h5py.File, place: str, folder: Path) -> None:
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(secret(folder), "x", (6,))
    file.create_virtual_dataset(place, layout)


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("attack", [external_link, link_through_a_link, external_numbers, virtual_numbers])
def test_hdf5_files_are_read_alone(kind, attack, tmp_path):
    path = written(kind, tmp_path)
    with h5py.File(hdf5_of(path), "a") as file:
        attack(file, PLACES[kind], tmp_path)
    with pytest.raises(DataError, match=r"is a link to elsewhere|are in other files"):
        list(open_dataset(path, kind))


@pytest.mark.parametrize("kind", PLACES)
def test_a_link_in_the_place_of_an_episode_is_not_followed(kind, tmp_path):
    path = written(kind, tmp_path)
    name = {"robomimic": "data/demo_0", "d4rl": "actions", "minari": "episode_0"}[kind]
    with h5py.File(hdf5_of(path), "a") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(secret(tmp_path)), "/x")
    with pytest.raises(DataError, match=f"{name} is a link to elsewhere"):
        list(open_dataset(path, kind))


def test_groups_within_themselves_end(tmp_path):
    path = written("robomimic", tmp_path)
    with h5py.File(path, "a") as file:
        file["data/demo_0/obs/self"] = file["data/demo_0"]
    with pytest.raises(DataError, match="groups are within themselves"):
        open_dataset(path)
    doubling = tmp_path / "doubling.hdf5"
    with h5py.File(doubling, "w") as file:
        group = file.create_group("data/demo_0")
        for _ in range(40):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
    with pytest.raises(DataError, match="groups are within themselves"):
        open_dataset(doubling)


@pytest.mark.parametrize("kind", PLACES)
def test_hdf5_arrays_that_take_no_room_are_not_unpacked(kind, tmp_path):
    for number, (shape, chunks) in enumerate([((6, HUGE // 10**6), (1, 1000)), ((6, 10**8), (6, 10**8))]):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = written(kind, folder)
        with h5py.File(hdf5_of(path), "a") as file:
            file.create_dataset(PLACES[kind], shape, "f4", chunks=chunks, compression="gzip")
        with pytest.raises(DataError, match="made to fill the memory"):
            list(open_dataset(path, kind))


@pytest.mark.parametrize("kind", PLACES)
def test_text_is_left_out_with_a_word_and_what_is_odd_by_name(kind, tmp_path):
    path = written(kind, tmp_path)
    with h5py.File(hdf5_of(path), "a") as file:
        for number in range(2):
            place = PLACES[kind].replace("_0", f"_{number}")
            if place not in file:
                file[place] = ["pick", "lift", "hold"]
                file[f"{place}_odd"] = np.zeros(4 if kind == "d4rl" else 5)
    with pytest.raises(DataError, match=r"drop=\[extra_odd\]"):
        list(open_dataset(path, kind))
    data = open_dataset(path, kind, Choices(drop=["extra_odd"]))
    assert len(list(data)) == 2
    assert set(data.first()) == set(KEYS)
    assert any("extra is not read: it holds object" in note for note in data.notes)


def changed_info(path: Path, **about):
    info = json.loads((path / "meta/info.json").read_text())
    (path / "meta/info.json").write_text(json.dumps(info | about))


@pytest.mark.parametrize(
    "template", ["../other/file-{file_index:03d}.parquet", "{chunk_index:01000000000d}", "/tmp/{chunk_index}", "{x}", 7]
)
def test_lerobot_paths_stay_in_the_folder(template, tmp_path):
    path = written("lerobot", tmp_path)
    changed_info(path, data_path=template)
    with pytest.raises(DataError, match=r"no pattern of file names|lies outside"):
        list(open_dataset(path))


def test_lerobot_files_that_are_links_elsewhere_are_not_read(tmp_path):
    path = written("lerobot", tmp_path)
    for name in ("data/chunk-000/file-000.parquet", "meta/tasks.parquet", "meta/info.json"):
        file = path / name
        away = file.rename(tmp_path / file.name)
        file.symlink_to(away)
        with pytest.raises(DataError, match="lies outside of the dataset"):
            list(open_dataset(path, "lerobot"))
        file.unlink()
        away.rename(file)
    assert len(list(open_dataset(path))) == 2


def parquet_changed(path: Path, name: str, cells):
    file = path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index(name), name, cells), file)


@pytest.mark.parametrize(
    ("name", "cells", "says"),
    [
        ("action", pa.array([[1.0, 2.0]] * 5 + [None]), "different lengths"),
        ("action", pa.array([[1.0, 2.0]] * 4 + [[1.0], [1.0, 2.0, 3.0]]), "different lengths"),
        ("next.reward", pa.array([1.0, None] * 3), "numbers in 3 steps"),
        ("next.terminated", pa.array([0, 7] * 3), "that are not bool"),
    ],
)
def test_lerobot_columns_are_not_bent_into_shape(name, cells, says, tmp_path):
    path = written("lerobot", tmp_path)
    parquet_changed(path, name, cells)
    with pytest.raises(DataError, match=says):
        list(open_dataset(path))


def test_lerobot_pictures_of_elsewhere_are_not_read(tmp_path):
    path = written("lerobot", tmp_path, *KEYS, "image")
    cell = {"bytes": None, "path": "../secret.png"}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    parquet_changed(path, "observation.images.main", pa.array([cell] * 6, kind))
    with pytest.raises(DataError, match=r"'\.\./secret\.png' lies outside"):
        list(open_dataset(path))


def test_npz_arrays_that_claim_more_than_there_is(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape, size in (("observations", (HUGE,), 100), ("actions", (3,), 24)):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
                file.write(bytes(size))
    with pytest.raises(DataError, match="shorter than its shape"):
        open_dataset(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("actions.npy", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError, match="made to fill the memory"):
        open_dataset(path)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def zarray(path: Path, key: str, **about):
    file = path / "data" / key / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | about))


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_zarr_codecs_that_unpickle_are_not_admitted(place, tmp_path):
    path, canary = written("zarr", tmp_path), tmp_path / "canary"
    codec = {"id": "pickle", "protocol": 5}
    zarray(path, "state", **{place: [codec] if place == "filters" else codec})
    (path / "data/state/0.0").write_bytes(pickle.dumps(Touch(canary)))
    with pytest.raises(DataError, match=r"data/state is packed by 'pickle', which is not admitted.*drop=\[state\]"):
        list(open_dataset(path))
    assert not canary.exists()
    assert "state" not in open_dataset(path, choices=Choices(drop=["state"])).first()


def test_zarr_arrays_of_more_chunks_than_files_end(tmp_path):
    path = written("zarr", tmp_path)
    zarray(path, "state", shape=[HUGE, HUGE], chunks=[1, 1])
    with pytest.raises(DataError, match=r"chunk file data/state/0.0 is missing|would have .* chunks|has .* bytes"):
        open_dataset(path)
    zarray(path, "state", shape=[6, HUGE], chunks=[6, HUGE], compressor={"id": "zlib", "level": 1})
    with pytest.raises(DataError, match="made to fill the memory"):
        open_dataset(path)


def test_zarr_files_that_are_elsewhere_or_no_files_are_not_read(tmp_path):
    for name in ("data/state/0.0", "data/state", "data", "meta", ".zattrs"):
        path = written("zarr", tmp_path / name.replace("/", "_"))
        held = path / name
        if name == ".zattrs":
            (path.parent / "away").write_text("{}")
            held.unlink(missing_ok=True)
            held.symlink_to(path.parent / "away")
        else:
            away = held.rename(path.parent / "away")
            held.symlink_to(away)
        with pytest.raises(DataError, match="lies outside of the dataset"):
            open_dataset(path, "zarr")
    path = written("zarr", tmp_path / "pipe")
    (path / "data/state/0.0").unlink()
    os.mkfifo(path / "data/state/0.0")
    with pytest.raises(DataError, match=r"data/state/0\.0 is not a file"):
        open_dataset(path)


def foreign_store(path: Path, *, form: int = 2) -> Path:
    """A store as zarr's own defaults write it: chunks of zeros are left out."""
    root = zarr.open_group(path, mode="w", zarr_format=form)
    rows = {
        "action": np.ones((8, 2), np.float32), "reward": np.repeat([0, 1], 4).astype(np.float32),
        "info/success": np.zeros(8, np.int32),
    }  # fmt: skip
    for key, value in rows.items():
        made = root.create_array(f"data/{key}", shape=value.shape, chunks=(4, *value.shape[1:]), dtype=value.dtype)
        made[:] = value
    root.create_array("meta/episode_ends", data=np.array([3, 8]))
    return path


@pytest.mark.parametrize("form", [2, 3])
def test_stores_of_other_writers_are_read(form, tmp_path):
    data = open_dataset(foreign_store(tmp_path / "store.zarr", form=form))
    one, two = list(data)
    assert (one["reward"].tolist(), two["reward"].tolist()) == ([0, 0, 0], [0, 1, 1, 1, 1])
    assert two["info_success"].tolist() == [0] * 5
    assert "1 chunks of reward have no file and are read as its fill value" in data.notes
    write_dataset(tmp_path / "copy.zarr", data)
    assert list(open_dataset(tmp_path / "copy.zarr"))[1]["reward"].tolist() == [0, 1, 1, 1, 1]


def test_one_odd_array_does_not_block_a_store(tmp_path):
    path = foreign_store(tmp_path / "store.zarr")
    zarray(path, "action", compressor={"id": "imagecodecs_nonsense"})
    with pytest.raises(DataError, match=r"needs a codec that is not installed.*drop=\[action\] leaves it out"):
        open_dataset(path)
    for drop in (["action"], ["action", "info_success"]):
        assert set(open_dataset(path, choices=Choices(drop=drop)).first()) == {"action", "reward", "info_success"} - {
            *drop
        }


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="of no known format: a pipe"):
        detect(tmp_path / "pipe")


def test_films_of_more_pictures_than_the_memory_holds_are_not_unpacked(tmp_path):
    with film_writer(tmp_path / "dark.mp4", 10) as film:
        for _ in range(5):
            film.append_data(np.zeros((720, 1280, 3), np.uint8))
    with pytest.raises(DataError, match=r"100 pictures would take .*made to fill the memory"):
        Film(tmp_path / "dark.mp4").frames(0, 100)
    assert Film(tmp_path / "dark.mp4").frames(3, 2).shape == (2, 720, 1280, 3)


def test_what_may_not_be_looked_at_is_said_in_one_line(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.exists", refuse)  # the rights of folders do not bind an administrator
    for look in (detect, open_dataset):
        with pytest.raises(DataError, match=r"store.zarr: .*you have no permission to read it"):
            look(tmp_path / "store.zarr")
