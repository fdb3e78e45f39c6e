"""A selector that asks what tells most about a reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.querying.selectors.diversity import greedy_dpp, similarity
from robopref.querying.selectors.information import mutual_information, per_second
from robopref.records import Item, Query

Values = NDArray[np.float64]
_SHORTLIST = 10  # times the batch; diversity is sought among the most telling questions only


class InformedSelector:
    """Chooses the pairs whose answers tell most, by an ensemble's scores.

    Args:
        scores: (E,) scores of an item by each member.
        measure: What an answer tells, from (E, N) margins: a function of `robopref.querying.selectors.information`.
        embed: (D,) embedding of an item; a batch is then diverse in its differences. None takes the most telling ones.
        seconds: How long a query is expected to take; what an answer tells then counts per second.
    """

    def __init__(
        self,
        scores: Callable[[Item], Values],
        measure: Callable[[Values], Values] = mutual_information,
        *,
        embed: Callable[[Item], Values] | None = None,
        seconds: Callable[[Query], float] | None = None,
    ) -> None:
        self.scores, self.measure, self.embed, self.seconds = scores, measure, embed, seconds

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` pairs, the most telling first.

        Args:
            pool: Candidate questions.
            budget: How many to ask.

        Returns:
            The chosen ones; where a batch is to be diverse and no more differ, another batch that is.

        Raises:
            ConfigError: A question is no pair.
        """
        require_pairs(pool)
        if not pool or budget < 1:
            return []
        values = self.measure(np.stack([_difference(self.scores, query) for query in pool], axis=1))
        if self.seconds is not None:
            values = per_second(values, np.array([self.seconds(query) for query in pool]))
        order = np.argsort(-values, kind="stable").tolist()
        if self.embed is not None:
            order = self._diverse(pool, values, order[: _SHORTLIST * budget], self.embed, budget)
        return [pool[i] for i in order[:budget]]

    def _diverse(
        self, pool: Sequence[Query], values: Values, listed: list[int], embed: Callable[[Item], Values], budget: int
    ) -> list[int]:
        alike = similarity(np.stack([_difference(embed, pool[i]) for i in listed]))
        chosen: list[int] = []
        while len(chosen) < min(budget, len(listed)):
            rest = [k for k in range(len(listed)) if k not in set(chosen)]
            batch = greedy_dpp(values[[listed[k] for k in rest]], alike[np.ix_(rest, rest)], budget - len(chosen))
            # What tells nothing is left in its order.
            chosen += [rest[k] for k in batch] if batch else rest
        return [listed[k] for k in chosen]


def diverse_selector(
    scores: Callable[[Item], Values], measure: Callable[[Values], Values] = mutual_information
) -> InformedSelector:
    """A selector whose batches are diverse in how the members disagree, as the answers that they foresee then differ.

    Args:
        scores: (E,) scores of an item by each member; E members tell E - 1 ways to disagree apart.
        measure: What an answer tells, from (E, N) margins.

    Returns:
        The selector.
    """

    def deviations(item: Item) -> Values:
        said = np.asarray(scores(item), dtype=np.float64)
        return said - said.mean()

    return InformedSelector(scores, measure, embed=deviations)


def embedded_selector(
    scores: Callable[[Item], Values],
    measure: Callable[[Values], Values] = mutual_information,
    *,
    embed: Callable[[Item], Values],
) -> InformedSelector:
    """A selector whose batches are diverse in how the items of a pair differ in a trained embedding.

    Args:
        scores: (E,) scores of an item by each member.
        measure: What an answer tells, from (E, N) margins.
        embed: (D,) where an item lies.

    Returns:
        The selector.
    """
    return InformedSelector(scores, measure, embed=embed)


def require_pairs(pool: Sequence[Query]) -> None:
    """Check that all questions are pairs.

    Raises:
        ConfigError: One is not.
    """
    others = [query for query in pool if query.kind != "pair"]
    if others:
        raise ConfigError(
            f"only pairs can be chosen by what they tell, got {others[0].kind} query {others[0].id!r}; ask pairs, with "
            "label.kind=pair, or choose at random"
        )


def _difference(of: Callable[[Item], Values], query: Query) -> Values:
    first, second = query.items
    return np.asarray(of(first), dtype=np.float64) - np.asarray(of(second), dtype=np.float64)
