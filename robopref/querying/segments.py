"""Questions about segments of a dataset of episodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robopref.errors import ConfigError, DataError, unknown_name
from robopref.types import Item, Query, QueryKind


def segment_queries(
    source: str,
    episode_ends: Sequence[int],
    *,
    length: int,
    count: int,
    kind: QueryKind = "pair",
    instruction: str = "",
    seed: int = 0,
) -> list[Query]:
    """Questions about segments drawn uniformly from all that lie within one episode.

    Args:
        source: Name of the dataset.
        episode_ends: One past the last step of each episode.
        length: Steps of a segment.
        count: How many questions; fewer if there are not as many.
        kind: ``pair`` or ``rating``.
        instruction: What to judge by.
        seed: Seed of the choice.

    Returns:
        The questions, no two about the same segments; those of a smaller count come first in a larger one.

    Raises:
        ConfigError: Another kind, or a length or count below 1.
        DataError: There are too few segments for one question.
    """
    if kind not in ("pair", "rating"):
        raise unknown_name("kind of query about segments", kind, ["pair", "rating"])
    if length < 1 or count < 1:
        raise ConfigError(f"segments need a length and a count of at least 1, got {length} and {count}")
    ends = np.asarray(episode_ends, dtype=np.int64)
    begins = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    starts = np.concatenate([np.arange(a, b - length + 1) for a, b in zip(begins, ends, strict=True)] or [ends])
    size = 2 if kind == "pair" else 1
    if len(starts) < size:
        raise DataError(f"{source} has {len(starts)} segments of {length} steps, too few for a {kind}")
    possible = len(starts) * (len(starts) - 1) // 2 if kind == "pair" else len(starts)
    rng, found = np.random.default_rng(seed), dict[tuple[int, ...], Query]()
    while len(found) < min(count, possible):
        chosen = [int(start) for start in rng.choice(starts, size, replace=False)]
        key = tuple(sorted(chosen))
        if key not in found:
            items = tuple(Item(source, start, start + length) for start in chosen)
            name = "-".join(map(str, chosen))
            found[key] = Query(f"{source}/{kind}/{length}/{name}", kind, items, instruction)
    return list(found.values())
