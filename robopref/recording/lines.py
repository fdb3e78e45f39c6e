"""A file that lines are appended to."""

from __future__ import annotations

import os
from pathlib import Path

from robopref.errors import DataError


class LineFile:
    """A line is in the system's hands when it is written.

    Args:
        path: File to append to; its folder is made.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataError(f"cannot write {path} ({error.strerror}); choose another folder") from error

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file < 0

    def write(self, line: str) -> None:
        """Append a line.

        Args:
            line: Without its end.

        Raises:
            DataError: The disk refused.
        """
        try:
            os.write(self._file, line.encode() + b"\n")
        except OSError as error:
            raise DataError(f"cannot write {self.path} ({error.strerror}); free space") from error

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        if not self.closed:
            os.close(self._file)
            self._file = -1
