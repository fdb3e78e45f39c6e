"""A file that lines are appended to."""

from __future__ import annotations

import os
from pathlib import Path

from robopref.errors import DataError
from robopref.files import open_to_append, remedy


class LineFile:
    """A line is in the system's hands when it is written.

    Args:
        path: File to append to; its folder is made.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_to_append(path)
        size = os.fstat(self._file).st_size
        # Half a line, which a full disk left, must not take the next one along.
        self._before = b"" if not size or os.pread(self._file, 1, size - 1) == b"\n" else b"\n"

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
        content = self._before + line.encode() + b"\n"
        try:
            written = os.write(self._file, content)
        except OSError as error:
            raise DataError(f"cannot write {self.path} ({error.strerror}); {remedy(error)}") from error
        self._before = b"" if written == len(content) else b"\n"
        if self._before:
            raise DataError(f"cannot write {self.path} (only {written} of {len(content)} bytes); free space")

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        if not self.closed:
            os.close(self._file)
            self._file = -1
