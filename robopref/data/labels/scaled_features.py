"""What items are alike in, each feature in units of its standard deviation, for scripted teachers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.records import Item

Values = NDArray[np.float64]
_SHOWN = "features"  # array of a dataset that holds features of every step


def scaled(values: Values) -> Values:
    """Features (..., F) in units of their standard deviation over all that comes before; such as do not vary are 0.

    Args:
        values: Finite numbers.
    """
    flat = values.reshape(-1, values.shape[-1])
    spread = flat.std(0)
    return np.where(spread > 1e-9, (values - flat.mean(0)) / np.where(spread > 1e-9, spread, 1), 0.0)


def candidate_features(measures: Mapping[str, Values]) -> Callable[[Item], Values]:
    """Features of candidates from what a task reported while they were carried out.

    Args:
        measures: (S, N, H) by name, NaN where nothing was reported.

    Returns:
        (F,) of a candidate: the mean of each over its actions.

    Raises:
        DataError: The task reports nothing.
    """
    if not measures:
        raise DataError("the task reports nothing of itself, so no script can tell what is alike; ask people")
    known = [np.isfinite(values) for values in measures.values()]
    means = [
        np.where(there, values, 0).sum(-1) / np.maximum(there.sum(-1), 1)
        for there, values in zip(known, measures.values(), strict=True)
    ]
    found = scaled(np.stack(means, axis=-1))
    return lambda item: found[item.start, int(item.candidate or 0)]


def segment_features(store: EpisodeStore, names: Sequence[str] | None, seen: Sequence[str]) -> Callable[[Item], Values]:
    """Features of recorded segments: the mean of each number over the steps.

    Args:
        store: Recorded episodes.
        names: Arrays that hold features of every step; None takes ``features`` if there is such an array, or else the
            vectors that are observed.
        seen: What is observed.

    Returns:
        (F,) of a segment.

    Raises:
        ConfigError: There is no such array.
        DataError: Nothing that is observed is a vector.
    """
    chosen = list(names) if names is not None else [_SHOWN] if _SHOWN in store.keys else [
        name for name in seen if name in store.keys and store.array(name, 0, 0).ndim <= 2
    ]  # fmt: skip
    if not chosen:
        raise DataError(
            f"{store.path} has no array {_SHOWN}, and no vector that is observed, so no script can tell what is alike; "
            "name arrays with label.alike=[...], or ask people"
        )
    steps = scaled(np.concatenate([
        np.asarray(store.array(name), np.float64).reshape(store.steps, -1) for name in chosen
    ], axis=1))  # fmt: skip
    return lambda item: steps[item.start : item.stop].mean(0)
