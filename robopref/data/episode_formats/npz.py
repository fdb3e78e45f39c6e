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
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from robopref.data.claims import check_claim
from robopref.data.episode_formats.dataset import Dataset, Episode, as_flags, reading, replacing
from robopref.data.episode_formats.ends import find_ends, with_cut
from robopref.data.episode_formats.naming import Choices, Names, unequal
from robopref.errors import DataError
from robopref.files import scratch

_KIND = "an npz archive of numbers"
_USUAL = {"state": "observations", "next_state": "next_observations", "action": "actions", "reward": "rewards"}
_FLAGS = {"terminated": "terminals", "truncated": "timeouts"}
_META = ("episode_ends", "attrs")


class _Member:
    """An array in an archive, whose rows are read in their order."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        held = archive.getinfo(f"{name}.npy")
        self._file: IO[bytes] = archive.open(held)
        version = npy.read_magic(self._file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        self.shape, columns_first, self.dtype = read_header(self._file)
        if self.dtype.kind not in "biuf" or (columns_first and len(self.shape) > 1) or not self.shape:
            order = " in columns (save it with np.ascontiguousarray)" if columns_first else ""
            raise DataError(
                f"{archive.filename}: {name} must hold numbers row by row, got {self.dtype} {self.shape}{order}; "
                f"leave it out with drop=[{name}]"
            )
        check_claim(Path(str(archive.filename)), name, held.file_size, held.compress_size)
        if min(self.shape) < 0 or prod(self.shape) * self.dtype.itemsize > held.file_size:
            raise EOFError(f"{name} is shorter than its shape {self.shape}")

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
        infos = archive.infolist()
        check_claim(path, "what it holds", sum(one.file_size for one in infos), sum(one.compress_size for one in infos))
        members = [one.filename.removesuffix(".npy") for one in infos if one.filename.endswith(".npy")]
        if twice := sorted({name for name in members if members.count(name) > 1}):
            raise DataError(f"{path}: {twice[0]} is there twice; expected {_KIND}")
        others = [one.filename for one in infos if not one.filename.endswith(".npy")]
        there = [name for name in members if name not in _META]
        foreign = "observations" in there
        names = Names({**_USUAL, **_FLAGS} if foreign else {}, choices.names)
        wanted = names.choose(
            {name: ("", name) for name in there}, path, choices.drop, ("truncated",) if choices.max_steps else ()
        )
        keys = [name for name in there if name in wanted]
        steps = {name: _Member(archive, name).shape[0] for name in keys}
        if len(set(steps.values())) != 1:
            raise unequal(path, steps)
        total = next(iter(steps.values()))
        with np.load(path, allow_pickle=False) as small:
            attrs = json.loads(str(small["attrs"])) if "attrs" in members else {}
            if "episode_ends" in members:
                told = np.asarray(small["episode_ends"])
                if told.dtype.kind not in "iuf" or not np.isfinite(told).all() or (told != np.floor(told)).any():
                    raise DataError(f"{path}: episode_ends must be whole numbers, got {told.dtype} {told[:3]}")
                ends = told.astype(np.int64)
            else:
                flags = {ours: small[names.outward(ours)] for ours in _FLAGS if names.outward(ours) in there}
                ends = find_ends(flags, total, choices.max_steps, path)
        if not isinstance(attrs, dict):
            raise TypeError("attrs must be an object")
    if ends.ndim != 1 or (np.diff(ends, prepend=0) <= 0).any() or (len(ends) and ends[-1] != total):
        raise DataError(f"{path}: episode_ends must increase to the {total} steps of the arrays, got {ends[-3:]}")

    def load() -> Iterator[Episode]:
        with reading(path, _KIND), zipfile.ZipFile(path) as archive:
            columns = {name: _Member(archive, name) for name in keys}
            for length in np.diff(ends, prepend=0).tolist():
                rows = {name: column.rows(length) for name, column in columns.items()}
                yield with_cut(as_flags(names.inward(rows, path), path), choices.max_steps)

    return Dataset(path, attrs, len(ends), load, tuple(f"{name} is not read: it is no array" for name in others))


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
    with replacing(path) as building, scratch(path) as room, contextlib.ExitStack() as stack:
        rows: dict[str, IO[bytes]] = {}
        for episode in dataset:
            lengths.append(len(next(iter(episode.values()))))
            for key, array in episode.items():
                name = names.outward(key)
                if name in _META:
                    raise DataError(f"npz cannot hold an array called {name}; rename it with rename.{key}=<name>")
                if name not in rows:
                    rows[name] = stack.enter_context((room / str(len(rows))).open("wb"))
                rows[name].write(np.ascontiguousarray(array).tobytes())
        if not lengths:
            raise DataError(f"{dataset.path} holds no episodes")
        for file in rows.values():
            file.close()
        first = {names.outward(key): array for key, array in dataset.first().items()}
        with zipfile.ZipFile(building, "w", zipfile.ZIP_STORED) as archive:
            for i, name in enumerate(rows):
                example, file = first[name], room / str(i)
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
