"""Objectives of whole orderings."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.objectives.pairwise import pair_agreement
from robopref.scores import Loss, PairTarget, Scores


def plackett_luce(scores: Scores, target: PairTarget, *, top: int | None = None) -> Loss:
    """Negative log-likelihood of choosing the best item first, then the best of the rest (Plackett 1975).

    Items are ordered by how many of their comparisons they won, ties counting half. At every stage the loss is
    ``logsumexp(remaining) - logsumexp(best of the remaining)``: tied items may come in any order. Stopping after the
    `top` stages spends a small network's capacity where best-of-n looks, at the head of the ordering (ListMLE's top-k
    form, Xia et al. 2009). A stage counts by the comparisons between who is chosen and who remains, the mean of
    ``weight |2 p - 1|``: by their weights, and less if the answers were half-hearted. For two items and a sure answer
    it is Bradley-Terry.

    Args:
        scores: (B, K) values.
        target: Preferences; items that were never compared are left out.
        top: Stages to count; None counts all.

    Returns:
        The loss, weighted mean over stages, with the terms ``loss`` and ``accuracy``.
    """
    stage, last = _stages(target)
    sure, told = target.weight * (2 * target.p - 1).abs(), (target.weight > 0).to(target.weight.dtype)
    stages = int(last.max()) if top is None else min(top, int(last.max()))
    # Stages that a list does not have still go through the graph; a finite floor keeps their gradients finite.
    floor = scores.value.new_tensor(torch.finfo(scores.value.dtype).min)
    # If all lists are ties there is no stage, and the zero loss still needs a gradient.
    total, count = 0 * torch.where(stage >= 0, scores.value, 0).sum(), scores.value.new_zeros(())
    for current in range(stages):
        remaining = torch.logsumexp(torch.where(stage >= current, scores.value, floor), dim=1)
        best = torch.logsumexp(torch.where(stage == current, scores.value, floor), dim=1)
        counts = _counted(sure, told, stage, current) * (current < last)
        total = total + ((remaining - best) * counts).sum()
        count = count + counts.sum()
    total = total / torch.where(count > 0, count, 1)
    return Loss(total, {"loss": total.detach(), "accuracy": pair_agreement(scores, target)})


def _stages(target: PairTarget) -> tuple[Tensor, Tensor]:
    """Stage (B, K) at which each item is chosen, -1 for items never compared, and the last stage (B,) of each list."""
    compared = target.asked > 0
    share = torch.where(compared, target.share, -torch.ones_like(target.share))
    better = (share[:, None] > share[:, :, None] + 1e-6) & compared[:, None]
    # A stage is the number of distinct shares above one's own.
    first = torch.triu(torch.isclose(share[:, :, None], share[:, None], atol=1e-6), diagonal=1).any(1)
    stage = (better & ~first[:, None]).sum(2)
    stage = torch.where(compared, stage, -torch.ones_like(stage))
    return stage, stage.amax(dim=1)


def _counted(sure: Tensor, told: Tensor, stage: Tensor, current: int) -> Tensor:
    """How much a stage of each list counts (B,), of what each answer says (B, K, K) and whether there is one."""
    chosen, remaining = stage == current, stage > current
    between = chosen[:, :, None] & remaining[:, None] | remaining[:, :, None] & chosen[:, None]
    # Two neighbours in an ordering need not have been compared with each other; then the whole list speaks for them.
    between = torch.where((told * between).sum((1, 2), keepdim=True) > 0, between, True)
    return (sure * between).sum((1, 2)) / (told * between).sum((1, 2)).clamp(min=1)
