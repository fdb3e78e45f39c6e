"""Rules that pick one candidate by its score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.scores import Scores

Rule = Callable[[Scores, torch.Generator], Tensor]


def greedy(scores: Scores, generator: torch.Generator) -> Tensor:
    """The highest score.

    Args:
        scores: (B, N).
        generator: Not needed.

    Returns:
        (B,) index of a candidate.
    """
    del generator
    return scores.value.argmax(dim=1)


class Softmax:
    """A random candidate, in proportion to ``exp(score / temperature)``.

    With candidates of pi and scores ``beta log(pi* / pi)`` this draws from ``pi (pi* / pi)^(beta / temperature)`` as N
    grows: importance resampling, which keeps the variety that taking the best loses.

    Args:
        temperature: In units of the score; towards 0 it is `greedy`, for large ones the policy's own sample.

    Raises:
        ConfigError: The temperature is not positive.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ConfigError(f"ranker.rule.temperature must be positive, got {temperature}")
        self.temperature = temperature

    def __call__(self, scores: Scores, generator: torch.Generator) -> Tensor:
        """Pick candidates.

        Args:
            scores: (B, N).
            generator: Source of the choice.

        Returns:
            (B,) index of a candidate.
        """
        share = torch.softmax(scores.value / self.temperature, dim=1)
        return torch.multinomial(share, 1, generator=generator)[:, 0]


class Pessimistic:
    """The highest score after taking off a multiple of its spread.

    Best-of-n seeks out errors that happen to be high; a candidate on which an ensemble disagrees is more often one.

    Args:
        weight: How many spreads are taken off.

    Raises:
        ConfigError: The weight is negative.
    """

    def __init__(self, weight: float = 1.0) -> None:
        if not weight >= 0:
            raise ConfigError(f"ranker.rule.weight must not be negative, got {weight}")
        self.weight = weight

    def __call__(self, scores: Scores, generator: torch.Generator) -> Tensor:
        """Pick candidates.

        Args:
            scores: (B, N) with their spread.
            generator: Not needed.

        Returns:
            (B,) index of a candidate.

        Raises:
            ConfigError: The scores have no spread.
        """
        del generator
        if scores.spread is None:
            raise ConfigError(
                "ranker=pessimistic needs scores with a spread: of a reward of several members "
                "(rewards.<name>.members=3), or with noise draws; choose another with use=, or ranker=best_of_n"
            )
        return (scores.value - self.weight * scores.spread).argmax(dim=1)
