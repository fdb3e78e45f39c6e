"""Objectives that look across states: what is good in one against what is bad in others that are like it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from robopref.errors import ConfigError
from robopref.objectives.classification import over_items, reference_point
from robopref.objectives.pairwise import pair_agreement
from robopref.scores import Loss, PairTarget, Scores, SuccessTarget


def relative_preference(scores: Scores, target: PairTarget, *, temperature: float = 0.15) -> Loss:
    """Preferences within states and between them (RPO, Yin et al. 2024, as in its released code).

    ``-log s(w_ab (v_i - v_j))`` for every better item i of a state a and every worse item j of a state b, with
    ``w_ab`` the softmax over b of the cosine of their encodings over the temperature: a row of weights sums to one.
    For pairs it is the paper's contrast matrix. Of more items, those of one state are contrasted as they were
    compared, and between states the better half of each with the worse half of the other, by how far their shares of
    won comparisons are from a half. Towards temperature 0 the gradient is that of Bradley-Terry.

    Weights scale the margins, so the slope falls with the number of states that are alike, and beta has to be larger
    than for DPO. Scores of different states are compared, so they need a level: energies have none.

    Args:
        scores: (B, K) values, with encodings of their states.
        target: Preferences; pairs of weight zero are ignored.
        temperature: Of the likeness of states.

    Returns:
        The loss, with the terms ``loss`` and ``accuracy`` (of the pairs that were compared, ties left out).

    Raises:
        ConfigError: The temperature is not positive, or nothing is known of the states.
    """
    likeness = _cosines(scores, temperature).softmax(1)[:, None, :, None]
    known = target.asked > 0
    value = torch.where(known, scores.value, 0)
    margin = value[:, :, None, None] - value
    lean = (2 * target.share - 1) * known
    weight = lean.relu()[:, :, None, None] * (-lean).relu()
    own = target.weight * target.p + (target.weight * (1 - target.p)).mT  # of the row item being the better one
    state = torch.arange(len(value), device=value.device)
    weight[state, :, state] = own
    loss = weight * -logsigmoid(likeness * margin)
    total = loss.sum() / weight.sum().clamp(min=torch.finfo(value.dtype).tiny)
    return Loss(total, {"loss": total.detach(), "accuracy": pair_agreement(scores, target)})


def relative_utility(scores: Scores, target: SuccessTarget, *, temperature: float = 0.15) -> Loss:
    """Gains and losses, of which those count more that are alike in another outcome (RKO, Moletta et al. 2026).

    KTO's ``1 - s(q (v - z))`` with q = 1 for successes and -1 for failures, weighed by RPO's likeness ``w_ij`` of a
    success i to each failure j, a softmax over failures: a success counts ``1 + max_j w_ij``, a failure
    ``sum_i w_ij``. So the nearest failure counts, and failures near many successes do. The reference point z is that
    of `kahneman_tversky`.

    Args:
        scores: (B, K) values ``beta log(pi / pi_ref)``, with encodings of their states.
        target: Success; items of weight zero are ignored, a success between 0 and 1 is both.
        temperature: Of the likeness of states.

    Returns:
        The loss, with the terms ``loss``, ``accuracy`` and ``reference_point``.

    Raises:
        ConfigError: The temperature is not positive, or nothing is known of the states.
    """
    count = scores.value.shape[1]
    cosines = _cosines(scores, temperature).repeat_interleave(count, 0).repeat_interleave(count, 1)
    good, bad = (target.y * target.weight).flatten(), ((1 - target.y) * target.weight).flatten()
    # Failures without weight are in nobody's softmax; without any failure it is over nothing, and all weights are 0.
    likeness = (cosines - cosines.amax(1, keepdim=True)).exp() * (bad > 0)
    likeness = likeness / (likeness * bad).sum(1, keepdim=True).clamp(min=torch.finfo(good.dtype).tiny)
    success = (1 + likeness.amax(1)).view_as(target.y)
    failure = (good @ likeness).view_as(target.y)
    point = reference_point(scores, target)
    above = scores.value - point
    loss = target.y * success * torch.sigmoid(-above) + (1 - target.y) * failure * torch.sigmoid(above)
    counts = target.y * success + (1 - target.y) * failure
    made = over_items(loss / counts.clamp(min=1e-8), above, SuccessTarget(target.y, target.weight * counts))
    return Loss(made.total, {**made.terms, "reference_point": point})


def _cosines(scores: Scores, temperature: float) -> Tensor:
    """Cosine (B, B) of the encodings of any two states, over the temperature."""
    if not temperature > 0:
        raise ConfigError(f"temperature of the likeness of states must be positive, got {temperature}")
    if scores.state is None and len(scores.value) > 1:
        raise ConfigError(
            "the objective contrasts states that are alike, and these scores say nothing of their states; choose it "
            "for rewards.implicit, without filters that look at margins in training"
        )
    state = scores.value.new_ones(1, 1) if scores.state is None else scores.state.to(scores.value.dtype)
    direction = normalize(state, dim=1)
    return direction @ direction.T / temperature
