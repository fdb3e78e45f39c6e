"""How well a small judge does on held-out pairs: its verdict, its scores by dimension, and both when items swap."""

from __future__ import annotations

import torch

from robopref.errors import DataError
from robopref.items import Items
from robopref.learning.judge_stages import JudgedPairs
from robopref.rewards.dimensional_judge import DimensionalJudge, mean_scores


def verdict_accuracy(judge: DimensionalJudge, pairs: JudgedPairs) -> float:
    """Share of pairs with the right verdict."""
    return float(((judge.judged(pairs.items)[1] > 0) == (pairs.first > 0.5)).float().mean())


@torch.no_grad()
def dimension_accuracy(judge: DimensionalJudge, pairs: JudgedPairs) -> dict[str, float]:
    """By dimension, the share of pairs that the judge's mean scores order as the true ones do.

    Pairs that are equal by a dimension do not count for it.

    Raises:
        DataError: The true scores are not known.
    """
    if pairs.scores is None:
        raise DataError("how well scores order items can be said of pairs with scores; these have verdicts alone")
    mean = mean_scores(judge.log_probs(pairs.items))
    said, true = mean[:, 0] - mean[:, 1], pairs.scores[:, 0] - pairs.scores[:, 1]
    shares = [((said[:, d] > 0) == (true[:, d] > 0))[true[:, d] != 0].float().mean() for d in range(true.shape[1])]
    return {name: float(share) for name, share in zip(judge.dimensions, shares, strict=True)}


def swap_consistency(judge: DimensionalJudge, items: Items) -> float:
    """Share of pairs of which swapping the items turns the verdict."""
    swapped = Items({name: value.flip(1) for name, value in items.steps.items()}, items.weight.flip(1))
    return float(((judge.judged(items)[1] > 0) == (judge.judged(swapped)[1] < 0)).float().mean())
