"""Small preferences, outcomes and scores to compute objectives of by hand."""

import torch

from robopref.scores import PairTarget, Scores, SuccessTarget


def preferences(count: int, *compared: tuple[int, int, float, float]) -> PairTarget:
    """One state with `count` items, of which those in ``(i, j, p, weight)`` were compared."""
    p, weight = torch.full((1, count, count), 0.5), torch.zeros(1, count, count)
    for i, j, probability, counts in compared:
        p[0, i, j], weight[0, i, j] = probability, counts
    return PairTarget(p, weight)


def outcomes(*items: tuple[float, float]) -> SuccessTarget:
    """One state whose items have these ``(y, weight)``."""
    y, weight = torch.tensor([items], dtype=torch.float32).unbind(-1)
    return SuccessTarget(y, weight)


def scores(*value: float) -> Scores:
    return Scores(torch.tensor([value], dtype=torch.float32, requires_grad=True))


def drawn(*items: tuple[float, ...]) -> Scores:
    """Items of one state, each with its independent draws; the value is their mean."""
    draws = torch.tensor([items], dtype=torch.float32, requires_grad=True)
    return Scores(draws.mean(-1), draws=draws)
