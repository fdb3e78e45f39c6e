"""An order of candidates that is drawn at random by their scores, with its probability."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from robopref.errors import ConfigError

_LEAST = 1e-30  # chance that a candidate has at least, so that every order is possible


class PlackettLuce:
    """Draws who comes first in proportion to ``exp(score / temperature)``, then who is next among the rest, and so on.

    That is the model of Luce (1959) and Plackett (1975); it is drawn by sorting scores to which Gumbel noise was added
    (Yellott 1977).

    Args:
        temperature: In standard deviations of the scores of the candidates; towards 0 the best come first, for large
            ones all orders are alike.

    Raises:
        ConfigError: The temperature is not positive.
    """

    def __init__(self, temperature: float = 0.5) -> None:
        if not 0 < temperature < math.inf:
            raise ConfigError(f"the temperature of a drawn order must be positive, got {temperature}")
        self.temperature = temperature

    def chances(self, scores: Tensor) -> Tensor:
        """Probability of each candidate to come first.

        Args:
            scores: (N,) finite.

        Returns:
            (N,) float64, adding up to 1.
        """
        values = scores.detach().double().cpu()
        spread = values.std(correction=0)
        values = (values - values.mean()) / spread if spread > 0 else torch.zeros_like(values)
        share = torch.softmax(values / self.temperature, dim=0).clamp(min=_LEAST)
        return share / share.sum()

    def draw(self, scores: Tensor, generator: torch.Generator) -> tuple[list[int], list[float]]:
        """Draw an order.

        Args:
            scores: (N,) finite.
            generator: Source of the order.

        Returns:
            Indices of the candidates by place, and of each the probability to come first.
        """
        chances = self.chances(scores)
        uniform = torch.rand(len(chances), generator=generator, device=generator.device).double().cpu()
        # Zero and one have no logarithm to go on with.
        noise = -(-uniform.clamp(1e-12, 1 - 1e-12).log()).log()
        order = (chances.log() + noise).argsort(descending=True)
        return order.tolist(), chances[order].tolist()
