"""Questions about segments of a dataset's episodes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from robopref.errors import ConfigError, unknown_name
from robopref.types import QUERY_ITEMS, Item, Query, QueryKind

_TRIES = 50  # draws a question, after which there are hardly any left


def segment_queries(
    source: str,
    ends: Sequence[int],
    *,
    length: int,
    count: int,
    kind: QueryKind = "pair",
    seed: int = 0,
    instruction: str = "",
) -> list[Query]:
    """Random questions about segments of equal length that do not overlap, each within one episode.

    Args:
        source: Name of the dataset.
        ends: (episodes,) one past the last step of each episode.
        length: Steps of a segment.
        count: How many questions at most; fewer ones are the first of more.
        kind: What is asked; ``ranking`` is about four.
        seed: Seed of the choice.
        instruction: What to judge by.

    Returns:
        Different questions, in the order drawn.

    Raises:
        ConfigError: No such kind, a length or count that is not positive, or too few segments of that length.
    """
    if kind not in QUERY_ITEMS:
        raise unknown_name("kind of query", kind, QUERY_ITEMS)
    if length < 1 or count < 1:
        raise ConfigError(f"length and count of segments must be at least 1, got {length} and {count}")
    begins = [0, *ends][:-1]
    starts = [start for begin, end in zip(begins, ends, strict=True) for start in range(begin, end - length + 1)]
    size, rng = QUERY_ITEMS[kind] or 4, np.random.default_rng(seed)
    queries: dict[tuple[int, ...], Query] = {}
    for _ in range(_TRIES * count if len(starts) >= size else 0):
        chosen = sorted(int(start) for start in rng.choice(starts, size, replace=False))
        if any(two - one < length for one, two in itertools.pairwise(chosen)) or tuple(chosen) in queries:
            continue
        items = tuple(Item(source, start, start + length) for start in chosen)
        name = f"{source}/{kind}/{'_'.join(f'{start}-{start + length}' for start in chosen)}"
        queries[tuple(chosen)] = Query(name, kind, items, instruction)
        if len(queries) == count:
            break
    if not queries:
        raise ConfigError(
            f"{source} has {len(starts)} segments of {length} steps within an episode, too few that do not overlap "
            f"for a {kind}; lower label.segments.length"
        )
    return list(queries.values())
