"""HDF5 files as D4RL has them (Fu et al. 2020): the steps of all episodes end to end, in one vector of observations.

An episode ends where ``terminals`` (the task ended for good) or ``timeouts`` (it was cut off) is set. What follows the
last action of an episode that was cut off is not in the file, unless it has ``next_observations``; D4RL's own
``qlearning_dataset`` therefore leaves that step out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from robopref.data.episode_formats import hdf5
from robopref.data.episode_formats.dataset import Dataset, Episode, as_flags, replacing
from robopref.data.episode_formats.ends import check_flags, find_ends, with_cut
from robopref.data.episode_formats.naming import Choices, Names, need, refuse, unequal
from robopref.errors import DataError

_KIND = "a D4RL file"
_USUAL = {
    "state": "observations", "next_state": "next_observations", "action": "actions", "reward": "rewards",
    "terminated": "terminals", "truncated": "timeouts",
}  # fmt: skip
_NEEDED = ("action", "reward", "terminated", "truncated")
_METADATA = "metadata"  # a group of the file and an attribute here: who made the data, and the policy that did


def read(path: Path, choices: Choices) -> Dataset:
    """Read a file.

    Args:
        path: The file.
        choices: Names, and the length of the longest episode.

    Returns:
        The dataset; what is within ``infos`` is there by its own name.

    Raises:
        DataError: The file is missing or damaged, its arrays differ in length, or nothing says where episodes end.
        DependencyError: h5py is not installed.
    """
    names = Names(_USUAL, choices.names)
    with hdf5.opened(path, "r", _KIND) as file:
        every = {name: held for name, held in hdf5.arrays(file) if not name.startswith("metadata/")}
        derived = ("truncated",) if choices.max_steps else ()
        wanted = names.choose({name: ("", _short(name)) for name in every}, path, choices.drop, derived)
        left = {name: held for name, held in every.items() if name in wanted and not hdf5.numbers(held)}
        keys = [name for name in every if name in wanted and name not in left]
        for key in keys:
            if key != _short(key) and _short(key) in keys:
                raise DataError(f"{path} has both {key} and {_short(key)}, which would have one name here")
        missing = [name for name in ("observations", "actions") if name not in map(_short, every)]
        if missing:
            raise DataError(f"{path}: no {' and '.join(missing)}; expected {_KIND}, got {', '.join(every)}")
        steps = {key: len(every[key]) for key in keys}
        if len(set(steps.values())) != 1:
            raise unequal(path, {_short(key): length for key, length in steps.items()})
        marks = {
            ours: key
            for ours in ("terminated", "truncated")
            for key in every
            if _short(key) == names.outward(ours) and key not in left
        }
        hdf5.check([every[key] for key in {*keys, *marks.values()}], path)
        flags = {ours: np.asarray(every[key][()]) for ours, key in marks.items()}
        ends = find_ends(flags, next(iter(steps.values())), choices.max_steps, path)
        attrs = hdf5.told(file, "robopref")
        about = {} if attrs or _METADATA not in file else _metadata(hdf5.member(file, _METADATA), path)
        attrs |= {_METADATA: about} if about else {}
        notes = hdf5.notes(left)

    def load() -> Iterator[Episode]:
        start = 0
        for end in ends.tolist():
            # Opened for each episode, so that nobody who stops half-way leaves the file open.
            with hdf5.opened(path, "r", _KIND) as file:
                rows = hdf5.load({key: hdf5.member(file, key) for key in keys}, path, start, end)
            episode = names.inward({_short(key): array for key, array in rows.items()}, path)
            yield with_cut(as_flags(episode, path), choices.max_steps)
            start = end

    return Dataset(path, attrs, len(ends), load, notes)


def write(path: Path, dataset: Dataset, choices: Choices) -> None:
    """Write a file.

    Args:
        path: File that does not exist yet.
        dataset: What to write; arrays that D4RL has no place for go into ``infos``.
        choices: Names.

    Raises:
        DataError: An array is missing, or cannot be held; or flags do not tell where an episode ends.
        DependencyError: h5py is not installed.
    """
    names = Names(_USUAL, choices.names)
    with replacing(path) as building, hdf5.opened(building, "w", _KIND) as file:
        file.attrs["robopref"] = json.dumps(dict(dataset.attrs))
        for name, value in _numbered(dataset.attrs.get(_METADATA)).items():
            file[f"{_METADATA}/{name}"] = value
        growing, number = hdf5.Growing(file), -1
        for number, episode in enumerate(dataset):
            if number == 0:
                _check(names, episode)
            check_flags("d4rl", number, episode)
            for key, array in episode.items():
                name = names.outward(key)
                growing.extend(name if name in _USUAL.values() else f"infos/{name}", array)
            hdf5.confirm(file)
        if number < 0:
            raise DataError(f"{dataset.path} holds no episodes")


def _metadata(group: Any, path: Path) -> dict[str, Any]:
    """What is told of the data: text as it is, numbers with their type, by their places in the group."""
    held = dict(hdf5.arrays(group))
    hdf5.check(list(held.values()), path)
    found: dict[str, Any] = {}
    for name, one in held.items():
        value = one[()]
        if one.dtype.kind in "biuf":
            found[name] = {"dtype": one.dtype.str, "values": np.asarray(value).tolist()}
        elif (text := hdf5.plain(value)) is not None:
            found[name] = text
    return found


def _numbered(held: Any) -> dict[str, Any]:
    """Inverse of `_metadata`; empty for an attribute that is something else."""
    if not isinstance(held, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name, value in cast("Mapping[str, Any]", held).items():
        if isinstance(value, str):
            found[name] = value
            continue
        try:
            kind = np.dtype(value["dtype"])
            found[name] = np.asarray(value["values"], dtype=kind)
        except (KeyError, TypeError, ValueError, OverflowError):
            return {}
        if kind.kind not in "biuf":
            return {}
    return found


def _check(names: Names, episode: Episode) -> None:
    for key in _NEEDED:
        if key not in episode:
            raise need("d4rl", key, episode, _USUAL[key])
    if "observations" not in map(names.outward, episode):
        raise need("d4rl", "observations", episode, "observations")
    for key, array in episode.items():
        if array.ndim > 2:
            raise refuse("d4rl", key, array, "it holds a number or a vector a step")


def _short(key: str) -> str:
    return key.removeprefix("infos/")
