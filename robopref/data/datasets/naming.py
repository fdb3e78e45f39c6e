"""Names of arrays here and in other formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from robopref.data.datasets.dataset import Episode
from robopref.errors import ConfigError, DataError, unknown_name

Chosen = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Choices:
    """What a user says about files that do not say it themselves.

    Attributes:
        names: For a name here the name in the file, or several whose values are put end to end.
        fps: Steps a second, for formats that tell the time; None takes it from the attributes of the data.
        pictures: ``png`` keeps every pixel of an image; ``video`` is small.
        final: What stands for an observation after the last action that the data lack: ``refuse`` to write without it,
            or ``repeat`` the last one.
        max_steps: Steps of the longest episode, for files that do not mark where one was cut off.
        mask: Filter key of robomimic whose demonstrations to read; empty reads all.

    Raises:
        ConfigError: A value is out of range.
    """

    names: Chosen = field(default_factory=dict[str, str])
    fps: int | None = None
    pictures: Literal["png", "video"] = "png"
    final: Literal["refuse", "repeat"] = "refuse"
    max_steps: int | None = None
    mask: str = ""

    def __post_init__(self) -> None:
        for name in ("fps", "max_steps"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"{name} must be 1 or more, got {value}")
        for name, allowed in (("pictures", ("png", "video")), ("final", ("refuse", "repeat"))):
            if (value := getattr(self, name)) not in allowed:
                raise unknown_name(f"choice of {name}", str(value), allowed)


class Names:
    """A table of names that a format has and a user may change.

    Args:
        usual: For a name here the usual one of the format.
        chosen: What the user says instead; it replaces every usual entry that it conflicts with.
    """

    def __init__(self, usual: Mapping[str, str], chosen: Chosen) -> None:
        self.chosen = {ours: (theirs,) if isinstance(theirs, str) else tuple(theirs) for ours, theirs in chosen.items()}
        taken = {name for theirs in self.chosen.values() for name in theirs}
        kept = {ours: (theirs,) for ours, theirs in usual.items() if ours not in self.chosen and theirs not in taken}
        self.table: dict[str, tuple[str, ...]] = {**kept, **self.chosen}

    def check(self, there: Iterable[str], path: Path) -> None:
        """See that a file has what the user named.

        Args:
            there: Names in the file.
            path: The file.

        Raises:
            ConfigError: It has not.
        """
        names = set(there)
        for theirs in self.chosen.values():
            for name in theirs:
                if name not in names:
                    raise unknown_name(f"array of {path}", name, names)

    def inward(self, arrays: Episode, path: Path) -> Episode:
        """Arrays of a file by their names here.

        Args:
            arrays: (T, ...) by their names in the file.
            path: The file.

        Returns:
            The same arrays; those that the table does not know keep their name.

        Raises:
            DataError: Two arrays would have one name.
        """
        found: Episode = {}
        used: set[str] = set()
        for ours, theirs in self.table.items():
            if set(theirs) <= set(arrays):
                parts = [arrays[name] for name in theirs]
                if len(parts) > 1:
                    parts = [np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)]
                found[ours] = parts[0]
                used.update(theirs)
        for name, array in arrays.items():
            key = re.sub(r"[^\w-]", "_", name, flags=re.ASCII)
            if name in used:
                continue
            if key in found:
                raise clash(path, key)
            found[key] = array
        return found

    def back(self, name: str) -> str:
        """The name here of an array of a file, if it is not one of several that are joined."""
        known = {theirs: ours for ours, theirs in self.table.items()}
        return known.get((name,), re.sub(r"[^\w-]", "_", name, flags=re.ASCII))

    def outward(self, key: str) -> str:
        """The name in a file of an array.

        Args:
            key: Name here.

        Returns:
            The name that the table has, else the same.

        Raises:
            ConfigError: The table has several.
        """
        theirs = list(self.table.get(key, (key,)))
        if len(theirs) != 1:
            raise ConfigError(f"{key} was named {', '.join(theirs)}; values can be joined when reading, not split")
        return theirs[0]


def clash(path: Path, key: str) -> DataError:
    """Build the error for two arrays of one name.

    Args:
        path: Where they are.
        key: The name.

    Returns:
        The error, to be raised by the caller.
    """
    return DataError(
        f"{path}: two arrays would be called {key}; give one of them another name with names.<array>=<name in the file>"
    )


def refuse(kind: str, key: str, array: Any, why: str) -> DataError:
    """Build the error for an array that a format cannot hold.

    Args:
        kind: Name of the format.
        key: Name of the array.
        array: (T, ...).
        why: What the format can hold.

    Returns:
        The error, to be raised by the caller.
    """
    shape = ("T", *array.shape[1:])
    return DataError(
        f"{kind} cannot hold {key}, {array.dtype} of shape ({', '.join(map(str, shape))}): {why}. Leave it out with "
        f"drop=[{key}], or choose another format"
    )


def need(kind: str, key: str, there: Iterable[str], foreign: str) -> DataError:
    """Build the error for an array that a format cannot do without.

    Args:
        kind: Name of the format.
        key: Name of the array.
        there: Names of the arrays that there are.
        foreign: What the format calls it.

    Returns:
        The error, to be raised by the caller.
    """
    remedy = f"Name another array for it with rename.<array>={foreign}"
    if key in ("reward", "terminated", "truncated"):
        remedy = f"fill=[{key}] adds {'zeros' if key == 'reward' else 'it from the ends of the episodes'}"
    return DataError(f"{kind} needs {key} ({foreign}); there are {', '.join(sorted(there))}. {remedy}")
