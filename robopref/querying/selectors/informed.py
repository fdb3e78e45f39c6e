"""A selector that asks what tells most about a reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.querying.selectors.diversity import greedy_dpp, similarity
from robopref.querying.selectors.information import mutual_information, per_second
from robopref.records import Item, Query, QueryKind

Values = NDArray[np.float64]
_SHORTLIST = 10  # times the batch; diversity is sought among the most telling questions only


class InformedSelector:
    """Chooses the pairs, or the orderings, whose answers tell most, by an ensemble's scores.

    What an ordering tells is taken to be the mean of what its pairs would.

    Args:
        scores: (E,) scores of an item by each member.
        measure: What an answer tells, from (E, N) margins: a function of `robopref.querying.selectors.information`.
        embed: (D,) embedding of an item; a batch is then diverse in its differences. None takes the most telling ones.
        seconds: How long a query is expected to take; what an answer tells then counts per second.

    Attributes:
        kinds: Of questions that it chooses among.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking")

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
        """Choose at most `budget` questions, the most telling first.

        Args:
            pool: Candidate questions.
            budget: How many to ask.

        Returns:
            The chosen ones; where a batch is to be diverse and no more differ, another batch that is.

        Raises:
            ConfigError: A question is neither, or orderings that are to be diverse are of different length.
        """
        _require_compared(pool)
        if not pool or budget < 1:
            return []
        margins = [_differences(self.scores, query) for query in pool]
        counts = [one.shape[1] for one in margins]
        told, ends = self.measure(np.concatenate(margins, axis=1)), np.cumsum(counts)[:-1]
        values = np.array([part.mean() for part in np.split(told, ends)])
        if self.seconds is not None:
            values = per_second(values, np.array([self.seconds(query) for query in pool]))
        order = np.argsort(-values, kind="stable").tolist()
        if self.embed is not None:
            order = self._diverse(pool, values, order[: _SHORTLIST * budget], self.embed, budget)
        return [pool[i] for i in order[:budget]]

    def _diverse(
        self, pool: Sequence[Query], values: Values, listed: list[int], embed: Callable[[Item], Values], budget: int
    ) -> list[int]:
        differences = [_differences(embed, pool[i]).ravel() for i in listed]
        if len({len(one) for one in differences}) > 1:
            raise ConfigError("a batch is diverse in orderings of as many items each; ask these, or choose at random")
        alike = similarity(np.stack(differences))
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
            f"only pairs can be chosen by who would win, got {others[0].kind} query {others[0].id!r}; ask pairs, with "
            "label.kind=pair, or choose at random"
        )


def _require_compared(pool: Sequence[Query]) -> None:
    others = [query for query in pool if query.kind not in InformedSelector.kinds]
    if others:
        raise ConfigError(
            f"only pairs and orderings can be chosen by what they tell, got {others[0].kind} query {others[0].id!r}; "
            "ask those, with label.kind=pair or label.kind=ranking, or choose at random"
        )


def _differences(of: Callable[[Item], Values], query: Query) -> Values:
    """(D, P) difference of the first item to the second, of every pair of a question."""
    values = np.stack([np.asarray(of(item), dtype=np.float64) for item in query.items], axis=1)
    first, second = np.triu_indices(values.shape[1], 1)
    return values[:, first] - values[:, second]
