"""From what is known of items to probabilities of grades: how the levels of a scale are related is the head's to say.

Shapes: L grades, the worst first; F numbers that are known of an item.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from robopref.errors import ConfigError

_MOST_CHAINS = 4096  # that are summed over
_SPREAD = 3.0  # log-odds that one unit of a number and of its thresholds are, so that sure grades are soon learnt


class FreeGrades(nn.Module):
    """Any probabilities: the grades are L names that nothing orders.

    Args:
        features: F.
        levels: L.
    """

    def __init__(self, features: int, levels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(features, levels)

    def forward(self, features: Tensor) -> Tensor:
        """Logarithms of probabilities (..., L) of features (..., F)."""
        return self.layer(features).log_softmax(-1)


class CumulativeGrades(nn.Module):
    """One number, and thresholds between grades (proportional odds, McCullagh 1980): ``P(y <= k) = s(3 (c_k - f))``.

    What is learnt of one grade then also says something of its neighbours.

    Args:
        features: F.
        levels: L.
    """

    def __init__(self, features: int, levels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(features, 1)
        self.first = nn.Parameter(torch.tensor(-(levels - 2) / 2 * 1.0))
        self.wider = nn.Parameter(torch.full((levels - 2,), 0.5413))  # softplus of which is 1

    @property
    def thresholds(self) -> Tensor:
        """(L - 1,) rising."""
        return torch.cat([self.first[None], self.first + softplus(self.wider).cumsum(0)])

    def forward(self, features: Tensor) -> Tensor:
        """Logarithms of probabilities (..., L) of features (..., F)."""
        below = _SPREAD * (self.thresholds - self.layer(features))
        low, high = below[..., :-1], below[..., 1:]
        # s(high) - s(low) = s(high) s(-low) (1 - exp(low - high)), which does not cancel where both are near 0 or 1.
        middle = logsigmoid(high) + logsigmoid(-low) + torch.log(-torch.expm1(low - high))
        return torch.cat([logsigmoid(below[..., :1]), middle, logsigmoid(-below[..., -1:])], dim=-1)


class ReasonedGrades(nn.Module):
    """Reasons first: a score of 1 to L by each dimension, and a grade that sees nothing but these scores.

    A chain is one score by each of D dimensions, whose probabilities are independent given the item. The grade's
    probabilities are exact, the sum over all ``L^D`` chains, ``P(y | x) = sum_z P(y | z) prod_d P(z_d | x)``: to draw a
    grade is to draw a chain and then a grade of it.

    Args:
        features: F.
        levels: L.
        dimensions: Names of the dimensions D.
        width: Of the hidden layer between scores and grade.

    Raises:
        ConfigError: There is no dimension, one twice, or so many that chains cannot be summed over.
    """

    chains: Tensor

    def __init__(self, features: int, levels: int, *, dimensions: Sequence[str], width: int = 32) -> None:
        super().__init__()
        if not dimensions or len(set(dimensions)) < len(dimensions) or levels ** len(dimensions) > _MOST_CHAINS:
            raise ConfigError(
                f"dimensions of reasons must differ and give {_MOST_CHAINS} chains of {levels} scores at most, got "
                f"{list(dimensions)}"
            )
        self.levels, self.dimensions = levels, tuple(dimensions)
        self.scorer = nn.Linear(features, len(dimensions) * levels)
        self.grader = nn.Sequential(nn.Linear(len(dimensions), width), nn.SiLU(), nn.Linear(width, levels))
        every = list(itertools.product(range(levels), repeat=len(dimensions)))
        self.register_buffer("chains", torch.tensor(every), persistent=False)

    def scores(self, features: Tensor) -> Tensor:
        """Logarithms of probabilities of each score, (..., D, L), of features (..., F)."""
        return self.scorer(features).unflatten(-1, (len(self.dimensions), self.levels)).log_softmax(-1)

    def of_scores(self, scores: Tensor) -> Tensor:
        """Logarithms of probabilities of grades, (..., L), of whole scores (..., D) counted from 0."""
        middle = (self.levels - 1) / 2
        return self.grader((scores.to(self.scorer.weight.dtype) - middle) / middle).log_softmax(-1)

    def forward(self, features: Tensor) -> Tensor:
        """Logarithms of probabilities (..., L) of features (..., F)."""
        scored = self.scores(features)
        place = torch.arange(len(self.dimensions), device=scored.device)
        chain = scored[..., place, self.chains].sum(-1)  # (..., L^D)
        return torch.logsumexp(chain[..., None] + self.of_scores(self.chains), dim=-2)
