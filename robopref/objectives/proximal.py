"""An anchor that keeps scores near those of the reference, beside preferences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import logsigmoid

from robopref.errors import ConfigError
from robopref.scores import Loss, PairTarget, Scores


class ProximalAnchor:
    """Adds what keeps the scores of compared items near zero, where they are the reference's (PRO, Guo et al. 2025).

    ``objective - strength / 2 * sum over both items of a pair of [log s(v) + log s(-v)]``, as FlowPRO (Wu et al. 2026)
    has it of actions. Preferences see differences alone: a policy can win every pair while it makes both actions
    unlikely, and drift to where no data are. The anchor's slope, ``strength (s(v) - 1/2)``, is at most half a
    preference's and grows with the score, so margins stay finite however sure the labels are; a `ValueTerm` over
    ``preferred`` items around it is FlowPRO's imitation of what was preferred. Scores need the level of
    ``beta log(pi / pi_ref)``: energies, which are free to drift by a constant of the state, have none.

    Args:
        objective: Of preferences.
        strength: 0 is the objective alone; 1 is FlowPRO's.

    Raises:
        ConfigError: The strength is negative.
    """

    def __init__(self, objective: Callable[[Scores, PairTarget], Loss], strength: float = 1.0) -> None:
        if not strength >= 0:
            raise ConfigError(f"strength of the anchor must not be negative, got {strength}")
        self.objective, self.strength = objective, strength

    def __call__(self, scores: Scores, target: PairTarget) -> Loss:
        """The objective and the anchor.

        Args:
            scores: (B, K) values.
            target: Preferences; items that were never compared are left out.

        Returns:
            Their sum; the terms of the objective and ``anchor``, what is added before its strength.
        """
        made = self.objective(scores, target)
        # An item counts once in every pair that it is in.
        asked = target.asked
        value = torch.where(asked > 0, scores.value, 0)
        pull = -0.5 * (logsigmoid(value) + logsigmoid(-value))
        anchor = (pull * asked).sum() / target.weight.sum().clamp(min=torch.finfo(value.dtype).tiny)
        return Loss(made.total + self.strength * anchor, {**made.terms, "anchor": anchor.detach()})
