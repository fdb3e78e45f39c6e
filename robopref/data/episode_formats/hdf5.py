"""HDF5 files; h5py is imported here only, and not before it is needed."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Collection, Generator, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robopref.data.claims import check_claim
from robopref.data.episode_formats.dataset import Episode, reading
from robopref.errors import DataError, DependencyError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHUNK_BYTES = 1 << 18
_DEEPEST, _MOST = 32, 1 << 20  # groups within one another, and members of all together


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
        with _Disk(path) as disk:
            try:
                # In the format of HDF5 1.8 attributes can be larger than 64 KiB.
                with h5py.File(disk, "w", libver=("v108", "v108")) as file:
                    written: Any = file
                    written.disk = disk
                    yield written
            finally:
                disk.confirm()
        return
    with reading(path, kind):
        if not path.is_file():
            raise DataError(f"{path}: no such file; expected {kind}")
        with h5py.File(path, "r") as file:
            yield file


class _Disk(io.RawIOBase):
    """A file for h5py to write to, which never sees the disk refuse.

    HDF5 cannot close a file that it cannot complete, and crashes when the process ends. So what comes after the first
    error goes nowhere, and `confirm` raises it, from outside of HDF5.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._at = self._end = 0
        self.error: OSError | None = None

    def confirm(self) -> None:
        """Raise what the disk refused."""
        if self.error is not None:
            raise self.error

    def write(self, data: Any) -> int:
        """Write where the position is."""
        content = memoryview(data).cast("B")
        if self.error is None:
            try:
                done = 0
                while done < len(content):
                    done += os.pwrite(self._file.fileno(), content[done:], self._at + done)
            except OSError as error:
                self.error = error
        self._at += len(content)
        self._end = max(self._end, self._at)
        return len(content)

    def readinto(self, buffer: Any) -> int:
        """Read where the position is; zeros where nothing could be written."""
        room = memoryview(buffer).cast("B")
        count = max(0, min(len(room), self._end - self._at))
        found = os.pread(self._file.fileno(), count, self._at)
        room[:count] = found.ljust(count, b"\0")
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def truncate(self, size: int | None = None) -> int:
        """Cut off, or lengthen by zeros."""
        self._end = self._at if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self._file.fileno(), self._end)
            except OSError as error:
                self.error = error
        return self._end

    def readable(self) -> bool:
        """It can be read."""
        return True

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It has a position."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def confirm(file: Any) -> None:
    """See that what was written to a file so far is on the disk.

    Args:
        file: From `opened`.

    Raises:
        OSError: The disk refused.
    """
    file.disk.confirm()


def member(group: Any, name: str) -> Any:
    """What a group holds by a name, if it is in the same file.

    Args:
        group: The group.
        name: Of one of its members; with slashes, of one within those.

    Returns:
        The h5py group or dataset.

    Raises:
        DataError: It is linked to elsewhere, its numbers are in other files, or there is none.
    """
    import h5py

    low: Any = h5py
    for part in name.split("/"):
        place = f"{group.name.rstrip('/')}/{part}"
        try:
            link = group.id.links.get_info(part.encode()).type
        except AttributeError as error:
            raise DataError(f"{group.file.filename}: {group.name} must be a group, it holds numbers") from error
        except (KeyError, RuntimeError) as error:
            raise DataError(f"{group.file.filename}: there is no {place}") from error
        if link != low.h5l.TYPE_HARD:
            raise DataError(
                f"{group.file.filename}: {place} is a link to elsewhere, and only what is in the file itself is read"
            )
        group = group[part]
    if isinstance(group, h5py.Dataset) and (group.external or group.is_virtual):
        raise DataError(f"{group.file.filename}: the numbers of {group.name} are in other files, which are not read")
    return group


def arrays(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The arrays of a group and of the groups within it.

    Args:
        group: The group.
        prefix: Put before the names.

    Yields:
        Name with slashes, and the h5py dataset.

    Raises:
        DataError: Something is not in the file itself, or groups are within themselves or too deep.
    """
    if hasattr(group, "shape"):
        raise DataError(f"{group.file.filename}: {group.name} must be a group of arrays, it is an array itself")
    seen: set[Any] = set()
    waiting = [(group, prefix, 0)]
    count = 0
    while waiting:
        at, before, depth = waiting.pop()
        key = _address(at)
        if key in seen or depth > _DEEPEST or count > _MOST:
            raise DataError(f"{at.file.filename}: groups are within themselves, too deep or too many at {before}")
        seen.add(key)
        inner: list[tuple[Any, str, int]] = []
        for name in at:
            count += 1
            held = member(at, name)
            if hasattr(held, "shape"):
                yield before + name, held
            else:
                inner.append((held, f"{before}{name}/", depth + 1))
        waiting += reversed(inner)


def _address(group: Any) -> Any:
    import h5py

    low: Any = h5py
    return low.h5o.get_info(group.id).addr


def numbers(held: Any) -> bool:
    """Whether an array holds rows of numbers."""
    return bool(held.shape) and held.dtype.kind in "biuf"


def notes(left: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines on arrays of an open file that are not read, because they are text, objects or single values."""
    return tuple(
        f"{name} is not read: it holds {held.dtype} of shape {held.shape}, not a row of numbers a step"
        for name, held in left.items()
    )


def told(held: Any, name: str) -> dict[str, Any]:
    """What an attribute of a group says as JSON, an object; empty if there is none.

    Raises:
        ValueError: It is no JSON.
        TypeError: It is no object.
    """
    found: Any = json.loads(held.attrs[name]) if name in held.attrs else {}
    if not isinstance(found, dict):
        raise TypeError(f"{name} must be an object")
    return found


def plain(value: Any) -> Any:
    """A value of an attribute as JSON has it.

    Args:
        value: As h5py gives it.

    Returns:
        Text, a number, or a list of numbers; None for anything else.
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist() if value.dtype.kind in "biuf" and np.isfinite(value).all() else None
    return value if isinstance(value, str) else None


def load(held: Mapping[str, Any], path: Path, start: int = 0, stop: int | None = None) -> Episode:
    """Read rows of arrays of numbers.

    Args:
        held: h5py datasets by name.
        path: For errors.
        start: First row.
        stop: One past the last row, the end if None.

    Returns:
        The rows by name.

    Raises:
        DataError: One holds text, objects or nothing that has rows; or together they claim more than the file can hold.
    """
    for name, one in held.items():
        if not numbers(one):
            raise DataError(
                f"{path}: {one.name} must hold a row of numbers a step, got {one.dtype} of {one.shape}; leave it out "
                f"with drop=[{name.rpartition('/')[2]}]"
            )
    check(held.values(), path, start, stop)
    return {name: np.asarray(one[start:stop]) for name, one in held.items()}


def check(held: Collection[Any], path: Path, start: int = 0, stop: int | None = None) -> None:
    """See that a file can hold the rows that its arrays claim.

    Raises:
        DataError: It cannot.
    """
    claimed = 0
    for one in held:
        shape = one.shape or (1,)
        rows = shape[0] if stop is None else min(stop, shape[0])
        claimed += max(0, rows - start) * prod(shape[1:]) * max(1, one.dtype.itemsize)
        if one.chunks:  # one chunk at least is unpacked
            check_claim(path, one.name, prod(one.chunks) * one.dtype.itemsize, path.stat().st_size)
    check_claim(path, ", ".join(one.name for one in held), claimed, path.stat().st_size)


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
