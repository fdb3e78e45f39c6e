"""Steps of an episode that is still going on: a file that a killed process leaves readable.

The first line says what a record consists of; every record is its checksum and its bytes, all of one length. A record
is handed to the operating system at once, so it outlives the process; what the system has not yet written to the disk
is lost with the power.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.damage import DAMAGE, cause
from robopref.errors import DataError
from robopref.files import remedy, require_file
from robopref.folder_lock import hold, is_at, let_go

_CHECKSUM = np.dtype("<u4")


class Journal:
    """Appends records of one layout to a file, which is held until it is closed.

    Args:
        path: File that does not exist yet.
        first: A record, for the layout; it is not written.
        header: What to remember, in values that JSON has.

    Raises:
        DataError: The file exists, or cannot be written.
    """

    def __init__(self, path: Path, first: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
        self.path, self.count = path, 0
        self._layout = {key: [value.dtype.str, list(value.shape)] for key, value in sorted(first.items())}
        line = json.dumps({**header, "layout": self._layout}, allow_nan=False).encode() + b"\n"
        try:
            self._file = _held(path)
            os.write(self._file, line)
        except OSError as error:
            raise DataError(f"cannot write {path} ({error.strerror}); {remedy(error)}") from error

    def append(self, record: Mapping[str, NDArray[Any]]) -> None:
        """Add a record; it is in the system's hands when this returns.

        Args:
            record: Arrays of the layout.

        Raises:
            DataError: The record has another layout, or cannot be written.
        """
        layout = {key: [value.dtype.str, list(value.shape)] for key, value in sorted(record.items())}
        if layout != self._layout:
            raise DataError(f"{self.path}: a step must hold {self._layout}, got {layout}")
        content = b"".join(np.ascontiguousarray(record[key]).tobytes() for key in self._layout)
        content = zlib.crc32(content).to_bytes(4, "little") + content
        try:
            written = os.write(self._file, content)
        except OSError as error:
            raise DataError(f"cannot write {self.path} ({error.strerror}); {remedy(error)}") from error
        if written != len(content):
            raise DataError(f"cannot write {self.path} (only {written} of {len(content)} bytes); free space")
        self.count += 1

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            let_go(self._file)
            self._file = -1


@contextmanager
def abandoned(path: Path) -> Generator[bool]:
    """Whether nobody writes a journal any more; nobody else takes it up meanwhile.

    Args:
        path: The file.

    Yields:
        False if its writer is at work, or another process takes it up, or did.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        yield False
        return
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}); make it readable, or remove it") from error
    try:
        yield hold(file) and is_at(file, path)
    finally:
        let_go(file)


def _held(path: Path) -> int:
    """A new file that is held; who takes up what is abandoned may have seen it before it was."""
    while True:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        hold(file, wait=True)
        if is_at(file, path):
            return file
        let_go(file)


def read_journal(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the records that were written whole.

    Args:
        path: The file.

    Returns:
        The header, and (T, ...) arrays by name, mapped into memory; T may be 0.

    Raises:
        DataError: It is no journal.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
            offset = file.tell()
        layout = header.pop("layout")
        fields = [(key, np.dtype(code), tuple(shape)) for key, (code, shape) in layout.items()]
        # Anything else is refused before it is read: what is said to be objects would be taken for addresses.
        if strange := [key for key, one, _ in fields if one.base.kind not in "biuf"]:
            raise ValueError(f"{strange[0][:40]} holds no numbers")
        dtype = np.dtype([("checksum", _CHECKSUM), *fields])
        count = (path.stat().st_size - offset) // dtype.itemsize
        # A memory map of nothing is not possible.
        rows = np.memmap(path, dtype, "r", offset, (count,)) if count else np.empty(0, dtype)
    except DAMAGE as error:
        raise DataError(f"{path} is not a journal of steps ({cause(error)}); remove it to go on") from error
    whole = 0
    for row in rows:
        if zlib.crc32(row.tobytes()[_CHECKSUM.itemsize :]) != int(row["checksum"]):
            break
        whole += 1
    if count and not whole:
        raise DataError(f"{path} is damaged: none of its steps is as it was written; remove it to go on")
    return header, {key: rows[key][:whole] for key in layout}
