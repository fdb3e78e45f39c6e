"""A selector that asks what stands for everything that could be asked, before any reward is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.records import Item, Query

Values = NDArray[np.float64]
_MOST = 4096  # questions that are to be stood for; more are thinned evenly


class RepresentativeSelector:
    """Chooses questions from which the others are not far: greedy k-medoids (Kaufman and Rousseeuw 1990, PAM's BUILD).

    A question lies where its items lie on average, and by how much they differ; all of its numbers count alike.

    Args:
        describe: (D,) where an item lies.
    """

    def __init__(self, describe: Callable[[Item], Values]) -> None:
        self.describe = describe

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` questions, the one that stands for most first.

        Args:
            pool: Candidate questions.
            budget: How many to ask.

        Returns:
            The chosen ones.
        """
        if not pool or budget < 1:
            return []
        where = np.stack([self._of(query) for query in pool])
        spread = where.std(axis=0)
        where = (where - where.mean(axis=0)) / np.where(spread > 0, spread, 1)
        others = where[np.unique(np.linspace(0, len(where) - 1, _MOST).round().astype(int))]
        far = _squared(where, others)
        chosen, nearest = list[int](), np.full(len(others), np.inf)
        while len(chosen) < min(budget, len(pool)):
            left = np.minimum(far, nearest).sum(axis=1)
            left[chosen] = np.inf
            chosen.append(int(left.argmin()))
            nearest = np.minimum(nearest, far[chosen[-1]])
        return [pool[row] for row in chosen]

    def _of(self, query: Query) -> Values:
        """(2 D,) mean and standard deviation over the items of a question."""
        items = np.stack([np.asarray(self.describe(item), dtype=np.float64) for item in query.items])
        return np.concatenate([items.mean(axis=0), items.std(axis=0)])


def _squared(where: Values, others: Values) -> Values:
    """(N, M) squared distances."""
    found = (where**2).sum(1)[:, None] + (others**2).sum(1) - 2 * where @ others.T
    return np.maximum(found, 0)
