"""Whether recorded episodes are what offline learning needs, known before anything is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import clouds, named_otherwise, recorded_keys
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import ActionBounds, scaled_actions
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.records import Item


def require_arrays(store: EpisodeStore, keys: Iterable[str]) -> None:
    """Require that a store has some arrays.

    Args:
        store: The data.
        keys: Their names.

    Raises:
        ConfigError: One is missing.
    """
    for key in recorded_keys(store, keys):
        if key not in store.keys:
            error = unknown_name(f"array of {store.path}", key, store.keys)
            made_up = f"; read.fill=[{key}] adds it" if key in ("reward", "terminated") else ""
            raise type(error)(f"{str(error).removesuffix('.')}{named_otherwise(store)}{made_up}")


def require_learnable(
    store: EpisodeStore, keys: Iterable[str], *, rewarded: bool = True, bounds: ActionBounds | None = None
) -> None:
    """Refuse data that no policy can learn from.

    Args:
        store: The data.
        keys: Arrays that are learnt from, beside the actions.
        rewarded: Whether it matters where episodes end, as it does to what learns from rewards.
        bounds: Of the actions; [-1, 1] if None.

    Raises:
        ConfigError: An array is missing.
        DataError: Actions are out of bounds, or there are none; or what is called points is no clouds.
    """
    if not len(store):
        raise DataError(f"{store.path} holds no episodes yet; collect some before learning from it")
    names = list(keys)
    require_arrays(store, [*names, "action", *(["terminated"] if rewarded else [])])
    if "points" in names:
        clouds(store, 0, 1)
    scaled_actions(store, bounds or ActionBounds())


def step_rewards(store: EpisodeStore, truth: str | None) -> Callable[[Item], NDArray[np.float64]]:
    """What is known of each step of an item, for scripted labelers to add up.

    Args:
        store: The data.
        truth: Name of an array; None takes the progress that a step makes, or else the ``reward``.

    Returns:
        Gives one number a step, (T,).

    Raises:
        ConfigError: There is none, or it is not one number a step.
    """
    if truth is None and {"progress", "next_progress"} <= set(store.keys):
        gained = (store.array("next_progress") - store.array("progress")).astype(np.float64)
        return lambda item: gained[item.start : item.stop]
    if truth is None and "reward" not in store.keys:
        raise ConfigError(
            f"{store.path} says of its steps neither their progress nor their reward; name an array with label.truth=, "
            "or ask others, such as labeler=human"
        )
    return recorded_rewards(store, truth or "reward")


def recorded_rewards(store: EpisodeStore, name: str) -> Callable[[Item], NDArray[np.float64]]:
    """What is recorded of each step of an item, for scripted labelers to add up.

    Args:
        store: The data.
        name: Of an array.

    Returns:
        Gives one number a step, (T,).

    Raises:
        ConfigError: The array is missing, or is not one number a step.
    """
    require_arrays(store, [name])
    if store.array(name, 0, 1).size != 1:
        raise ConfigError(f"{store.path}: label.truth={name} must be one number a step")
    return lambda item: store.array(name, item.start, item.stop).reshape(-1).astype(np.float64)


def sizes_of(store: EpisodeStore, keys: Iterable[str]) -> tuple[int, int]:
    """Numbers of an observation that are no points, and of an action.

    Args:
        store: The data.
        keys: Arrays of an observation.
    """
    return sum(store.array(key, 0, 1).size for key in keys if key != "points"), store.array("action", 0, 1).size
