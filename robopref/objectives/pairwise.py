"""Objectives of score differences within pairs that are likelihoods, or stand in for one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from robopref.errors import ConfigError
from robopref.scores import Loss, PairTarget, Scores


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
    margin = differences(scores.value)
    return over_pairs(mixed(target, -logsigmoid(margin), -logsigmoid(-margin)), scores, target)


def conservative(scores: Scores, target: PairTarget, *, flip: float) -> Loss:
    """Bradley-Terry on labels that are taken to be wrong with a known probability (cDPO, Mitchell 2023).

    The label p counts as ``(1 - flip) p + flip (1 - p)``, so the best margin is finite, ``logit(1 - flip)``.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.
        flip: Share of wrong labels, in [0, 0.5).

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The share is out of range.
    """
    _check_flip(flip)
    return bradley_terry(scores, PairTarget((1 - flip) * target.p + flip * (1 - target.p), target.weight))


def robust(scores: Scores, target: PairTarget, *, flip: float) -> Loss:
    """Unbiased estimate of the Bradley-Terry loss under clean labels from labels with known noise.

    ``[(1 - flip) l(p) - flip l(1 - p)] / (1 - 2 flip)``, whose mean over flipped labels is ``l(p)`` (robust DPO,
    Chowdhury et al. 2024). It is not bounded below; a large `flip` needs a small learning rate.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.
        flip: Share of wrong labels, in [0, 0.5).

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The share is out of range.
    """
    _check_flip(flip)
    margin = differences(scores.value)
    told = mixed(target, -logsigmoid(margin), -logsigmoid(-margin))
    # l(1 - p) = l(p) + (2 p - 1) margin, as log s(z) - log s(-z) = z.
    opposite = told + (2 * target.p - 1) * margin
    return over_pairs(((1 - flip) * told - flip * opposite) / (1 - 2 * flip), scores, target)


def contrastive(scores: Scores, target: PairTarget, *, bias: float = 0.5) -> Loss:
    """Preferences in which the worse item counts less (CPL, Hejna et al. 2024).

    ``-log s(v_better - bias v_worse)``. A bias below one breaks the tie among scores that differ by a constant in
    favour of high ones: behaviour that was seen stays likely. One is Bradley-Terry. With scores ``alpha log pi`` of
    whole segments it is CPL. Scores need an absolute level for this: log-likelihoods or denoising errors have one,
    energies and explicit rewards, which are free to drift by a constant, do not.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.
        bias: What the worse item's score is multiplied by, in (0, 1].

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The bias is out of range.
    """
    if not 0 < bias <= 1:
        raise ConfigError(f"bias must be in (0, 1], got {bias}")
    row, column = scores.value[:, :, None], scores.value[:, None]
    loss = mixed(target, -logsigmoid(row - bias * column), -logsigmoid(column - bias * row))
    return over_pairs(loss, scores, target)


def hinge(scores: Scores, target: PairTarget, *, margin: float = 1.0) -> Loss:
    """Hinge on the score difference (SLiC-HF, Zhao et al. 2023).

    ``max(0, margin - z)`` for the preferred order; a soft label mixes both orders.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.
        margin: Difference beyond which a pair no longer counts.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The margin is not positive.
    """
    if not margin > 0:
        raise ConfigError(f"margin must be positive, got {margin}")
    z = differences(scores.value)
    return over_pairs(mixed(target, (margin - z).relu(), (margin + z).relu()), scores, target)


def differences(value: Tensor) -> Tensor:
    """Row item minus column item: (B, K, ...) values to (B, K, K, ...)."""
    return value[:, :, None] - value[:, None]


def mixed(target: PairTarget, row: Tensor, column: Tensor) -> Tensor:
    """Expected loss under soft labels.

    Args:
        target: Preferences.
        row: (B, K, K) loss if the row item is the better one.
        column: (B, K, K) loss if the column item is.

    Returns:
        (B, K, K).
    """
    return target.p * row + (1 - target.p) * column


def over_pairs(loss: Tensor, scores: Scores, target: PairTarget) -> Loss:
    """Weighted mean over the compared pairs, with the terms that every pairwise objective reports.

    Args:
        loss: (B, K, K) loss of each pair.
        scores: What it was made from.
        target: Preferences; pairs of weight zero are ignored, whatever their loss.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.
    """
    # A mask by multiplication would let an infinite ignored value through as NaN.
    kept = torch.where(target.weight > 0, loss, torch.zeros_like(loss))
    total = (kept * target.weight).sum() / target.weight.sum().clamp(min=torch.finfo(loss.dtype).tiny)
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
    right = 0.5 + 0.5 * torch.sign(differences(scores.value)) * torch.sign(target.p - 0.5)
    weight = target.weight * (target.p != 0.5)
    return (torch.where(weight > 0, right, 0) * weight).sum() / weight.sum()


def _check_flip(flip: float) -> None:
    if not 0 <= flip < 0.5:
        raise ConfigError(f"flip is a share of wrong labels and must be in [0, 0.5), got {flip}")
