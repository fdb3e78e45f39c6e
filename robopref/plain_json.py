"""JSON of files that people write: a key that is given twice is refused, and not taken as it was given last."""

from __future__ import annotations

import json
import re
from typing import Any

_PARTS = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[\[\]{}]', re.DOTALL)


class GivenTwiceError(ValueError):
    """An object that gives a key twice, of which all but the last would be lost."""


def plain_json(text: str | bytes) -> Any:
    """Plain values of JSON.

    Args:
        text: The JSON.

    Raises:
        GivenTwiceError: An object gives a key twice; the message names the key, and both lines.
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except GivenTwiceError as error:
        raise GivenTwiceError(_placed(text, str(error))) from error


def given_twice(key: object, first: int, second: int) -> str:
    """What is said of a key that is given twice, in which lines counted from 1."""
    where = f"line {first}" if first == second else f"lines {first} and {second}"
    return f"gives {_shown(key)} twice, in {where}; leave one of them out"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        raise GivenTwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return found


def _placed(text: str | bytes, key: str) -> str:
    """The message, with the lines; as far as the key that is given twice, it is JSON."""
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    # Of a file with an object a line, the line is said by whoever reads it.
    lines = _lines_of(said, key) if "\n" in said.strip() else None
    return f"gives {_shown(key)} twice; leave one of them out" if lines is None else given_twice(key, *lines)


def _lines_of(said: str, key: str) -> tuple[int, int] | None:
    """Both lines of a key, by its parts alone: a parser of trees could be led in circles by what comes after."""
    first = list[int | None]()  # where each object or list around a place gives the key
    for part in _PARTS.finditer(said):
        if part[0] in "[{":
            first.append(None)
        elif part[0] in "]}":
            if not first:
                return None
            first.pop()
        elif first and part[2] is not None and _meant(part[1]) == key:
            line = said.count("\n", 0, part.start()) + 1
            if (before := first[-1]) is not None:
                return before, line
            first[-1] = line
    return None


def _meant(quoted: str) -> str:
    return json.loads(quoted, strict=False) if "\\" in quoted else quoted[1:-1]


def _shown(key: object) -> str:
    return repr(re.sub(r"\s+", " ", str(key))[:60])
