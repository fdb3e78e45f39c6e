"""A dataset of any format as a stream of episodes, and how files are read and written safely."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref import files
from robopref.data.damage import DAMAGE, unreadable
from robopref.errors import DataError, RoboprefError
from robopref.records import OBSERVED

Episode = dict[str, NDArray[Any]]

FLAGS = ("terminated", "truncated")


@dataclass(frozen=True)
class Dataset:
    """Episodes that are read one at a time, as often as somebody iterates; every one is checked as it comes.

    Attributes:
        path: Where they come from.
        attrs: What is remembered about the data, in values that JSON has. ``observations`` lists arrays that were
            observed beside `OBSERVED`, for formats that keep observations apart; ``arrays`` says what is remembered
            of single arrays, by name.
        count: Number of episodes.
        load: Reads them, (T, ...) for each name.
        notes: What of the files is not in the episodes, or stands there for something else; a line each, for people.
    """

    path: Path
    attrs: Mapping[str, Any]
    count: int
    load: Callable[[], Iterator[Episode]]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Episode]:
        """Read the episodes.

        Raises:
            DataError: An episode is damaged, or its arrays are not like those of the first.
        """
        likeness: dict[str, tuple[Any, ...]] | None = None
        for number, episode in enumerate(self.load()):
            self._check_lengths(number, episode)
            mine = {key: (array.dtype.str, array.shape[1:]) for key, array in episode.items()}
            likeness = likeness or mine
            if mine != likeness:
                raise DataError(f"{self.path}: episode {number} is unlike the first: {_unlike(likeness, mine)}")
            yield {key: episode[key] for key in sorted(episode)}

    def first(self) -> Episode:
        """The first episode.

        Raises:
            DataError: There is none.
        """
        for episode in self:
            return episode
        raise DataError(f"{self.path} holds no episodes")

    def mapped(self, change: Callable[[Episode], Episode]) -> Dataset:
        """The same dataset with every episode changed alike."""
        return replace(self, load=lambda: map(change, self))

    def without(self, names: Iterable[str]) -> Dataset:
        """The same dataset without some arrays, which are gone before anything is checked."""
        gone = set(names)
        if not gone:
            return self
        return replace(
            self,
            load=lambda: ({key: held for key, held in episode.items() if key not in gone} for episode in self.load()),
        )

    def _check_lengths(self, number: int, episode: Episode) -> None:
        lengths = {key: len(array) if array.ndim else 0 for key, array in episode.items()}
        if len(set(lengths.values())) == 1 and 0 not in lengths.values():
            return
        steps = lengths.get("action", Counter(lengths.values()).most_common(1)[0][0] if lengths else 0)
        odd = sorted(key for key, length in lengths.items() if length != steps or not length)
        way = f"; leave out what is not one row a step with drop=[{','.join(odd)}]" if len(odd) < len(lengths) else ""
        raise DataError(
            f"{self.path}: arrays of episode {number} must have one length of at least 1 step, got {lengths}{way}"
        )


def observed(keys: Iterable[str], attrs: Mapping[str, Any]) -> list[str]:
    """Which arrays are observations.

    Args:
        keys: Names of all arrays.
        attrs: Of the dataset.

    Returns:
        Those of `OBSERVED` and of ``attrs["observations"]``, sorted.
    """
    told = attrs.get("observations")
    others = [name for name in told if isinstance(name, str)] if isinstance(told, list) else []
    return sorted(set(keys) & {*OBSERVED, *others})


def with_observations(attrs: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Attributes that remember which arrays were observed, if their names do not say so.

    Args:
        attrs: The attributes.
        keys: Names of the observed arrays.

    Returns:
        The attributes.
    """
    others = sorted(set(keys) - set(OBSERVED))
    return {**attrs, "observations": others} if others else dict(attrs)


def as_flags(episode: Episode, path: Path) -> Episode:
    """Ends of episodes as booleans, which some formats store as numbers.

    Args:
        episode: Its arrays.
        path: For errors.

    Returns:
        The episode.

    Raises:
        DataError: A flag is neither 0 nor 1.
    """
    for key in set(FLAGS) & set(episode):
        flag = episode[key]
        if flag.dtype != np.bool_:
            if not np.isin(flag, (0, 1)).all():
                raise DataError(f"{path}: {key} must be 0 or 1 at each step, got {np.unique(flag)[:5].tolist()}")
            episode[key] = flag.astype(np.bool_)
    return episode


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Generator[None]:
    """Turn what a damaged file makes libraries raise into a `DataError`.

    Args:
        path: The file.
        kind: What it should be.
    """
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, RoboprefError):
            raise
        raise unreadable(path, kind, error) from error


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Write a file or a folder as a whole or not at all.

    Args:
        path: What does not exist yet; its parents are made.

    Yields:
        Where to write.

    Raises:
        DataError: It exists, or cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise DataError(f"{path} exists already; choose another path, or move it away")
    with files.replacing(path) as building:
        try:
            yield building
        except DataError as error:  # of what is written for a while under another name
            raise type(error)(str(error).replace(str(building), str(path))) from error


def _unlike(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    parts = [f"no {key}" for key in sorted(set(first) - set(other))]
    parts += [f"{key} besides" for key in sorted(set(other) - set(first))]
    parts += [
        f"{key} is {np.dtype(other[key][0])} {other[key][1]}, not {np.dtype(first[key][0])} {first[key][1]}"
        for key in sorted(set(first) & set(other))
        if first[key] != other[key]
    ]
    mine, theirs = set(first), set(other)
    if odd := sorted(mine ^ theirs):
        parts.append(f"leave out what not every episode has with drop=[{','.join(odd)}]")
    return ", ".join(parts)
