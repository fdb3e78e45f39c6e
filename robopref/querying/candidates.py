"""Questions about candidate actions drawn in the same state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from robopref.errors import ConfigError
from robopref.types import Item, Query


def candidate_queries(
    source: str, states: int, candidates: int, *, kind: Literal["pair", "ranking"] = "ranking", instruction: str = ""
) -> list[Query]:
    """Every question of a kind about the candidates of a dataset.

    Args:
        source: Name of the candidate dataset.
        states: Number of states S.
        candidates: Number of candidates K in each.
        kind: ``ranking`` asks for one ordering a state, ``pair`` for each of its K (K - 1) / 2 pairs.
        instruction: What to judge by.

    Returns:
        S rankings, or S K (K - 1) / 2 pairs, in order of state.

    Raises:
        ConfigError: Fewer than two candidates.
    """
    if candidates < 2:
        raise ConfigError(f"comparing needs at least 2 candidates a state, got {candidates}")
    queries: list[Query] = []
    for state in range(states):
        items = [Item(source, state, state + 1, candidate) for candidate in range(candidates)]
        groups = combinations(items, 2) if kind == "pair" else [tuple(items)]
        for group in groups:
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
