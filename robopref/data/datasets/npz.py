"""A plain numpy archive: one array a name with the steps of all episodes end to end, and ``episode_ends``.

Archives with the names of D4RL, which mark the ends of episodes by flags, can be read as well. Both ways a few rows at
a time are in memory.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from robopref.data.datasets.dataset import Dataset, Episode, as_flags, reading, replacing
from robopref.data.datasets.ends import find_ends, with_cut
from robopref.data.datasets.naming import Choices, Names
from robopref.errors import DataError

_KIND = "an npz archive of numbers"
_USUAL = {"state": "observations", "next_state": "next_observations", "action": "actions", "reward": "rewards"}
_FLAGS = {"terminated": "terminals", "truncated": "timeouts"}
_META = ("episode_ends", "attrs")


class _Member:
    """An array in an archive, whose rows are read in their order."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._file: IO[bytes] = archive.open(f"{name}.npy")
        version = npy.read_magic(self._file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        self.shape, columns_first, self.dtype = read_header(self._file)
        if self.dtype.kind not in "biuf" or (columns_first and len(self.shape) > 1) or not self.shape:
            raise DataError(f"{archive.filename}: {name} must hold numbers row by row, got {self.dtype} {self.shape}")

    def rows(self, count: int) -> NDArray[Any]:
        """The next rows."""
        size = count * int(np.prod(self.shape[1:])) * self.dtype.itemsize
        content = self._file.read(size)
        if len(content) < size:
            raise EOFError("an array ends too early")
        return np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:]).copy()


def read(path: Path, choices: Choices) -> Dataset:
    """Read an archive.

    Args:
        path: The file.
        choices: Names, and the length of the longest episode.

    Returns:
        The dataset.

    Raises:
        DataError: The file is missing or damaged, its arrays differ in length, or nothing says where episodes end.
    """
    with reading(path, _KIND), zipfile.ZipFile(path) as archive:
        members = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        keys = [name for name in members if name not in _META]
        foreign = "observations" in keys
        names = Names({**_USUAL, **_FLAGS} if foreign else {}, choices.names)
        names.check(keys, path)
        steps = {name: _Member(archive, name).shape[0] for name in keys}
        if len(set(steps.values())) != 1:
            raise DataError(f"{path}: arrays must have one length, got {steps}")
        total = next(iter(steps.values()))
        with np.load(path, allow_pickle=False) as small:
            attrs = json.loads(str(small["attrs"])) if "attrs" in members else {}
            if "episode_ends" in members:
                ends = np.asarray(small["episode_ends"]).astype(np.int64)
            else:
                flags = {ours: small[names.outward(ours)] for ours in _FLAGS if names.outward(ours) in keys}
                ends = find_ends(flags, total, choices.max_steps, path)
    if ends.ndim != 1 or (np.diff(ends, prepend=0) <= 0).any() or (len(ends) and ends[-1] != total):
        raise DataError(f"{path}: episode_ends must increase to the {total} steps of the arrays, got {ends[-3:]}")

    def load() -> Iterator[Episode]:
        with reading(path, _KIND), zipfile.ZipFile(path) as archive:
            columns = {name: _Member(archive, name) for name in keys}
            for length in np.diff(ends, prepend=0).tolist():
                rows = {name: column.rows(length) for name, column in columns.items()}
                yield with_cut(as_flags(names.inward(rows, path), path), choices.max_steps)

    return Dataset(path, attrs, len(ends), load)


def write(path: Path, dataset: Dataset, choices: Choices) -> None:
    """Write an archive.

    Args:
        path: File that does not exist yet.
        dataset: What to write.
        choices: Names.

    Raises:
        DataError: The dataset has no episodes, an array's name is taken, or the file cannot be written.
    """
    names = Names({}, choices.names)
    lengths: list[int] = []
    with replacing(path) as building, contextlib.ExitStack() as stack:
        scratch = building.with_suffix(".rows")
        scratch.mkdir()
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        rows: dict[str, IO[bytes]] = {}
        for episode in dataset:
            lengths.append(len(next(iter(episode.values()))))
            for key, array in episode.items():
                name = names.outward(key)
                if name in _META:
                    raise DataError(f"npz cannot hold an array called {name}; rename it with rename.{key}=<name>")
                if name not in rows:
                    rows[name] = stack.enter_context((scratch / str(len(rows))).open("wb"))
                rows[name].write(np.ascontiguousarray(array).tobytes())
        if not lengths:
            raise DataError(f"{dataset.path} holds no episodes")
        for file in rows.values():
            file.close()
        first = {names.outward(key): array for key, array in dataset.first().items()}
        with zipfile.ZipFile(building, "w", zipfile.ZIP_STORED) as archive:
            for i, name in enumerate(rows):
                example, file = first[name], scratch / str(i)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as target, file.open("rb") as source:
                    header = {"descr": npy.dtype_to_descr(example.dtype), "fortran_order": False}
                    npy.write_array_header_1_0(target, {**header, "shape": (sum(lengths), *example.shape[1:])})
                    shutil.copyfileobj(source, target)
            for name, value in (
                ("episode_ends", np.cumsum(lengths)),
                ("attrs", np.array(json.dumps(dict(dataset.attrs)))),
            ):
                with archive.open(f"{name}.npy", "w") as target:
                    npy.write_array(target, value, allow_pickle=False)
