"""Objectives in which a tie is an answer of its own."""

from __future__ import annotations

import math

import torch

from robopref.errors import ConfigError
from robopref.objectives.pairwise import differences, over_pairs
from robopref.scores import Loss, PairTarget, Scores


def davidson(scores: Scores, target: PairTarget, *, ties: float = 1 / 3) -> Loss:
    """Negative log-likelihood of a model with ties (Davidson 1970).

    Row wins, tie and column wins have chances in proportion ``exp(z / 2) : nu : exp(-z / 2)``, with z the difference
    of scores. Ties are likely between items of equal score, and say so; under Bradley-Terry a tie is half an answer for
    each item. The label p counts as a tie with weight ``1 - |2 p - 1|``, the rest as a win of the more likely item.

    Args:
        scores: (B, K) values of the compared items.
        target: Preferences between them; pairs of weight zero are ignored.
        ties: Share of ties between items of equal score, ``nu / (2 + nu)``, in (0, 1).

    Returns:
        The loss, with the terms ``loss`` and ``accuracy`` (ties left out).

    Raises:
        ConfigError: The share is out of range.
    """
    if not 0 < ties < 1:
        raise ConfigError(f"ties is a share and must be in (0, 1), got {ties}")
    half = differences(scores.value) / 2
    tie = torch.full_like(half, math.log(2 * ties / (1 - ties)))
    row, neither, column = torch.stack([half, tie, -half]).log_softmax(dim=0)
    lean = 2 * target.p - 1
    loss = -(lean.relu() * row + (-lean).relu() * column + (1 - lean.abs()) * neither)
    return over_pairs(loss, scores, target)
