"""Preferences among recorded segments, for rewards that score the chunks of a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.data.episodes.recorded_views import Lookup, observations_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.time_gaps import stretch_ends
from robopref.data.labels.segment_pairs import compared_segments
from robopref.items import ACTION, Comparisons
from robopref.records import OUTCOME, Item


def decision_comparisons(
    answers: Answers,
    store: EpisodeStore,
    keys: Sequence[str],
    *,
    horizon: int = 1,
    history: int = 1,
    context: Sequence[str] = (),
    after: Sequence[str] = (),
) -> Comparisons:
    """Segments as the decisions that a policy would have taken in them, and what answers say of them.

    A segment is a decision at its first step and at every H-th after it whose chunk lies within it: the chunk of the H
    actions that followed. One that is shorter than a chunk is a single decision, whose chunk goes on to the end of the
    episode and then repeats the last action, as in cloning.

    Args:
        answers: To questions about segments of the store.
        store: Recorded episodes.
        keys: What the policy observes.
        horizon: Its chunk horizon H.
        history: Observations that it sees.
        context: What is kept of how they were answered.
        after: Parts of an observation that are wanted of what came of each chunk: of the step after it, or of the last
            one of the episode, after which nothing was recorded.

    Returns:
        One row an answered pair and context, worth the sum of its decisions.

    Raises:
        DataError: There is no answered pair, or the store lacks an array.
    """
    lookup, every = decision_lookup(store, keys, horizon=horizon, history=history, after=after)
    return compared_segments(answers, lookup, keys=every, shaped=every, context=context)


def decision_lookup(
    store: EpisodeStore, keys: Sequence[str], *, horizon: int = 1, history: int = 1, after: Sequence[str] = ()
) -> tuple[Lookup, tuple[str, ...]]:
    """What gives the decisions of a segment, and the names of their arrays; see `decision_comparisons`."""
    ends, stretches = store.episode_ends, stretch_ends(store)

    def lookup(item: Item) -> Mapping[str, NDArray[Any]]:
        episode = int(np.searchsorted(ends, item.start, side="right"))
        begin, end = int(ends[episode - 1]) if episode else 0, int(ends[episode])
        count = max(1, (item.stop - item.start) // horizon)
        at = item.start + horizon * np.arange(count)
        first, last = max(begin, item.start - history + 1), min(end, int(at[-1]) + horizon)
        stretch = np.searchsorted(stretches, at, side="right")  # beyond which a decision neither looks nor acts
        since, until = np.append(0, stretches)[stretch, None], stretches[stretch, None]
        acted = np.minimum(at[:, None] + np.arange(horizon), np.minimum(until, last) - 1)
        chunks = store.array(ACTION, first, last)[acted - first]
        seen = observations_of(store, keys, first, int(at[-1]) + 1)
        rows = np.maximum(at[:, None] + np.arange(1 - history, 1), np.maximum(since, first)) - first
        rows = rows if history > 1 else rows[:, 0]
        came = np.minimum(at + horizon, end - 1)
        reached = observations_of(store, after, int(came[0]), int(came[-1]) + 1)
        return {
            ACTION: chunks.astype(np.float32),
            **{key: array[rows] for key, array in seen.items()},
            **{f"{OUTCOME}{key}": array[came - came[0]] for key, array in reached.items()},
        }

    return lookup, (*keys, *(f"{OUTCOME}{key}" for key in after), ACTION)
