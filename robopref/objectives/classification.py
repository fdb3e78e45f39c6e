"""Objectives of success: which items succeeded, without a comparison."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from robopref.errors import ConfigError
from robopref.scores import Loss, Scores, SuccessTarget


def success_cross_entropy(scores: Scores, target: SuccessTarget) -> Loss:
    """Cross-entropy of success against ``sigmoid(score)`` (implicit process rewards, Yuan et al. 2024, eq. 5).

    With scores ``sum_h beta log(pi / pi_ref)`` of whole segments, the summands become rewards of single decisions. It
    pins the level of a score, so scores need one: energies, which are free to drift by a constant of the state, give
    an ordinary classifier instead.

    Args:
        scores: (B, K) values.
        target: Success; items of weight zero are ignored.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.
    """
    return over_items(_cross_entropy(scores.value, target), scores.value, target)


def group_cross_entropy(scores: Scores, target: SuccessTarget) -> Loss:
    """Cross-entropy of success against the score relative to the others of the group (PACS, Li et al. 2025).

    ``z_i = v_i - mean of v_j over the others``, the leave-one-out baseline of RLOO, so a common shift cancels. With
    scores ``beta log(pi / pi_old)`` of K rollouts from one state, the gradient is an actor's (it weighs ``log pi``) and
    a critic's (the weight is how wrong the score was) in one.

    Args:
        scores: (B, K) values of the K items of a group; K at least 2.
        target: Success; items of weight zero are ignored and are in nobody's baseline, and so is the only known item
            of a group. See `robopref.data.labels.target_operators.balanced`.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: Groups of one.
    """
    if scores.value.shape[1] < 2:
        raise ConfigError("group_cross_entropy compares an item with the others of its group; it got groups of one")
    known = (target.weight > 0).to(scores.value.dtype)
    value = torch.where(known > 0, scores.value, torch.zeros_like(scores.value))
    others = known.sum(1, keepdim=True) - known
    relative = value - (value.sum(1, keepdim=True) - value) / others.clamp(min=1)
    target = SuccessTarget(target.y, target.weight * (others > 0))
    return over_items(_cross_entropy(relative, target), relative, target)


def kahneman_tversky(
    scores: Scores, target: SuccessTarget, *, desirable: float = 1.0, undesirable: float = 1.0
) -> Loss:
    """Utility of gains and losses against a reference point (KTO, Ethayarajh et al. 2024, eq. 8).

    ``desirable * (1 - s(v - z))`` for what was good and ``undesirable * (1 - s(z - v))`` for what was not, where z is
    the `reference_point`. A success between 0 and 1 mixes both.

    Args:
        scores: (B, K) values ``beta log(pi / pi_ref)``, which need an absolute level.
        target: Success; items of weight zero are ignored.
        desirable: Weight of good items.
        undesirable: Weight of the others; the paper keeps ``desirable * n_good / (undesirable * n_bad)`` in [1, 4/3].

    Returns:
        The loss, with the terms ``loss``, ``accuracy`` and ``reference_point``.

    Raises:
        ConfigError: A weight is not positive.
    """
    if not (desirable > 0 and undesirable > 0):
        raise ConfigError(f"desirable and undesirable must be positive, got {desirable} and {undesirable}")
    point = reference_point(scores, target)
    above = scores.value - point
    loss = target.y * desirable * torch.sigmoid(-above) + (1 - target.y) * undesirable * torch.sigmoid(above)
    made = over_items(loss, above, target)
    return Loss(made.total, {**made.terms, "reference_point": point})


def reference_point(scores: Scores, target: SuccessTarget) -> Tensor:
    """What is neither a gain nor a loss: ``max(0, mean score of the batch)``, without gradient.

    KTO takes the mean over answers that belong to other prompts, an estimate of the policy's divergence from its
    reference; here the batch's own items stand in for them.

    Args:
        scores: (B, K) values.
        target: Success; items of weight zero are ignored.

    Returns:
        () the point.
    """
    return _mean(scores.value.detach(), target.weight).clamp(min=0)


def over_items(loss: Tensor, value: Tensor, target: SuccessTarget) -> Loss:
    """Weighted mean over the items of which success is known.

    Args:
        loss: (B, K) loss of each item.
        value: (B, K) what is positive where success is expected.
        target: Success; items of weight zero are ignored, whatever their loss.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy`` (successes of 0.5 left out; NaN if there is no other).
    """
    total = _mean(loss, target.weight)
    with torch.no_grad():
        decided = target.weight * (target.y != 0.5)
        right = 0.5 + 0.5 * torch.sign(value) * torch.sign(target.y - 0.5)
        accuracy = (right * decided).sum() / decided.sum()
    return Loss(total, {"loss": total.detach(), "accuracy": accuracy})


def _cross_entropy(value: Tensor, target: SuccessTarget) -> Tensor:
    return binary_cross_entropy_with_logits(value, target.y, reduction="none")


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    # A mask by multiplication would let an infinite ignored value through as NaN.
    kept = torch.where(weight > 0, value, torch.zeros_like(value))
    return (kept * weight).sum() / weight.sum().clamp(min=torch.finfo(value.dtype).tiny)
