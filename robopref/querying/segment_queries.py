"""Questions about segments of a dataset's episodes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.errors import ConfigError, unknown_name
from robopref.records import QUERY_ITEMS, Item, Query, QueryKind

if TYPE_CHECKING:  # so that questions are drawn without torch
    from robopref.data.episodes.store import EpisodeStore
    from robopref.items import Comparisons

_MISSES = 1000  # draws in a row without a new question, and ten for each there is, after which hardly any are left


def segment_queries(
    source: str,
    ends: Sequence[int] | NDArray[np.int64],
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
        Questions in the order drawn, no two about the same segments.

    Raises:
        ConfigError: No such kind, a length or count that is not positive, or too few segments of that length.
    """
    if kind not in QUERY_ITEMS:
        raise unknown_name("kind of query", kind, QUERY_ITEMS)
    if length < 1 or count < 1:
        raise ConfigError(f"length and count of segments must be at least 1, got {length} and {count}")
    stops = np.asarray(ends, dtype=np.int64)
    begins = np.concatenate([[0], stops])[: len(stops)]
    found = [np.arange(begin, end - length + 1) for begin, end in zip(begins, stops, strict=True)]
    starts = np.concatenate([np.empty(0, np.int64), *found])
    size, rng = QUERY_ITEMS[kind] or 4, np.random.default_rng(seed)
    queries: dict[tuple[int, ...], Query] = {}
    misses = 0
    while len(starts) >= size and len(queries) < count and misses < _MISSES + 10 * len(queries):
        drawn = [int(starts[k]) for k in rng.choice(len(starts), size, replace=False)]
        key = tuple(sorted(drawn))
        misses += 1
        if key in queries or any(two - one < length for one, two in itertools.pairwise(key)):
            continue
        items = tuple(Item(source, start, start + length) for start in drawn)
        name = "_".join(f"{start}-{start + length}" for start in drawn)
        queries[key], misses = Query(f"{source}/{kind}/{name}", kind, items, instruction), 0
    if not queries:
        longest = int((stops - begins).max(initial=0))
        room = int(((stops - begins) // length).sum())
        fewer = ", or ask about two at a time with label.kind=pair" if kind == "ranking" and room > 1 else ""
        raise ConfigError(
            f"{source} has {len(starts)} segments of {length} steps within an episode, too few that do not overlap "
            f"for a {kind}; its longest episode has {longest} steps; lower label.segments.length{fewer}"
        )
    return list(queries.values())


def episode_queries(
    source: str, ends: Sequence[int] | NDArray[np.int64], *, count: int, seed: int = 0, instruction: str = ""
) -> list[Query]:
    """Questions how good whole episodes are, in a random order.

    Args:
        source: Name of the dataset.
        ends: (episodes,) one past the last step of each episode.
        count: How many at most.
        seed: Seed of the choice.
        instruction: What to judge by.

    Returns:
        Ratings, no two of the same episode.

    Raises:
        ConfigError: There is no episode, or the count is not positive.
    """
    if count < 1:
        raise ConfigError(f"count of episodes must be at least 1, got {count}")
    stops = np.asarray(ends, dtype=np.int64)
    if not len(stops):
        raise ConfigError(f"{source} has no episode to rate")
    begins = np.concatenate([[0], stops])[: len(stops)]
    found: list[Query] = []
    for episode in np.random.default_rng(seed).permutation(len(stops))[:count].tolist():
        start, stop = int(begins[episode]), int(stops[episode])
        found.append(Query(f"{source}/rating/{start}-{stop}", "rating", (Item(source, start, stop),), instruction))
    return found


@dataclass(frozen=True)
class Segments:
    """Segments of recorded episodes: asked about, and learnt from.

    Attributes:
        store: The episodes.
        length: Steps of a segment.
        keys: Arrays of a step that a reward is to look at.
    """

    store: EpisodeStore
    length: int
    keys: Sequence[str] = ("state", "action")

    def queries(self, count: int, kind: QueryKind = "pair", *, seed: int = 0, instruction: str = "") -> list[Query]:
        """Random questions about them; see `segment_queries`."""
        return segment_queries(
            self.store.path.stem, self.store.episode_ends, length=self.length, count=count, kind=kind, seed=seed,
            instruction=instruction,
        )  # fmt: skip

    def rewards(self, item: Item) -> NDArray[np.float64]:
        """(T,) recorded rewards of an item, for teachers who know them."""
        return self.store.array("reward", item.start, item.stop).reshape(-1).astype(np.float64)

    def comparisons(self, answers: Answers) -> Comparisons:
        """What answers to pairs of them say, for training; a segment is worth the mean of its steps.

        Args:
            answers: To questions about them.

        Raises:
            DataError: There is no answered pair, or an array is missing.
        """
        from robopref.data.labels.segment_pairs import recorded_comparisons

        return recorded_comparisons(answers, self.store, keys=self.keys)
