"""Objectives of which two of three items are most alike, by where an embedding puts them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from robopref.errors import ConfigError
from robopref.scores import Loss

# Which two are most alike where each of three is the odd one.
PAIRS = ((1, 2), (0, 2), (0, 1))


def triplet(points: Tensor, odd: Tensor, weight: Tensor, *, margin: float = 0.1, symmetric: bool = True) -> Loss:
    """Hinge on how much farther the odd item is than the other two are from each other (SIRL, Bobu et al. 2023, eq. 2).

    ``max(0, |a - p| - |a - n| + margin)`` with the odd item ``n``, summed over both orders of the two that are alike,
    since the question names no anchor. Released code takes one order, the first item as ``a``.

    Args:
        points: (B, 3, D) where the items of each question are.
        odd: (B,) which item is least like the other two.
        weight: (B,) how much each question counts.
        margin: Difference of distances beyond which an order no longer counts, in the unit of the points.
        symmetric: Whether both orders count; otherwise the earlier of the two items is the anchor.

    Returns:
        The loss, a weighted mean, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The margin is not positive.
    """
    if not margin > 0:
        raise ConfigError(f"margin must be positive, got {margin}")
    near = distances(points)
    alike = near.gather(1, odd[:, None])[:, 0]
    first, second = torch.tensor(PAIRS, device=odd.device)[odd].T
    # The anchor's distance to the odd item is that of the two without the other one.
    loss = (alike - near.gather(1, second[:, None])[:, 0] + margin).relu()
    if symmetric:
        loss = loss + (alike - near.gather(1, first[:, None])[:, 0] + margin).relu()
    return _mean(loss, near, odd, weight)


def odd_one_out(points: Tensor, odd: Tensor, weight: Tensor, *, temperature: float = 1.0) -> Loss:
    """Negative log-likelihood of the answers, where ``P(odd = k)`` is proportional to ``exp(-d_ij^2 / temperature)``.

    ``d_ij`` is the distance of the two other items, so that answers are the less certain the more alike all three are,
    as are those of a Bradley-Terry model.

    Args:
        points: (B, 3, D) where the items of each question are.
        odd: (B,) which item is least like the other two.
        weight: (B,) how much each question counts.
        temperature: Squared distance that tells items apart.

    Returns:
        The loss, a weighted mean, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The temperature is not positive.
    """
    if not temperature > 0:
        raise ConfigError(f"temperature must be positive, got {temperature}")
    squares = torch.stack([(points[:, i] - points[:, j]).square().sum(-1) for i, j in PAIRS], dim=1)
    return _mean(cross_entropy(-squares / temperature, odd, reduction="none"), squares, odd, weight)


def distances(points: Tensor) -> Tensor:
    """Distance of the two other items of each item, (B, 3) of (B, 3, D)."""
    # The gradient of a norm at zero is none, and two items may be the same.
    return torch.stack([((points[:, i] - points[:, j]).square().sum(-1) + 1e-12).sqrt() for i, j in PAIRS], dim=1)


@torch.no_grad()
def odd_agreement(near: Tensor, odd: Tensor, weight: Tensor) -> Tensor:
    """Weighted share of questions whose odd item is the one without which the two others are nearest.

    Args:
        near: (B, 3) distance of the two other items of each.
        odd: (B,) what was answered.
        weight: (B,) how much each question counts.

    Returns:
        () in [0, 1]; of an embedding that tells nothing apart, where several are nearest, their share.
    """
    least = near <= near.min(1, keepdim=True).values
    right = least.gather(1, odd[:, None])[:, 0] / least.sum(1)
    return (right * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def _mean(loss: Tensor, near: Tensor, odd: Tensor, weight: Tensor) -> Loss:
    total = (loss * weight).sum() / weight.sum().clamp(min=torch.finfo(loss.dtype).tiny)
    return Loss(total, {"loss": total.detach(), "accuracy": odd_agreement(near.detach(), odd, weight)})
