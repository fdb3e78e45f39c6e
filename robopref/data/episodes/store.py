"""Episodes on disk: an append-only store that a killed writer or a full disk cannot damage."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robopref.data.damage import DAMAGE
from robopref.data.episodes.replay_layout import ReplayLayout, reading
from robopref.errors import DataError, unknown_name

_WHOLE, _PART = 1 << 20, 1 << 16  # bytes of a chunk file that a fingerprint covers
_SMALL = 1 << 20  # bytes of an array that is kept once it was read: its rows never change
_NAME = re.compile(r"\w[\w-]*", re.ASCII)


class EpisodeStore:
    """Append-only episodes in one folder; made by `create` or `open`, never by calling the class.

    A store shows what it held when it was opened, plus what was appended through it. A writer that is killed loses at
    most the episode it was appending. See `robopref.data.episodes.replay_layout` for the files.
    """

    def __init__(self, layout: ReplayLayout, *, writable: bool) -> None:
        self._layout = layout
        self._writable = writable
        self._read: dict[str, NDArray[Any]] = {}

    @classmethod
    def create(cls, path: str | Path, attrs: dict[str, Any]) -> EpisodeStore:
        """Make an empty store, and open it for appending.

        Args:
            path: Folder that does not exist yet; its parents are made.
            attrs: What to remember about the data, in values that JSON has.

        Returns:
            The store; its arrays are laid out by the first episode.

        Raises:
            DataError: The path exists or cannot be written, or `attrs` is not JSON.
        """
        path = Path(path)
        if path.exists():
            raise DataError(f"{path} exists already; append to it with mode 'a', or choose another path")
        try:
            attrs = json.loads(json.dumps(attrs, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise DataError(f"attrs of {path} must be JSON: {error}") from error
        ReplayLayout.create(path, attrs)
        return cls.open(path, mode="a")

    @classmethod
    def open(cls, path: str | Path, mode: Literal["r", "a"] = "r", *, leave_out: Collection[str] = ()) -> EpisodeStore:
        """Open a store, and check that every chunk of it is there.

        Args:
            path: Folder of the store.
            mode: ``r`` to read; ``a`` to append as well, which first removes what a killed writer left behind.
            leave_out: Names of arrays that are not looked at; only to read.

        Returns:
            The store.

        Raises:
            DataError: No replay store there, or a damaged one; or one that cannot be appended to.
        """
        if mode not in ("r", "a"):
            raise DataError(f"mode of {path} must be 'r' or 'a', got {mode!r}")
        if mode == "a":
            return cls(ReplayLayout(Path(path), writable=True), writable=True)
        return cls(ReplayLayout(Path(path), writable=False, leave_out=leave_out), writable=False)

    @property
    def path(self) -> Path:
        """Folder of the store."""
        return self._layout.path

    @property
    def attrs(self) -> dict[str, Any]:
        """A copy of what `create` was given."""
        return copy.deepcopy(self._layout.attrs)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays, sorted; none before the first episode."""
        return tuple(self._layout.arrays)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines on arrays that are not read, or of which chunks stand for their fill value."""
        filled = (
            f"{count} chunks of {key} have no file and are read as its fill value"
            for key, count in self._layout.filled.items()
        )
        return (*self._layout.left.values(), *filled)

    @property
    def episode_ends(self) -> NDArray[np.int64]:
        """(episodes,) one past the last step of each episode."""
        return self._layout.ends.copy()

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return self._layout.steps

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self._layout.ends)

    def array(self, key: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Read steps of one array.

        Args:
            key: One of `keys`.
            start: First step.
            stop: One past the last step; the end of the last episode if None.

        Returns:
            (stop - start, ...) in the stored dtype.

        Raises:
            DataError: The steps do not exist, or cannot be read.
            ConfigError: No array has that name.
        """
        if key not in self._layout.arrays:
            raise unknown_name(f"array of {self.path}", key, self.keys)
        stop = self.steps if stop is None else stop
        if not 0 <= start <= stop <= self.steps:
            raise DataError(f"steps {start}:{stop} are not within the {self.steps} steps of {self.path}")
        with reading(self.path):
            rows = self._rows(key, stop)
            return rows[start:stop].copy() if rows is not None else np.asarray(self._layout.arrays[key][start:stop])

    def _rows(self, key: str, stop: int) -> NDArray[Any] | None:
        """The rows of a small array, of which a few at a time are asked for; None of a large one or a damaged one."""
        rows, array = self._read.get(key), self._layout.arrays[key]
        if rows is not None and len(rows) >= stop:
            return rows
        if self.steps * math.prod(array.shape[1:]) * array.dtype.itemsize > _SMALL:
            return None
        try:
            rows = np.asarray(array[: self.steps])
        except DAMAGE:  # which may be elsewhere
            return None
        self._read[key] = rows
        return rows

    def episode(self, i: int) -> dict[str, NDArray[Any]]:
        """Read one episode.

        Args:
            i: Which one, counted from 0.

        Returns:
            (T, ...) for each key.

        Raises:
            DataError: There is no such episode, or it cannot be read.
        """
        if not 0 <= i < len(self):
            raise DataError(f"{self.path} has no episode {i}; it holds {len(self)}, counted from 0")
        start, end = np.append(0, self.episode_ends)[i : i + 2].tolist()
        return {key: self.array(key, start, end) for key in self.keys}

    def append(self, episode: dict[str, NDArray[Any]], name: str | None = None) -> bool:
        """Add one episode; when this returns, the episode outlives the process.

        Args:
            episode: (T, ...) for each key, T >= 1; keys, dtypes and trailing shapes as in the earlier episodes.
            name: Name that its writer made for it, so that an episode that is there already is not added again.

        Returns:
            Whether it was added.

        Raises:
            ConflictError: Another writer has appended meanwhile; open the store again.
            DataError: The episode does not fit or is not finite, the store cannot be appended to, or the disk is full.
                The earlier episodes are then as they were.
        """
        if not self._writable:
            raise DataError(f"{self.path} was opened to read; open it with mode 'a' to append")
        rows = {key: np.asarray(episode[key]) for key in sorted(episode)}
        if not rows or (len(self) and set(rows) != set(self.keys)):
            needed = f"the keys {list(self.keys)}" if len(self) else "at least one key"
            raise DataError(f"an episode of {self.path} needs {needed}, got {list(rows)}")
        lengths = {key: array.shape[0] if array.ndim else 0 for key, array in rows.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise DataError(f"all arrays of an episode must have one length of at least 1 step, got {lengths}")
        for key, array in rows.items():
            self._check(key, array)
        return self._layout.extend(rows, name)

    def attach(self, key: str, blocks: Iterable[NDArray[Any]], attrs: dict[str, Any]) -> None:
        """Put another array beside the others, such as rewards that a model gave; nothing that is there is touched.

        Args:
            key: Its name, which no array has yet.
            blocks: Its rows in order, one a step, in pieces that fit into memory.
            attrs: Where it comes from, in values that JSON has.

        Raises:
            DataError: The store is empty, has such an array or cannot be written, or the rows are not one a step.
                The store is then as it was.
        """
        if not _NAME.fullmatch(key):
            raise DataError(f"array name {key!r} must consist of letters, digits, '_' and '-'")
        if not len(self):
            raise DataError(f"{self.path} holds no episodes yet; nothing can be put beside them")
        if key in self.keys:
            raise DataError(f"{self.path} has an array {key} already; choose another name")
        self._layout.attach(key, blocks, attrs)

    def array_attrs(self, key: str) -> dict[str, Any]:
        """What `attach` or `describe` was told of an array; empty if nothing.

        Args:
            key: One of `keys`.

        Raises:
            ConfigError: No array has that name.
            DataError: What it was told is damaged.
        """
        if key not in self._layout.arrays:
            raise unknown_name(f"array of {self.path}", key, self.keys)
        with reading(self.path / "data" / key / ".zattrs"):
            return dict(self._layout.arrays[key].attrs.asdict())

    def describe(self, key: str, attrs: dict[str, Any]) -> None:
        """Remember something about an array of the episodes.

        Args:
            key: One of `keys`.
            attrs: In values that JSON has; takes the place of what was remembered.

        Raises:
            ConfigError: No array has that name.
            DataError: The store was opened to read, or cannot be written.
        """
        if key not in self._layout.arrays:
            raise unknown_name(f"array of {self.path}", key, self.keys)
        if not self._writable:
            raise DataError(f"{self.path} was opened to read; open it with mode 'a' to describe its arrays")
        self._layout.describe(key, attrs)

    def fingerprint(self) -> str:
        """Name the present content, the same for a copy wherever it lies.

        It covers attributes, keys, dtypes and shapes, the ends of episodes, and the bytes of all rows; of chunk files
        above 1 MiB, which other programs may have written, their size and their first and last 64 KiB.

        Returns:
            16 hexadecimal digits.

        Raises:
            DataError: A file of the store is gone.
        """
        shapes = {key: [array.dtype.str, array.shape[1:]] for key, array in self._layout.arrays.items()}
        digest = hashlib.sha256(json.dumps([self.attrs, shapes], sort_keys=True).encode())
        digest.update(self._layout.ends.tobytes())
        with reading(self.path):
            for name, stat in self._layout.chunk_files():
                digest.update(f"{name} {stat.st_size}\n".encode())
                with (self.path / name).open("rb") as file:
                    if stat.st_size <= _WHOLE:
                        digest.update(file.read())
                    else:
                        digest.update(file.read(_PART))
                        file.seek(-_PART, os.SEEK_END)
                        digest.update(file.read())
        return digest.hexdigest()[:16]

    def _check(self, key: str, array: NDArray[Any]) -> None:
        """Check one array of a new episode against what can be stored and what is."""
        if not _NAME.fullmatch(key):
            raise DataError(f"episode key {key!r} must consist of letters, digits, '_' and '-'")
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise DataError(f"episode[{key!r}] must hold bool, int or float numbers, got {array.dtype}")
        if not np.isfinite(array).all():
            step = int(np.argwhere(~np.isfinite(array))[0][0])
            raise DataError(f"episode[{key!r}] is not finite at step {step}; every number of an episode must be")
        stored = self._layout.arrays.get(key)
        if stored is not None and (array.dtype, array.shape[1:]) != (stored.dtype, stored.shape[1:]):
            raise DataError(
                f"episode[{key!r}] must be {stored.dtype} of shape {('T', *stored.shape[1:])} as in the earlier "
                f"episodes, got {array.dtype} of shape {array.shape}"
            )


def no_dataset(path: str | Path, setting: str = "") -> DataError:
    """Build the error for recordings that are not there.

    Args:
        path: Where they were looked for.
        setting: Full name of the setting that names them; empty if none does.

    Returns:
        The error, to be raised by the caller.
    """
    named = f", which {setting}= names" if setting else ""
    return DataError(f"no dataset at {path}{named}; robopref collect run=<folder> records one, <folder>/demos.zarr")
