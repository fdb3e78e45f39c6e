"""Preferences by one objective, when the scores of others are known."""

from __future__ import annotations

from collections.abc import Callable

from robopref.errors import ConfigError
from robopref.scores import Loss, PairTarget, Scores

LEAST = 0.05  # weight of what preferences are about: what is left of scores is divided by it


class MultiObjective:
    """Takes off a score what other objectives explain, then applies a pairwise objective (MODPO, Zhou et al. 2024).

    ``v_i -> (v_i - offset_i) / weight``, where the offset is the weighted sum of the other rewards. The tuned policy is
    then optimal for ``weight * (this reward) + offset``: one run for every choice of weights, and no reward of sums.

    Args:
        objective: Of pairs or orderings; logistic for MODPO.
        weight: Of the objective that the preferences are about, from `LEAST` to 1.

    Raises:
        ConfigError: The weight is out of range.
    """

    def __init__(self, objective: Callable[[Scores, PairTarget], Loss], weight: float = 1.0) -> None:
        if not LEAST <= weight <= 1:
            raise ConfigError(
                f"weight of the objective must be in [{LEAST}, 1], got {weight:g}: scores less what other objectives "
                "explain are divided by it, so that training runs away as it goes to 0; let another objective be the "
                "one that preferences are about, or choose by weights without training, with ranker=weighted"
            )
        self.objective, self.weight = objective, weight

    def __call__(self, scores: Scores, target: PairTarget) -> Loss:
        """The objective of what is left of the scores.

        Args:
            scores: (B, K) values.
            target: Preferences, with the offset; without one there are no other objectives.

        Returns:
            Loss and terms of the objective.
        """
        offset = 0 if target.offset is None else target.offset
        draws = scores.draws
        if draws is not None:
            draws = (draws - (0 if target.offset is None else target.offset[..., None])) / self.weight
        left = Scores((scores.value - offset) / self.weight, draws=draws, state=scores.state)
        return self.objective(left, target)
