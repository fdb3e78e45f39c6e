"""Files of JSON objects, one a line, of which each is read and named by its place."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from robopref.errors import DataError
from robopref.files import require_file
from robopref.plain_json import GivenTwiceError, plain_json


@contextlib.contextmanager
def located(place: str) -> Generator[None]:
    """Put `place` before the message of a `DataError`."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{place}: {error}") from error


def read_places(path: Path, expected: str) -> Iterator[tuple[str, str]]:
    """Read the lines of a file; blank ones are skipped.

    Args:
        path: The file.
        expected: What it should hold, for messages.

    Yields:
        The place, ``file:line``, and the line.

    Raises:
        DataError: The file cannot be read.
    """
    require_file(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot read ({cause}); expected {expected}") from error
    yield from ((f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip())


def json_object(line: str, expected: str) -> dict[str, Any]:
    """Read a line that holds an object.

    Args:
        line: The line.
        expected: What it should be, for messages.

    Raises:
        DataError: It is something else.
    """
    try:
        stored = plain_json(line)
    except GivenTwiceError as error:
        raise DataError(f"expected {expected}; it {error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected {expected}, got no JSON ({error})") from error
    if not isinstance(stored, dict):
        raise DataError(f"expected {expected}, got {line[:80]}")
    return stored
