"""From feedback on candidates to preference arrays, one row a state."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query, Ranking
from robopref.scores import PairTarget


def gather_comparisons(
    queries: Iterable[Query], feedback: Iterable[Feedback], *, states: int, candidates: int
) -> PairTarget:
    """Expand answers about candidates into pairs.

    A ranking of K items becomes K (K - 1) / 2 pairs; equal ranks become ties. Several answers to one pair are
    averaged, weighted by confidence. Abstentions add nothing.

    Args:
        queries: The questions.
        feedback: Answers to them.
        states: Number of states S in the candidate dataset.
        candidates: Number of candidates K of each state.

    Returns:
        Preferences (S, K, K), float32.

    Raises:
        DataError: An answer belongs to no question, an item lies outside the dataset, or a query mixes states.
    """
    known = {query.id: query for query in queries}
    votes = np.zeros((states, candidates, candidates), dtype=np.float64)
    weight = np.zeros_like(votes)
    for answer in feedback:
        query = known.get(answer.query_id)
        if query is None:
            raise DataError(f"feedback for query {answer.query_id!r}, which is not among the {len(known)} queries")
        for first, second, p in _pairs(query, answer):
            row, i, j = _place(query, first, second, votes.shape)
            votes[row, i, j] += p * answer.confidence
            weight[row, i, j] += answer.confidence
    p = np.divide(votes, weight, out=np.full_like(votes, 0.5), where=weight > 0)
    return PairTarget(torch.as_tensor(p, dtype=torch.float32), torch.as_tensor(weight, dtype=torch.float32))


def _pairs(query: Query, feedback: Feedback) -> Iterable[tuple[Item, Item, float]]:
    answer = feedback.answer
    if isinstance(answer, Preference):
        yield query.items[0], query.items[1], answer.p
    elif isinstance(answer, Ranking):
        for i, first in enumerate(query.items):
            for j in range(i + 1, len(query.items)):
                difference = answer.ranks[j] - answer.ranks[i]
                yield first, query.items[j], 0.5 + 0.5 * float(np.sign(difference))


def _place(query: Query, first: Item, second: Item, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if first.start != second.start or first.source != second.source:
        raise DataError(f"query {query.id!r} compares candidates of different states, which share no observation")
    if first.candidate is None or second.candidate is None:
        raise DataError(f"query {query.id!r} has an item without a candidate index")
    row, i, j = first.start, first.candidate, second.candidate
    if not (0 <= row < shape[0] and 0 <= i < shape[1] and 0 <= j < shape[2]):
        raise DataError(
            f"query {query.id!r} names state {row}, candidates {i} and {j}; the dataset has {shape[0]} states with "
            f"{shape[1]} candidates each: labels and candidates come from different runs"
        )
    # One triangle holds both orders of a question.
    return row, i, j
