"""Questions whose answers rewards could not make sense of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from robopref.records import Abstain, Feedback, Item, Query

KeptShares = Mapping[tuple[Item, Item], float]  # how much of each pair the filters of a training left
_LEFT_OUT = 0.5  # share of a pair below which it was left out more often than not


@dataclass(frozen=True)
class DoubtedQuestion:
    """A question of which rewards left pairs out.

    Attributes:
        query: Its id.
        labelers: Who answered it, sorted.
        pairs: Pairs that its answers compare and rewards looked at.
        left_out: Those that were left out more often than not.
        kept: Mean share of its pairs that was kept.
        rewards: Which rewards looked at them, sorted.
    """

    query: str
    labelers: tuple[str, ...]
    pairs: int
    left_out: int
    kept: float
    rewards: tuple[str, ...]


def doubted_questions(
    queries: Sequence[Query], feedback: Iterable[Feedback], kept: Mapping[str, KeptShares]
) -> list[DoubtedQuestion]:
    """What to ask again, because rewards that reviewed each other's pairs made no sense of the answers.

    Args:
        queries: The questions.
        feedback: The answers.
        kept: What was left of each pair, by the name of the reward.

    Returns:
        The questions of which more than half of some pair was left out, the most doubted first.
    """
    who: dict[str, set[str]] = {}
    for given in feedback:
        if not isinstance(given.answer, Abstain):
            who.setdefault(given.query_id, set()).add(given.labeler)
    found = list[DoubtedQuestion]()
    for query in queries:
        if query.id not in who or query.kind not in ("pair", "ranking"):
            continue
        shares = dict[tuple[Item, Item], list[float]]()
        looked = set[str]()
        for name, some in kept.items():
            for first, second in combinations(query.items, 2):
                share = some.get((first, second), some.get((second, first)))
                if share is not None:
                    shares.setdefault((first, second), []).append(share)
                    looked.add(name)
        means = [float(np.mean(some)) for some in shares.values()]
        left_out = sum(share < _LEFT_OUT for share in means)
        if left_out:
            told = (len(means), left_out, float(np.mean(means)), tuple(sorted(looked)))
            found.append(DoubtedQuestion(query.id, tuple(sorted(who[query.id])), *told))
    return sorted(found, key=lambda one: one.kept)
