"""The best of several rewrites, by what comes of each in simulation."""

from __future__ import annotations

from collections.abc import Sequence

from robopref.instructions.rewrite import Rewrite
from robopref.instructions.rewriter_training import Workshop


def best_rewrite(workshop: Workshop, rewrites: Sequence[Rewrite], *, price: float, seeds: Sequence[int]) -> Rewrite:
    """The rewrite of one case that the evaluator likes best, less the price of what it adds; of equals the first.

    Args:
        workshop: Robot and evaluator.
        rewrites: Of one case.
        price: Of a clause, as a share of a checklist.
        seeds: Of the rollouts of each.
    """
    repeated = [one for one in rewrites for _ in seeds]
    worth = workshop.worth(repeated, [*seeds] * len(rewrites)).sum(-1).view(len(rewrites), len(seeds)).mean(1)
    gains = [float(value) - price * len(one.additions) for value, one in zip(worth, rewrites, strict=True)]
    return rewrites[gains.index(max(gains))]
