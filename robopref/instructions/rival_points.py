"""Clauses that rule out what is likely to be wanted, and are therefore left out."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robopref.instructions.checklist_evaluator import ChecklistEvaluator
from robopref.instructions.offers import Offers
from robopref.instructions.rewrite import Addition, Rewrite

_LIKELY = 0.5


@torch.no_grad()
def without_rivals(evaluator: ChecklistEvaluator, offers: Offers, rewrites: Sequence[Rewrite]) -> list[Rewrite]:
    """Take back clauses of key points that are apart from one that an evaluator finds more likely wanted than not.

    A rewriter looks at one thing that calls for a clause at a time; "quickly" may be said of a cup that is full.

    Args:
        evaluator: Says what is wanted.
        offers: Its key points.
        rewrites: Of any cases.

    Returns:
        The rewrites; what was taken back is among what was refused, with the reason.
    """
    wanted = evaluator.wanted(offers.batch([one.case for one in rewrites]))
    found: list[Rewrite] = []
    for row, one in enumerate(rewrites):
        likely = [name for name, p in zip(offers.names, wanted[row].tolist(), strict=True) if p > _LIKELY]
        rivals = {addition: _rival(offers, addition, likely) for addition in one.additions}
        found.append(one.without({some: why for some, why in rivals.items() if why}, offers.vocabulary))
    return found


def _rival(offers: Offers, addition: Addition, likely: Sequence[str]) -> str:
    points, key = offers.vocabulary, addition.requirement.key
    for name in likely:
        if name != key and (name in points[key].apart or key in points[name].apart):
            return f"{name} may be wanted, which it rules out"
    return ""
