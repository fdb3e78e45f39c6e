"""Terms that are added to an objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from robopref.errors import ConfigError
from robopref.scores import Loss, PairTarget, Scores


class ValueTerm:
    """Adds the mean score of calibration items, with a sign (VPO, Cen et al. 2024).

    ``objective + sign * strength * mean(v)``. Preferences say nothing of a common shift of all scores, hence of the
    value of the policy that is optimal for them; the term settles it. Pessimism (-1) keeps what was seen likely, for
    offline data, and its gradient is that of behaviour cloning on the calibration items. Optimism (+1) pushes away from
    what was seen, towards what might be better, for online exploration. Scores need an absolute level.

    Args:
        objective: Of preferences.
        strength: Alpha; 0 is the objective alone.
        sign: -1 or +1.
        over: Which items calibrate: ``all``, or the ``preferred`` ones, weighed by their share of won comparisons.
        floor: With optimism, scores below minus this no longer count: pushing away has no end.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        objective: Callable[[Scores, PairTarget], Loss],
        strength: float,
        *,
        sign: int = -1,
        over: Literal["all", "preferred"] = "all",
        floor: float = 5.0,
    ) -> None:
        if not strength >= 0:
            raise ConfigError(f"strength of the value term must not be negative, got {strength}")
        if sign not in (-1, 1):
            raise ConfigError(f"sign of the value term must be -1 (pessimism) or 1 (optimism), got {sign}")
        if over not in ("all", "preferred"):
            raise ConfigError(f"over must be 'all' or 'preferred', got {over!r}")
        if not floor > 0:
            raise ConfigError(f"floor must be positive, got {floor}")
        self.objective, self.strength, self.sign, self.over, self.floor = objective, strength, sign, over, floor

    def __call__(self, scores: Scores, target: PairTarget) -> Loss:
        """The objective and the term.

        Args:
            scores: (B, K) values.
            target: Preferences.

        Returns:
            Their sum; the terms of the objective and ``value``, the mean score of the calibration items.
        """
        made = self.objective(scores, target)
        weight = torch.ones_like(scores.value) if self.over == "all" else target.share * (target.asked > 0)
        value = scores.value if self.sign < 0 else scores.value.clamp(min=-self.floor)
        mean = (weight * torch.where(weight > 0, value, 0)).sum() / weight.sum().clamp(min=1e-8)
        return Loss(made.total + self.sign * self.strength * mean, {**made.terms, "value": mean.detach()})
