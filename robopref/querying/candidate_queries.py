"""Questions about candidate actions drawn in the same state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from robopref.errors import ConfigError, unknown_name
from robopref.records import QUERY_ITEMS, Item, Query, QueryKind


def candidate_queries(
    source: str, states: int, candidates: int, *, kind: QueryKind = "ranking", instruction: str = ""
) -> list[Query]:
    """Every question of a kind about the candidates of a dataset.

    Args:
        source: Name of the candidate dataset.
        states: Number of states S.
        candidates: Number of candidates K in each.
        kind: ``ranking`` asks for one ordering a state, ``pair`` for each of its K (K - 1) / 2 pairs, ``similarity``
            about every three candidates and ``rating`` about each.
        instruction: What to judge by.

    Returns:
        The questions, in order of state.

    Raises:
        ConfigError: No such kind, or too few candidates for it.
    """
    if kind not in QUERY_ITEMS:
        raise unknown_name("kind of query", kind, QUERY_ITEMS)
    size = QUERY_ITEMS[kind] or candidates
    needed = QUERY_ITEMS[kind] or 2
    if candidates < needed:
        raise ConfigError(f"a {kind} needs at least {needed} candidates a state, got {candidates}")
    queries: list[Query] = []
    for state in range(states):
        items = [Item(source, state, state + 1, candidate) for candidate in range(candidates)]
        for group in combinations(items, size):
            name = "-".join(str(item.candidate) for item in group)
            queries.append(Query(f"{source}/{state}/{kind}/{name}", kind, tuple(group), instruction))
    return queries


class RandomSelector:
    """Chooses questions uniformly at random.

    Args:
        seed: Seed of the choice.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` queries.

        Args:
            pool: Candidate questions.
            budget: How many to ask.

        Returns:
            The chosen ones, in pool order; a smaller budget's choice is contained in a larger one's.
        """
        order = np.random.default_rng(self.seed).permutation(len(pool))
        return [pool[i] for i in sorted(order[: max(0, budget)])]
