"""YAML of files that may come from anybody: plain values, and no more of them than the file is long."""

from __future__ import annotations

import reprlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from robopref.errors import DataError
from robopref.files import kind_of
from robopref.plain_json import given_twice

_SHOWN = 200  # letters of what is wrong
_LARGEST = 1_000_000  # bytes of a file
_LONGEST = 100  # letters of a whole number, of which one by sixties (1:30:00) takes the square of its length to read


def plain_yaml(text: str) -> Any:
    """Plain values of YAML.

    Args:
        text: The YAML, of a length that the caller has limited.

    Raises:
        DataError: It is none, is nested too deeply, gives a key twice, or refers to itself; the message says why.
    """
    try:
        return yaml.load(text, _PlainLoader)
    except _GivenTwiceError as error:
        raise DataError(f"it {error}") from error
    except yaml.YAMLError as error:
        raise DataError(" ".join(str(error).split())[:_SHOWN]) from error
    except RecursionError as error:
        raise DataError("it is nested too deeply") from error
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:  # no date, no number, ...
        raise DataError(str(error)[:_SHOWN]) from error


def yaml_file(path: str | Path, kind: str, looks: str = "") -> Any:
    """Plain values of a file that somebody wrote.

    Args:
        path: The file.
        kind: What it is to be, such as ``brief``.
        looks: What one looks like, for messages.

    Raises:
        DataError: It cannot be read, is too large, is no YAML, or gives a key twice.
    """
    path, hint = Path(path), f"; {looks}" if looks else ""
    try:
        if (is_ := kind_of(path)) not in ("", "a file"):  # a pipe would be waited for, a device has no end
            raise DataError(f"the {kind} {path} is {is_}, not a file{hint}")
        if path.stat().st_size > _LARGEST:
            raise DataError(f"the {kind} {path} has more than {_LARGEST:,} bytes{hint}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read the {kind} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the {kind} {path} is no text{hint}") from error
    try:
        return plain_yaml(text)
    except DataError as error:
        if isinstance(error.__cause__, _GivenTwiceError):
            raise DataError(f"the {kind} {path} {error.__cause__}") from error
        mark = getattr(error.__cause__, "problem_mark", None)
        where = f" ({error})" if mark is None else f" in line {mark.line + 1}"
        raise DataError(f"the {kind} {path} is no YAML{where}{hint}") from error


def shortened(value: Any) -> str:
    """A value as an error shows it, in a few words."""
    # The whole of a value that refers to itself over and over could be endless.
    said = reprlib.repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


class _GivenTwiceError(yaml.YAMLError):
    """A mapping that gives a key twice, of which all but the last would be lost."""


class _PlainLoader(yaml.SafeLoader):
    """YAML without references, of which a few lines can stand for any amount of memory, and with each key once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to itself")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        lines = dict[Any, int]()
        for at, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key, line = self.construct_object(at, deep=True), at.start_mark.line + 1
            if isinstance(key, Hashable):
                if key in lines:
                    raise _GivenTwiceError(given_twice(key, lines[key], line))
                lines[key] = line
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: Any) -> int:
        if len(node.value) > _LONGEST:
            raise ValueError("a whole number is too large")
        value = super().construct_yaml_int(node)
        if abs(value) >= 2**63:  # of which no float may be made, and no text
            raise ValueError("a whole number is too large")
        return value


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
