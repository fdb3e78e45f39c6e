"""What is seen of recorded steps, clouds and pictures, however their writer stored them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.records import OUTCOME, Item, is_outcome

Lookup = Callable[[Item], Mapping[str, NDArray[Any]]]  # arrays (T, ...) of an item, by name
_BYTE = 255
_FOREIGN = {"point_cloud", "img"}  # what diffusion_policy and DP3 call clouds and pictures


def steps_of(store: EpisodeStore, keys: Iterable[str], start: int, stop: int) -> dict[str, NDArray[Any]]:
    """Some steps, with ``points`` and ``image`` in the form that networks, pages and films take.

    Args:
        store: The steps.
        keys: Arrays to read; ``after.<name>`` is what was observed after each step, see `following`.
        start: First step.
        stop: One past the last step.

    Returns:
        (T, ...) for each key.

    Raises:
        ConfigError: No array has such a name.
        DataError: The steps do not exist, or what is called so is no cloud or no picture.
    """
    return {key: _step_array(store, key, start, stop) for key in keys}


def recorded_keys(store: EpisodeStore, keys: Iterable[str]) -> list[str]:
    """Arrays of a store that `steps_of` reads for some keys, each once."""
    return list(dict.fromkeys(_source(store, key) if is_outcome(key) else key for key in keys))


def following(store: EpisodeStore, start: int, stop: int) -> NDArray[np.int64]:
    """The step of the same episode that comes after each; the last of an episode, which has none, stands for itself.

    Args:
        store: The steps.
        start: First step.
        stop: One past the last step.

    Returns:
        (T,) steps.
    """
    steps = np.arange(start, stop)
    return np.minimum(steps + 1, store.episode_ends[np.searchsorted(store.episode_ends, steps, side="right")] - 1)


def _step_array(store: EpisodeStore, key: str, start: int, stop: int) -> NDArray[Any]:
    if not is_outcome(key):
        return _FORMS[key](store, start, stop) if key in _FORMS else store.array(key, start, stop)
    name, source = key.removeprefix(OUTCOME), _source(store, key)
    if source != name or stop <= start:
        return store.array(source, start, stop)
    rows = following(store, start, stop)
    return _step_array(store, name, start, int(rows[-1]) + 1)[rows - start]


def _source(store: EpisodeStore, key: str) -> str:
    """The array that what was observed after a step is read from: one of its own, or that of the next step."""
    name = key.removeprefix(OUTCOME)
    return f"next_{name}" if f"next_{name}" in store.keys else name


def observations_of(store: EpisodeStore, keys: Iterable[str], start: int, stop: int) -> dict[str, NDArray[Any]]:
    """What a policy observed in some steps: clouds with all that is known of each point, pictures as bytes.

    Args:
        store: The steps.
        keys: Parts of an observation.
        start: First step.
        stop: One past the last step.

    Returns:
        (T, ...) for each key.

    Raises:
        ConfigError: No array has such a name.
        DataError: The steps do not exist, or what has the shape of pictures is none.
    """
    return {
        key: pictures(store, start, stop, key) if is_picture(store.array(key, 0, 0)) else store.array(key, start, stop)
        for key in keys
    }


def is_picture(steps: NDArray[Any]) -> bool:
    """Whether (T, ...) steps of an array have the shape of pictures."""
    return steps.ndim == 4 and steps.shape[-1] == 3


def clouds(store: EpisodeStore, start: int, stop: int) -> NDArray[np.float32]:
    """Where the points of some steps are.

    Args:
        store: Steps with ``points`` (P, 3), or (P, 3+C) with colours or other values of each point.
        start: First step.
        stop: One past the last step.

    Returns:
        (T, P, 3) m.

    Raises:
        ConfigError: The store has no points.
        DataError: They are no clouds.
    """
    stored = store.array("points", start, stop)
    if stored.ndim != 3 or stored.shape[-1] < 3 or not stored.shape[1]:
        raise DataError(
            f"points of {store.path} must be clouds (P, 3) or (P, 3+C) at each step, x, y and z first, got "
            f"{stored.shape[1:]}; call an array that is no cloud by another name"
        )
    return np.asarray(stored[..., :3], dtype=np.float32)


def pictures(store: EpisodeStore, start: int, stop: int, key: str = "image") -> NDArray[np.uint8]:
    """The pictures of some steps.

    Args:
        store: Steps with pictures (h, w, 3): bytes, floats in [0, 1], or bytes that were stored as floats.
        start: First step.
        stop: One past the last step.
        key: Name of their array.

    Returns:
        (T, h, w, 3).

    Raises:
        ConfigError: The store has no such array.
        DataError: They are no pictures.
    """
    stored = store.array(key, start, stop)
    where = f"{key} of {store.path}"
    if stored.ndim != 4 or stored.shape[-1] != 3 or not stored.size:
        raise DataError(f"{where} must be pictures (T, h, w, 3) of at least one step, got {stored.shape}")
    if stored.dtype == np.uint8:
        return stored
    low, high = float(stored.min()), float(stored.max())
    if stored.dtype.kind == "f" and low >= 0:
        if high <= 1 and float(store.array(key, 0, 1).max()) <= 1:  # a dark picture of bytes may be as small
            return (stored * _BYTE).round().astype(np.uint8)
        if high <= _BYTE and (stored == np.floor(stored)).all():
            return stored.astype(np.uint8)
    raise DataError(
        f"{where} must hold bytes, or floats in [0, 1] or whole from 0 to 255, got {stored.dtype} from {low:g} to "
        f"{high:g}"
    )


def named_otherwise(store: EpisodeStore) -> str:
    """How to give the arrays of another project's store the names used here; empty if they do not need it."""
    if not _FOREIGN & set(store.keys):
        return ""
    return f"; give it robopref's names with: robopref data convert {store.path} <new>.zarr"


_FORMS: Mapping[str, Callable[[EpisodeStore, int, int], NDArray[Any]]] = {"points": clouds, "image": pictures}
