"""JSON of files that people write: a key that is given twice is refused, and not taken as it was given last."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


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
    """The message, with the lines; they are looked for by reading it as YAML, which nearly all JSON is."""
    nowhere = f"gives {_shown(key)} twice; leave one of them out"
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    if "\n" not in said.strip():  # of a file with an object a line, whose line is said by whoever reads it
        return nowhere
    try:
        waiting: list[yaml.Node] = [yaml.compose(said, yaml.CSafeLoader)]
    except yaml.YAMLError:
        return nowhere
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            lines = [at.start_mark.line + 1 for at, _ in node.value if at.value == key]
            if len(lines) > 1:
                return given_twice(key, *lines[:2])
            waiting += [value for _, value in node.value]
    return nowhere


def _shown(key: object) -> str:
    return repr(re.sub(r"\s+", " ", str(key))[:60])
