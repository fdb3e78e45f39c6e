"""Questions about stretches of recorded episodes."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.types import Item, Query


def segment_queries(
    source: str, ends: NDArray[np.int64], *, length: int, count: int, seed: int, instruction: str = ""
) -> list[Query]:
    """Pairs of segments, each drawn uniformly among all segments within one episode.

    Args:
        source: Name of the dataset.
        ends: (episodes,) one past the last step of each episode.
        length: Steps of a segment.
        count: Pairs.
        seed: Of the draw.
        instruction: What the segments are to be judged by.

    Returns:
        The questions, no pair twice; fewer if there are no more. The first k of a longer list are the list of k.

    Raises:
        ConfigError: A count is not positive.
        DataError: There are not two segments of that length.
    """
    if length < 1 or count < 1:
        raise ConfigError(f"length and count must be at least 1, got {length} and {count}")
    starts = np.append(0, ends[:-1])
    possible = np.concatenate([
        np.arange(start, max(start, end - length + 1)) for start, end in zip(starts, ends, strict=True)
    ])  # fmt: skip
    if len(possible) < 2:
        raise DataError(
            f"{source} has {len(possible)} segments of {length} steps; its longest episode has "
            f"{int((ends - starts).max())}: ask for shorter ones"
        )
    rng = np.random.default_rng(seed)
    found: dict[frozenset[int], Query] = {}
    while len(found) < min(count, len(possible) * (len(possible) - 1) // 2):
        drawn = [int(possible[k]) for k in rng.choice(len(possible), 2, replace=False)]
        items = tuple(Item(source, start, start + length) for start in drawn)
        digest = hashlib.sha256(f"{source} {items} {instruction}".encode()).hexdigest()[:16]
        found.setdefault(frozenset(drawn), Query(f"segments-{digest}", "pair", items, instruction))
    return list(found.values())
