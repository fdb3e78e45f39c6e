"""Objectives that regress score differences on targets."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.objectives.pairwise import differences, mixed, over_pairs
from robopref.scores import Loss, PairTarget, Scores


def identity_preference(scores: Scores, target: PairTarget, *, distance: float = 0.5) -> Loss:
    """Preferences without a Bradley-Terry model (IPO, Azar et al. 2024, eq. 17).

    ``(z - distance)^2`` for the preferred order, where z is the difference of scores ``beta log(pi / pi_ref)``. In the
    paper's form, ``(log-ratio difference - 1 / (2 tau))^2``, beta is tau and the loss is divided by ``tau^2``. Margins
    stay finite however sure the labels are. A soft label mixes both orders.

    Args:
        scores: (B, K) values; if they have draws, the square is estimated without bias, see `squared_error`.
        target: Preferences between them; pairs of weight zero are ignored.
        distance: Where the margin of a sure pair is pulled to.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The distance is not positive.
    """
    if not distance > 0:
        raise ConfigError(f"distance must be positive, got {distance}")
    aim = torch.full_like(target.p, distance)
    return over_pairs(mixed(target, squared_error(scores, aim), squared_error(scores, -aim)), scores, target)


def vote_regression(scores: Scores, target: PairTarget, *, clip: float = 0.02) -> Loss:
    """Regress the score difference on the log-odds of the votes (iREPO, Le et al. 2024).

    ``(z - logit(p))^2``, with p the share of annotators for the row item. One vote a pair is better served by a
    likelihood: its logit is only the clip.

    Args:
        scores: (B, K) values; if they have draws, the square is estimated without bias, see `squared_error`.
        target: Shares of votes; pairs of weight zero are ignored.
        clip: Shares are kept this far from 0 and 1, in (0, 0.5).

    Returns:
        The loss, with the terms ``loss`` and ``accuracy``.

    Raises:
        ConfigError: The clip is out of range.
    """
    if not 0 < clip < 0.5:
        raise ConfigError(f"clip must be in (0, 0.5), got {clip}")
    return over_pairs(squared_error(scores, torch.logit(target.p, eps=clip)), scores, target)


def squared_error(scores: Scores, aim: Tensor) -> Tensor:
    """Squared error of score differences, without the bias that noisy scores bring.

    The square of a noisy difference is too large by its variance, which pulls the policy towards its reference, where
    there is none. With M draws ``u_k = z_k - aim`` this is the U-statistic ``[(sum u)^2 - sum u^2] / (M (M - 1))``,
    the mean product of two different draws; it can be negative. The draws must be independent: antithetic or
    stratified ones are not.

    Args:
        scores: (B, K) values, of M draws if they are Monte-Carlo estimates.
        aim: (B, K, K) what each difference should be.

    Returns:
        (B, K, K).
    """
    if scores.draws is None:
        return (differences(scores.value) - aim).square()
    error = differences(scores.draws) - aim[..., None]
    count = error.shape[-1]
    return (error.sum(-1).square() - error.square().sum(-1)) / (count * (count - 1))
