"""The zarr replay layout: what robopref writes itself, diffusion_policy (Chi et al. 2023) and DP3 (Ze et al. 2024).

They differ in names only: diffusion_policy has ``img``, DP3 ``point_cloud`` and calls the robot's own state ``state``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from robopref.data.episode_formats.dataset import Dataset, Episode, as_flags, reading, replacing
from robopref.data.episode_formats.naming import Choices, Names
from robopref.data.episodes.chunk_files import array_names
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError

OWN: Mapping[str, str] = {}
DIFFUSION_POLICY = {"image": "img"}
DP3 = {"points": "point_cloud", "proprio": "state", "state": "full_state", "image": "img"}


def read(path: Path, choices: Choices, usual: Mapping[str, str] = OWN) -> Dataset:
    """Read a store.

    Args:
        path: The folder.
        choices: Names that differ from the usual.
        usual: Names of the project.

    Returns:
        The dataset.

    Raises:
        DataError: The store is missing or damaged.
    """
    names = Names(usual, choices.names)
    gone: set[str] = set()
    if choices.names or choices.drop:
        with reading(path, "a replay store"):
            there = array_names(path)
        gone = set(there) - names.choose({name: ("", name) for name in there}, path, choices.drop)
    store = EpisodeStore.open(path, leave_out=gone)

    def load() -> Iterator[Episode]:
        for number in range(len(store)):
            yield as_flags(names.inward(store.episode(number), path), path)

    told = {names.back(key): attrs for key in store.keys if (attrs := store.array_attrs(key))}
    return Dataset(path, {**store.attrs, "arrays": told} if told else store.attrs, len(store), load, store.notes)


def write(path: Path, dataset: Dataset, choices: Choices, usual: Mapping[str, str] = OWN) -> None:
    """Write a store.

    Args:
        path: Folder that does not exist yet.
        dataset: What to write.
        choices: Names that differ from the usual.
        usual: Names of the project.

    Raises:
        DataError: The dataset has no episodes or numbers that are not finite, or the store cannot be written.
    """
    names = Names(usual, choices.names)
    with replacing(path) as building:
        told = dict(dataset.attrs.get("arrays", {}))
        store = EpisodeStore.create(building, {key: value for key, value in dataset.attrs.items() if key != "arrays"})
        for number, episode in enumerate(dataset):
            renamed = {names.outward(key): array for key, array in episode.items()}
            if len(renamed) < len(episode):
                raise DataError(
                    f"{path}: two of {', '.join(episode)} would have one name; give one of them another with "
                    "rename.<array>=<name>"
                )
            try:
                store.append(renamed)
            except DataError as error:
                wrong = [
                    key for key, array in episode.items() if array.dtype.kind == "f" and not np.isfinite(array).all()
                ]
                way = f"; leave out what has holes with drop=[{','.join(wrong)}]" if wrong else ""
                raise DataError(f"episode {number} of {dataset.path}: {error}{way}") from error
        if not len(store):
            raise DataError(f"{dataset.path} holds no episodes")
        for key, attrs in told.items():
            if names.outward(key) in store.keys:
                store.describe(names.outward(key), attrs)
