"""Duels between the favourites of two members of an ensemble."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError


def dueling_thompson(scores: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a pair of items for each state by Thompson sampling (Dueling bandits: Wu and Liu 2016).

    Two members are drawn, each names its best item; if they agree, the second one's next best takes its place. Items
    that no member thinks best are not asked about, so what is learnt is which item is best, not how bad others are.

    Args:
        scores: (E, S, K) scores by each member of K items in S states, K >= 2.
        rng: Source of randomness.

    Returns:
        (S, 2) two different items of each state.

    Raises:
        DataError: There are fewer than two items.
    """
    if scores.ndim != 3 or scores.shape[2] < 2 or not len(scores):
        raise DataError(f"scores must be (E, S, K) with two items or more, got {scores.shape}")
    members, states, _ = scores.shape
    one, two = rng.integers(members, size=(2, states))
    row = np.arange(states)
    first = scores[one, row].argmax(axis=1)
    rest = scores[two, row]
    rest[row, first] = -np.inf
    return np.stack([first, rest.argmax(axis=1)], axis=1)
