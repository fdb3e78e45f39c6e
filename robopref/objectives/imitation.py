"""Objectives that imitate good items, from maximum likelihood to other divergences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from robopref.errors import unknown_name
from robopref.objectives.classification import over_items
from robopref.scores import Loss, Scores, SuccessTarget


def imitate(scores: Scores, target: SuccessTarget, *, divergence: str = "likelihood") -> Loss:
    """Raise the scores of successful items: ``-mean weight y phi(v)``.

    With ``phi(v) = v`` and scores that are minus the denoising error, this is behaviour cloning; chosen items make it
    RAFT (Dong et al. 2023), exponential weights reward-weighted regression (Peters and Schaal 2007). With scores
    ``beta log(pi / pi_ref)``, other phi are other f-divergences between the demonstrator and the policy ("implicit
    reward as the bridge", Wang et al. 2025, in the form of IQ-Learn, Garg et al. 2021): ``phi(v) = -f*(-v)`` saturates,
    so that a policy stops moving away from its reference on what it has learnt already.

    Args:
        scores: (B, K) values.
        target: Success; an item counts ``weight * y``.
        divergence: ``likelihood`` (v), ``chi2`` (``v - v^2 / 4``, whose slope turns at 2), ``hellinger``
            (``v / (1 + v)``, continued by its tangent below -0.5) or ``kl`` (``-exp(-v - 1)``, likewise below -3).

    Returns:
        The loss, with the terms ``loss`` and, if the divergence can turn, ``turned``: the share of items beyond.

    Raises:
        ConfigError: An unknown divergence.
    """
    if divergence not in _PHI:
        raise unknown_name("divergence", divergence, _PHI)
    chosen = SuccessTarget(torch.ones_like(target.y), target.weight * target.y)
    made = over_items(-_PHI[divergence](scores.value), scores.value, chosen)
    terms = {"loss": made.terms["loss"]}
    if divergence == "chi2":
        terms["turned"] = over_items((scores.value.detach() > 2).to(scores.value.dtype), scores.value, chosen).total
    return Loss(made.total, terms)


def _hellinger(value: Tensor) -> Tensor:
    # v / (1 + v) has slope 1 / (1 + v)^2; at -0.5 it is -1 with slope 4.
    inside = value.clamp(min=-0.5)
    return torch.where(value > -0.5, inside / (1 + inside), -1 + 4 * (value + 0.5))


def _kl(value: Tensor) -> Tensor:
    # At -3 it is -e^2 with slope e^2; the exponential below would overflow.
    edge = torch.exp(torch.full_like(value, 2.0))
    return torch.where(value > -3, -torch.exp(-value.clamp(min=-3) - 1), -edge + edge * (value + 3))


_PHI: dict[str, Callable[[Tensor], Tensor]] = {
    "likelihood": lambda value: value,
    "chi2": lambda value: value - 0.25 * value.square(),
    "hellinger": _hellinger,
    "kl": _kl,
}
