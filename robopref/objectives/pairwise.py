"""Objectives of score differences within pairs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from robopref.types import Loss, PairTarget, Scores


def bradley_terry(scores: Scores, target: PairTarget) -> Loss:
    """Negative log-likelihood of the preferences (Bradley and Terry 1952).

    ``-[p log s(v_i - v_j) + (1 - p) log s(v_j - v_i)]``, weighted mean over pairs. With explicit scores it is the
    reward-model loss of Christiano et al. (2017); with scores ``beta log(pi / pi_ref)`` it is DPO (Rafailov et al.
    2023, eq. 7), and with denoising-error gaps Diffusion-DPO (Wallace et al. 2024, eq. 14). A tie is p = 0.5.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy`` (ties left out).
    """
    margin = scores.value[:, :, None] - scores.value[:, None]
    loss = -(target.p * logsigmoid(margin) + (1 - target.p) * logsigmoid(-margin))
    total = _weighted_mean(loss, target.weight)
    return Loss(total, {"loss": total.detach(), "accuracy": pair_agreement(scores, target)})


@torch.no_grad()
def pair_agreement(scores: Scores, target: PairTarget) -> Tensor:
    """Weighted share of decided pairs that the scores order as the preferences do; equal scores count half.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them.

    Returns:
        () in [0, 1]; NaN if every pair is a tie.
    """
    margin = scores.value[:, :, None] - scores.value[:, None]
    right = 0.5 + 0.5 * torch.sign(margin) * torch.sign(target.p - 0.5)
    weight = target.weight * (target.p != 0.5)
    return (torch.where(weight > 0, right, 0) * weight).sum() / weight.sum()


def _weighted_mean(value: Tensor, weight: Tensor) -> Tensor:
    # A mask by multiplication would let an infinite ignored value through as NaN.
    kept = torch.where(weight > 0, value, torch.zeros_like(value))
    return (kept * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)
