"""Where items lie by what is seen of them, for selectors that need nothing trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.records import Array, Item

Values = NDArray[np.float64]
_POINTS = "points"


def cloud_moments(points: Array) -> Values:
    """How a cloud lies and is spread.

    Args:
        points: (P, 3+C), the first three columns in metres.

    Returns:
        (18,) mean, standard deviation, mixed second moments, third moments and both outer deciles along the axes, m; in
        roots, so that all are lengths.
    """
    position = np.asarray(points, dtype=np.float64)[:, :3]
    middle = position.mean(axis=0)
    apart = position - middle
    mixed = (apart * np.roll(apart, 1, axis=1)).mean(axis=0)
    return np.concatenate(
        [
            middle, apart.std(axis=0), np.sign(mixed) * np.sqrt(np.abs(mixed)), np.cbrt((apart**3).mean(axis=0)),
            *np.quantile(position, (0.1, 0.9), axis=0),
        ]
    )  # fmt: skip


def described_by_clouds(dataset: EpisodeStore, after: Callable[[Item], Array] | None) -> Callable[[Item], Values]:
    """Where items lie by the clouds that were seen.

    Args:
        dataset: Of the items.
        after: Gives the cloud that was seen after an item; None goes by the clouds before its first and its last step,
            and by the action of a candidate.

    Returns:
        Gives (D,) of an item.

    Raises:
        ConfigError: There are no clouds.
    """
    if after is not None:
        return lambda item: cloud_moments(after(item))
    if _POINTS not in dataset.keys:
        raise ConfigError(
            f"selector=representative goes by clouds of points, and {dataset.path} has none; choose selector=random"
        )

    def describe(item: Item) -> Values:
        ends = (item.start,) if item.candidate is not None else (item.start, item.stop - 1)
        parts = [cloud_moments(steps_of(dataset, [_POINTS], end, end + 1)[_POINTS][0]) for end in ends]
        if item.candidate is not None:
            chunk = dataset.array("candidates", item.start, item.stop)[0, item.candidate]
            parts.append(np.asarray(chunk, dtype=np.float64).ravel())
        return np.concatenate(parts)

    return describe
