"""Objectives of grades: items that were rated one by one on a scale, worst to best."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.scores import Loss, Scores, SuccessTarget

GapReward = Callable[[Tensor, int], Tensor]


def grade_likelihood(scores: Scores, target: SuccessTarget) -> Loss:
    """Negative log-likelihood of known grades; of a cumulative head, ordinal regression (McCullagh 1980).

    A rating between two grades, such as the mean of several people's, counts for both by how near they are.

    Args:
        scores: With the (B, K, L) probabilities of grades.
        target: Ratings in [0, 1], the worst grade to the best; items of weight zero are ignored.

    Returns:
        The loss, with the terms ``loss``, ``exact``, the share of items whose likeliest grade is the nearest one to
        their rating, and ``off``, how many grades the likeliest is away on average.

    Raises:
        ConfigError: The scorer gives no grades.
    """
    known = require_grades(scores)
    place = target.y * (known.shape[-1] - 1)
    low = place.floor().clamp(max=known.shape[-1] - 2)
    part = place - low
    below, above = (known.gather(-1, (low + up).long()[..., None])[..., 0] for up in (0, 1))
    # 0 times an infinite logarithm would be NaN.
    each = torch.where(part < 1, (1 - part) * below, 0) + torch.where(part > 0, part * above, 0)
    return _told(-_mean(each, target.weight), known, place, target.weight)


def grade_sampling(
    scores: Scores, target: SuccessTarget, *, samples: int = 8, reward: GapReward | None = None, entropy: float = 0.0
) -> Loss:
    """Reinforcement of drawn grades by how near they come (after WavReward, Ji et al. 2025, arXiv 2505.09558).

    Of each item so many grades are drawn; each earns ``reward(gap)`` of its distance to the rating, and its advantage
    is that in standard deviations of its group, ``(r - mean) / std`` (GRPO, Shao et al. 2024). The gradient is that of
    ``-mean(advantage * log p(grade))``, the value minus the expected reward, which can be watched. Draws follow from
    the probabilities themselves, so that the same scores always give the same loss.

    Args:
        scores: With the (B, K, L) probabilities of grades.
        target: Ratings in [0, 1], the worst grade to the best; items of weight zero are ignored.
        samples: Grades drawn of each item, 2 or more, as a draw is compared with the others.
        reward: Of a distance in grades, and of L; None takes `nonlinear_reward`.
        entropy: Weight of the entropy of the probabilities, which keeps them from settling too soon.

    Returns:
        The loss, with the terms ``loss``, ``reward``, ``exact`` and ``off``.

    Raises:
        ConfigError: The scorer gives no grades, or fewer than two are to be drawn.
    """
    if samples < 2 or not entropy >= 0:
        raise ConfigError(f"samples must be 2 or more and entropy not negative, got {samples} and {entropy}")
    known, earned = require_grades(scores), reward or nonlinear_reward
    place, levels = target.y * (known.shape[-1] - 1), torch.arange(known.shape[-1], device=known.device)
    table = earned((levels - place[..., None]).abs(), known.shape[-1])  # (B, K, L)
    said = known.detach()
    drawn = torch.multinomial(said.exp().flatten(0, 1), samples, replacement=True, generator=_generator(said))
    drawn = drawn.unflatten(0, known.shape[:2])
    got = table.gather(-1, drawn)
    advantage = (got - got.mean(-1, keepdim=True)) / (got.std(-1, correction=0, keepdim=True) + 1e-6)
    gain = _mean((advantage * known.gather(-1, drawn)).mean(-1), target.weight)
    expected = _mean((said.exp() * table).sum(-1), target.weight)
    climbed = -gain if not entropy else -gain - entropy * _mean(-(known.exp() * known).sum(-1), target.weight)
    told = _told(climbed - climbed.detach() - expected, known, place, target.weight)
    return Loss(told.total, {**told.terms, "reward": expected})


def nonlinear_reward(gap: Tensor, levels: int, *, sharpness: float = 2.0) -> Tensor:
    """``exp(-sharpness * gap)``: a hit counts far more than a near miss.

    Args:
        gap: In grades, not negative.
        levels: Not needed.
        sharpness: Larger is nearer to a reward of hits alone.
    """
    del levels
    return torch.exp(-sharpness * gap)


def linear_reward(gap: Tensor, levels: int) -> Tensor:
    """``1 - gap / (L - 1)``, the control: a near miss counts almost as much as a hit.

    Args:
        gap: In grades, not negative.
        levels: L.
    """
    return 1 - gap / (levels - 1)


def require_grades(scores: Scores) -> Tensor:
    """The (B, K, L) logarithms of probabilities of grades.

    Raises:
        ConfigError: The scorer gives none.
    """
    if scores.grades is None:
        raise ConfigError(
            "an objective of grades needs a reward that gives probabilities of them, such as reward=ordinal"
        )
    return scores.grades


def _told(total: Tensor, known: Tensor, place: Tensor, weight: Tensor) -> Loss:
    with torch.no_grad():
        off = (known.argmax(-1) - place).abs()
        terms = {
            "loss": total.detach(),
            "exact": _mean((off <= 0.5).to(weight.dtype), weight),
            "off": _mean(off, weight),
        }
    return Loss(total, terms)


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    kept = torch.where(weight > 0, value, torch.zeros_like(value))
    return (kept * weight).sum() / weight.sum().clamp(min=torch.finfo(value.dtype).tiny)


def _generator(said: Tensor) -> torch.Generator:
    """Draws that follow from what they are drawn by."""
    told = hashlib.sha256(said.float().cpu().numpy().tobytes()).digest()
    return torch.Generator(said.device).manual_seed(int.from_bytes(told[:8], "big") >> 1)
