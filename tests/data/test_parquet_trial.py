"""Parquet files on which pyarrow ends the process that reads them."""

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robopref.data import parquet_trial
from robopref.data.arrow import checked_parquet
from robopref.data.episode_formats.conversion import open_dataset
from robopref.data.label_formats import parquet
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.parquet_trial import try_parquet
from robopref.errors import DataError
from tests.data.episode_formats.worlds import written


def table() -> pa.Table:
    rng = np.random.default_rng(0)
    numbers = pa.array(rng.normal(size=600).astype(np.float32))
    return pa.table({
        "episode_index": pa.array(np.repeat(np.arange(4), 50)),
        "frame_index": pa.array(np.tile(np.arange(50), 4)),
        "action": pa.FixedSizeListArray.from_arrays(numbers, 3),
        "state": pa.array([[float(n) for n in row] for row in rng.integers(0, 3, (200, 3))], pa.list_(pa.float32())),
        "task": pa.array(["pick", "place"] * 100),
        "items": pa.array([[{"a": 1, "b": "x"}] * (number % 3) for number in range(200)]),
    })  # fmt: skip


def damaged(sound: bytes, seed: int) -> bytes:
    """A file with some bits or bytes of what it says of itself changed."""
    rng, content = np.random.default_rng(seed), bytearray(sound)
    footer = int.from_bytes(content[-8:-4], "little")
    first = len(content) - 8 - footer if seed % 3 else 4
    for _ in range(rng.integers(1, 4)):
        value = rng.integers(0, 256) if seed % 2 else 1 << int(rng.integers(0, 8))
        content[rng.integers(first, len(content) - 8)] = value
    return bytes(content)


# With pyarrow 26, the first two end their reader by SIGABRT; another version may do so on others.
@pytest.mark.parametrize("seeds", [(40, 2148), range(100, 140)], ids=["deadly", "others"])
def test_damaged_files_are_one_line(seeds: tuple[int, ...], tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "sound.parquet", row_group_size=100)
    sound, path = (tmp_path / "sound.parquet").read_bytes(), tmp_path / "file.parquet"
    for seed in seeds:
        path.write_bytes(damaged(sound, seed))
        with pytest.raises(DataError, match=r"\A[^\n]*\Z"):  # those that can be read are no labels
            parquet.read(path, Naming())


def test_datasets_with_damaged_files_are_one_line(tmp_path: Path) -> None:
    path = written("lerobot", tmp_path)
    for name in ("data/chunk-000/file-000.parquet", "meta/tasks.parquet"):
        sound = (path / name).read_bytes()
        for seed in range(12):
            (path / name).write_bytes(damaged(sound, seed))
            with contextlib.suppress(DataError):
                list(open_dataset(path))
        (path / name).write_bytes(sound)
    assert len(list(open_dataset(path))) == 2


def test_whoever_dies_of_a_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(table(), tmp_path / "a.parquet")
    monkeypatch.setattr(parquet_trial, "_readers", [])
    with monkeypatch.context() as patch:
        patch.setattr(parquet_trial, "_CHILD", "import os, sys; sys.stdin.readline(); os.abort()")
        with pytest.raises(DataError, match=r"a\.parquet is damaged: whoever reads it is ended by it \(SIGABRT\)"):
            try_parquet(tmp_path / "a.parquet", None)
    assert checked_parquet(tmp_path / "a.parquet") == tmp_path / "a.parquet"
    (reader,) = parquet_trial._readers
    assert reader.close() == "status 0"
