"""HDF5 files as D4RL has them (Fu et al. 2020): the steps of all episodes end to end, in one vector of observations.

An episode ends where ``terminals`` (the task ended for good) or ``timeouts`` (it was cut off) is set. What follows the
last action of an episode that was cut off is not in the file, unless it has ``next_observations``; D4RL's own
``qlearning_dataset`` therefore leaves that step out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from robopref.data.datasets import hdf5
from robopref.data.datasets.dataset import Dataset, Episode, as_flags, replacing
from robopref.data.datasets.ends import check_flags, find_ends, with_cut
from robopref.data.datasets.naming import Choices, Names, need, refuse
from robopref.errors import DataError

_KIND = "a D4RL file"
_USUAL = {
    "state": "observations", "next_state": "next_observations", "action": "actions", "reward": "rewards",
    "terminated": "terminals", "truncated": "timeouts",
}  # fmt: skip
_NEEDED = ("action", "reward", "terminated", "truncated")


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
    with hdf5.opened(path, "r", _KIND) as file:
        found = {
            name: held
            for name, held in hdf5.arrays(file)
            if not name.startswith("metadata/") and held.shape and held.dtype.kind in "biuf"
        }
        names, keys = Names(_USUAL, choices.names), list(found)
        names.check((_short(key) for key in keys), path)
        for key in keys:
            if key != _short(key) and _short(key) in found:
                raise DataError(f"{path} has both {key} and {_short(key)}, which would have one name here")
        missing = [name for name in ("observations", "actions") if name not in map(_short, keys)]
        if missing:
            raise DataError(f"{path}: no {' and '.join(missing)}; expected {_KIND}, got {', '.join(keys)}")
        steps = {key: len(found[key]) for key in keys}
        if len(set(steps.values())) != 1:
            raise DataError(f"{path}: arrays must have one length, got {steps}")
        flags = {
            ours: np.asarray(found[key][()])
            for ours in ("terminated", "truncated")
            for key in keys
            if _short(key) == names.outward(ours)
        }
        ends = find_ends(flags, steps[keys[0]], choices.max_steps, path)
        attrs = json.loads(file.attrs["robopref"]) if "robopref" in file.attrs else {}

    def load() -> Iterator[Episode]:
        start = 0
        for end in ends.tolist():
            # Opened for each episode, so that nobody who stops half-way leaves the file open.
            with hdf5.opened(path, "r", _KIND) as file:
                rows = {_short(key): hdf5.load(file[key], path, start, end) for key in keys}
            yield with_cut(as_flags(names.inward(rows, path), path), choices.max_steps)
            start = end

    return Dataset(path, attrs, len(ends), load)


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
        growing, number = hdf5.Growing(file), -1
        for number, episode in enumerate(dataset):
            if number == 0:
                _check(names, episode)
            check_flags("d4rl", number, episode)
            for key, array in episode.items():
                name = names.outward(key)
                growing.extend(name if name in _USUAL.values() else f"infos/{name}", array)
        if number < 0:
            raise DataError(f"{dataset.path} holds no episodes")


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
