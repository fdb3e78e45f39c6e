"""Scores of whole segments, and the rewards of single decisions that they are made of."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


def score_segments(
    scorer: CandidateScorer,
    observation: Observation,
    actions: Tensor,
    mask: Tensor,
    *,
    draw: NoiseDraw | None = None,
) -> Scores:
    """Score segments of decisions by the sum of what a scorer says of each.

    With an implicit reward the sum is ``beta log(pi / pi_ref)`` of the segment, CPL's and DPO's score; trained on
    outcomes alone, its summands are process rewards (implicit PRM, Yuan et al. 2024): up to the dynamics' noise the
    advantage of each decision ("from r to Q*", Rafailov et al. 2024), usable for relabelling and for search.

    Args:
        scorer: Scores single decisions.
        observation: points (B, K, T, P, 3), proprio (B, K, T, D), before each decision.
        actions: (B, K, T, H, A).
        mask: (B, K, T) whether the segment has that decision.
        draw: For B * K * T states; None leaves it to the scorer.

    Returns:
        (B, K) sums with their (B, K, T) summands, and the draws if they are independent. The spread is the standard
        error of the sum, or without draws an upper bound, the sum of the decisions' own.
    """
    flat = observation.map(lambda part: part.flatten(0, 2))
    scores = scorer.score(flat, actions.flatten(0, 2)[:, None], draw=draw)
    steps = torch.where(mask, scores.value[:, 0].reshape(mask.shape), 0)
    spread = draws = None
    if scores.draws is not None:
        draws = torch.where(mask[..., None], scores.draws[:, 0].reshape(*mask.shape, -1), 0).sum(dim=2)
        spread = (draws.std(dim=-1) / draws.shape[-1] ** 0.5).detach()
    elif scores.spread is not None:
        # Decisions may share draws or members, and then their errors add up.
        spread = torch.where(mask, scores.spread[:, 0].reshape(mask.shape), 0).sum(dim=-1)
    return Scores(steps.sum(dim=-1), spread, draws, steps)
