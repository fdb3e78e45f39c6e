"""HDF5 files; h5py is imported here only, and not before it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robopref.data.datasets.dataset import reading
from robopref.errors import DataError, DependencyError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHUNK_BYTES = 1 << 18


@contextlib.contextmanager
def opened(path: Path, mode: Literal["r", "w"], kind: str) -> Generator[Any]:
    """Open a file.

    Args:
        path: The file.
        mode: ``r`` to read, ``w`` to write.
        kind: What the file should be, for errors.

    Yields:
        The h5py file.

    Raises:
        DataError: It is damaged.
        DependencyError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise DependencyError("HDF5 files need h5py; install it with: pip install 'robopref[formats]'") from error
    if mode == "w":
        with h5py.File(path, "w") as file:
            yield file
        return
    with reading(path, kind), h5py.File(path, "r") as file:
        yield file


def arrays(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The arrays of a group and of the groups within it.

    Args:
        group: The group.
        prefix: Put before the names.

    Yields:
        Name with slashes, and the h5py dataset.
    """
    for name in group:
        held = group[name]
        if hasattr(held, "shape"):
            yield prefix + name, held
        else:
            yield from arrays(held, f"{prefix}{name}/")


def load(held: Any, path: Path, start: int = 0, stop: int | None = None) -> NDArray[Any]:
    """Read rows of an array of numbers.

    Args:
        held: The h5py dataset.
        path: For errors.
        start: First row.
        stop: One past the last row, the end if None.

    Returns:
        The rows.

    Raises:
        DataError: It holds text, objects or nothing that has rows.
    """
    if held.dtype.kind not in "biuf" or not held.shape:
        raise DataError(f"{path}: {held.name} must hold a row of numbers a step, got {held.dtype} of {held.shape}")
    return np.asarray(held[start:stop])


class Growing:
    """Arrays of a group that grow by an episode at a time.

    Args:
        group: Where to.
    """

    def __init__(self, group: Any) -> None:
        self.group = group

    def extend(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows to an array, which is made when it is first named.

        Args:
            name: Of the array.
            rows: (T, ...).
        """
        if name not in self.group:
            row_bytes = max(1, rows.dtype.itemsize * int(np.prod(rows.shape[1:])))
            chunks = (max(1, min(_CHUNK_BYTES // row_bytes, 4096)), *(max(1, n) for n in rows.shape[1:]))
            limit = (None, *rows.shape[1:])
            self.group.create_dataset(name, data=rows, maxshape=limit, chunks=chunks)
            return
        held = self.group[name]
        before = len(held)
        held.resize(before + len(rows), axis=0)
        held[before:] = rows
