"""Names of arrays here and in other formats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from robopref.data.episode_formats.dataset import Episode
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
        drop: Names here of arrays that are left where they are.
        colours: Whether the colours of points are read as well; without, clouds are of positions alone.
        progress: Array that is written as LeRobot's measure of progress, too, one number a step; None writes none.

    Raises:
        ConfigError: A value is out of range.
    """

    names: Chosen = field(default_factory=dict[str, str])
    fps: int | None = None
    pictures: Literal["png", "video"] = "png"
    final: Literal["refuse", "repeat"] = "refuse"
    max_steps: int | None = None
    mask: str = ""
    drop: Sequence[str] = ()
    colours: bool = True
    progress: str | None = None

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

    def choose(
        self, there: Mapping[str, tuple[str, str]], path: Path, drop: Iterable[str] = (), derived: Iterable[str] = ()
    ) -> set[str]:
        """See that a file has what the user named, and choose what is read of it.

        Args:
            there: For each array of the file what its name here begins with, such as ``next_``, and its name within
                its group.
            path: The file.
            drop: Names here of arrays that are not to be read.
            derived: Names here of arrays that the reader makes of others.

        Returns:
            The arrays that are to be read.

        Raises:
            ConfigError: The file has no array of such a name.
        """
        shorts = {short for _, short in there.values()}
        for ours, theirs in self.chosen.items():
            self.chosen[ours] = tuple(_meant(name, there, path) for name in theirs)
        taken = {name for theirs in self.chosen.values() for name in theirs} & shorts
        kept = {ours: theirs for ours, theirs in self.table.items() if not taken & set(theirs)}
        self.table = {**kept, **self.chosen}
        known = {name: ours for ours, theirs in self.table.items() for name in theirs}
        here = {full: before + known.get(short, _plain(short)) for full, (before, short) in there.items()}
        for name in drop:
            if name not in here.values() and name not in derived:
                raise unknown_name(f"array of {path}", name, {*here.values(), *derived})
        return {full for full, ours in here.items() if ours not in drop}

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
            key = _plain(name)
            if name in used:
                continue
            if key in found:
                raise clash(path, key)
            found[key] = array
        return found

    def back(self, name: str) -> str:
        """The name here of an array of a file, if it is not one of several that are joined."""
        known = {theirs: ours for ours, theirs in self.table.items()}
        return known.get((name,), _plain(name))

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


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name, flags=re.ASCII)


def _meant(name: str, there: Mapping[str, tuple[str, str]], path: Path) -> str:
    """The name within its group of an array that a user means, who may say all of it, its end, or its name here."""
    shorts = {short for _, short in there.values()}
    if name in shorts:
        return name
    near = {
        short
        for full, (_, short) in there.items()
        if name in (full, _plain(short)) or short.endswith(f"/{name}")
    }  # fmt: skip
    if len(near) != 1:
        raise unknown_name(f"array of {path}", name, near or shorts)
    return near.pop()


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


def unequal(path: Path, steps: Mapping[str, int]) -> DataError:
    """Build the error for arrays that have not one row a step.

    Args:
        path: Where they are.
        steps: Rows of each.

    Returns:
        The error, to be raised by the caller.
    """
    usual = Counter(steps.values()).most_common(1)[0][0]
    odd = ",".join(sorted(name for name, count in steps.items() if count != usual))
    return DataError(f"{path}: arrays must have one length, got {dict(steps)}; drop=[{odd}] leaves out what differs")


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
    if key == "action" and (parts := sorted(name for name in there if name.startswith("action"))):
        remedy = f"names.action=[{','.join(parts)}] puts its parts end to end"
    if key in ("reward", "terminated", "truncated"):
        remedy = f"fill=[{key}] adds {'zeros' if key == 'reward' else 'it from the ends of the episodes'}"
    return DataError(f"{kind} needs {key} ({foreign}); there are {', '.join(sorted(there))}. {remedy}")
