"""Duels between the favourites of two members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError
from robopref.querying.selectors.informed import require_pairs
from robopref.records import Item, Query, QueryKind

_IDLE = 20  # rounds of duels that bring no new pair, after which there are none left


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


class DuelSelector:
    """Asks about the duels of `dueling_thompson`, one a state and round.

    Args:
        scores: (E,) scores of an item by each member.
        seed: Seed of the duels.

    Attributes:
        kinds: Of questions that it chooses among.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair",)

    def __init__(self, scores: Callable[[Item], NDArray[np.float64]], seed: int = 0) -> None:
        self.scores, self.seed = scores, seed

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` pairs.

        Args:
            pool: Candidate questions, pairs of items of one state each.
            budget: How many to ask.

        Returns:
            The duels in the order drawn; where no more can be, other pairs at random.

        Raises:
            ConfigError: A question is no pair.
        """
        require_pairs(pool)
        rng = np.random.default_rng(self.seed)
        items: dict[tuple[str, int], list[Item]] = {}
        for item in dict.fromkeys(item for query in pool for item in query.items):
            items.setdefault((item.source, item.start), []).append(item)
        states = [group for group in items.values() if len(group) > 1]
        scores = [np.stack([self.scores(item) for item in group], axis=1)[:, None] for group in states]
        place = {frozenset(query.items): number for number, query in enumerate(pool)}
        chosen: dict[int, None] = {}  # in order
        idle = 0
        while len(chosen) < budget and idle < _IDLE and states:
            before = len(chosen)
            for k in rng.permutation(len(states)):
                (pair,) = dueling_thompson(scores[k], rng).tolist()
                number = place.get(frozenset(states[k][i] for i in pair))
                if number is not None:
                    chosen.setdefault(number)
            idle = 0 if len(chosen) > before else idle + 1
        rest = [int(number) for number in rng.permutation(len(pool)) if number not in chosen]
        return [pool[number] for number in [*chosen, *rest][: max(0, budget)]]
