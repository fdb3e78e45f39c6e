"""Memory-mapped copy of an episode store, for training: a random batch costs a few page reads instead of whole chunks.

A cache lies in ``<store>.cache/<fingerprint>/<key>.npy``. The fingerprint names the content of the store, so a cache
can be thrown away at any time and is never out of date.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.data.damage import DAMAGE
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, unknown_name
from robopref.files import replacing, require_file

_BLOCK_BYTES = 1 << 25
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class ReplayCache:
    """Arrays of a store, mapped into memory and read-only; made by `build`.

    Attributes:
        folder: Where the ``.npy`` files are.
        attrs: Attributes of the store.
        episode_ends: (episodes,) int64, one past the last step of each episode.
    """

    def __init__(self, folder: Path, arrays: dict[str, NDArray[Any]], store: EpisodeStore) -> None:
        self.folder = folder
        self.attrs = store.attrs
        self.episode_ends = store.episode_ends
        self._arrays = arrays
        self._steps = store.steps

    @classmethod
    def build(
        cls, store: EpisodeStore, keys: Iterable[str] | None = None, folder: str | Path | None = None
    ) -> ReplayCache:
        """Copy what is not yet copied, and delete the copies of what the store held earlier.

        Args:
            store: The episodes; must hold at least one.
            keys: Which arrays; all of them if None. Arrays that other builds asked for are kept.
            folder: Where to keep caches of this store; ``<store>.cache`` if None.

        Returns:
            The cache.

        Raises:
            DataError: The store is empty or damaged, or the disk is full.
            ConfigError: The store has no array of that name.
        """
        if not len(store):
            raise DataError(f"{store.path} holds no episodes yet; collect some before training on it")
        names = store.keys if keys is None else tuple(dict.fromkeys(keys))
        base = store.path.with_name(f"{store.path.name}.cache") if folder is None else Path(folder)
        target = base / store.fingerprint()
        try:
            target.mkdir(parents=True, exist_ok=True)
            for other in base.iterdir():
                if other.name != target.name and _FINGERPRINT.fullmatch(other.name):
                    _discard(other)
            arrays = {key: _mapped(store, key, target / f"{key}.npy") for key in names}
        except OSError as error:
            raise DataError(
                f"{target}: cannot write the training cache ({error.strerror or error}); "
                "free space, or keep it in another folder"
            ) from error
        return cls(target, arrays, store)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays in this cache."""
        return tuple(self._arrays)

    def __len__(self) -> int:
        """Number of steps."""
        return self._steps

    def __getitem__(self, key: str) -> NDArray[Any]:
        """(steps, ...) memory map, read-only, in the stored dtype."""
        if key not in self._arrays:
            raise unknown_name(f"array of {self.folder}", key, self._arrays)
        return self._arrays[key]

    def rows(self, indices: ArrayLike, keys: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Copy chosen steps.

        Args:
            indices: Integers of any shape S, each in [0, steps).
            keys: Which arrays; all of the cache if None.

        Returns:
            (*S, ...) for each key, writable.

        Raises:
            DataError: An index lies outside the cache; a negative one does not count from the end.
            ConfigError: The cache has no array of that name.
        """
        index = np.asarray(indices, dtype=np.int64)
        if index.size and (index.min() < 0 or index.max() >= self._steps):
            raise DataError(
                f"steps {index.min()}..{index.max()} are not within the {self._steps} steps of {self.folder}"
            )
        return {key: np.asarray(self[key])[index] for key in (self.keys if keys is None else keys)}


def cache_folder(store: EpisodeStore, otherwise: Path | None) -> Path | None:
    """Where caches of a store are kept if nothing can be written beside it, as on a disk that many share.

    Args:
        store: The episodes.
        otherwise: Folder that can be written; None leaves them beside the store.

    Returns:
        A folder within that one; None, the usual place, if that can be written.
    """
    beside = store.path.parent
    return None if otherwise is None or os.access(beside, os.W_OK) else otherwise / f"{store.path.name}.cache"


def _discard(folder: Path) -> None:
    """Remove a copy, and nothing else that may lie there; maps that are in use outlive their file."""
    if folder.is_dir() and not folder.is_symlink():
        for file in folder.glob("*.npy"):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds more than a copy
            folder.rmdir()


def _mapped(store: EpisodeStore, key: str, path: Path) -> NDArray[Any]:
    """Map one array, copying it first if there is no whole copy."""
    row = store.array(key, 0, 0)
    shape, dtype = (store.steps, *row.shape[1:]), row.dtype
    require_file(path)
    try:
        mapped: Any = np.load(path, mmap_mode="r")
    except DAMAGE:
        mapped = None  # writing anew says what is in the way, if anything is
    if isinstance(mapped, np.ndarray) and (mapped.shape, mapped.dtype) == (shape, dtype):
        return mapped
    _copy(store, key, path, shape, dtype)
    return np.load(path, mmap_mode="r")


def _copy(store: EpisodeStore, key: str, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write a ``.npy`` file in blocks; not through a memory map, where a full disk would kill the process."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    rows = max(1, _BLOCK_BYTES * shape[0] // max(1, int(np.prod(shape)) * dtype.itemsize))
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, shape[0], rows):
            block = store.array(key, start, min(start + rows, shape[0]))
            if block.dtype.kind == "f" and not np.isfinite(block).all():
                step = start + int(np.argwhere(~np.isfinite(block))[0][0])
                raise DataError(
                    f"{key} of {store.path} is not finite at step {step}; mend the data, or leave the array out with "
                    f"read.drop=[{key}]"
                )
            file.write(block.tobytes())
