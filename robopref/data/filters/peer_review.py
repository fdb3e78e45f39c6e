"""Answers that the other members of a reward can make sense of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from robopref.data.labels.lapse_rate import NOTHING, lapse_rate
from robopref.errors import ConfigError

ESTIMATED = "estimated"


@dataclass(frozen=True)
class PeerReview:
    """Members of a reward review each other's pairs: each learns from those that the others find easiest.

    After Collaborative Reward Modeling (2025). A pair is hard for a member if its margin contradicts what was answered;
    where that is certain, order by margin and by loss are the same. At first all pairs count, since members know
    nothing; then the share that is left out of every batch rises to the share of wrong answers.

    Attributes:
        noise: Share of the answers that is wrong, below 0.5; ``estimated`` asks what rewards say of answers that they
            did not learn from.
        ramp: Share of the training in which the share that is left out rises from 0 to `noise`.

    Raises:
        ConfigError: A value is out of range.
    """

    noise: float | Literal["estimated"] = ESTIMATED
    ramp: float = 0.3
    least_members: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.noise != ESTIMATED and (isinstance(self.noise, str) or not 0 <= self.noise < 0.5):
            raise ConfigError(f"filter.peer_review.noise must be in [0, 0.5) or {ESTIMATED}, got {self.noise!r}")
        if not 0 < self.ramp <= 1:
            raise ConfigError(f"filter.peer_review.ramp is a share of the training, in (0, 1], got {self.ramp}")

    @property
    def estimated(self) -> bool:
        """Whether the share of wrong answers is to be estimated."""
        return self.noise == ESTIMATED

    def settled(self, margins: Tensor, p: Tensor) -> tuple[PeerReview, str]:
        """The filter with the share of wrong answers by `lapse_rate`; see `robopref.protocols.EstimatedFilter`."""
        found = lapse_rate(margins, p)
        return replace(self, noise=min(found.value, NOTHING)), found.told("filter.peer_review.noise")

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """1 for the pairs that a member learns from, 0 for others; see `robopref.protocols.LiveFilter`.

        Raises:
            ConfigError: There is one member, or the share of wrong answers is still to be estimated.
        """
        pairs, members = margins.shape
        if members < self.least_members:
            raise ConfigError("filter.peer_review lets members of a reward review each other, and there is one")
        if isinstance(self.noise, str):
            raise ConfigError("filter.peer_review.noise=estimated is for rewards that are trained by fit_members")
        doubt = _divergence(margins, p[:, None])
        others = (doubt.sum(1, keepdim=True) - doubt) / (members - 1)
        kept = round(pairs * (1 - self.noise * min(1.0, done / self.ramp)))
        place = others.argsort(dim=0, stable=True).argsort(dim=0)
        return (place < kept).to(margins.dtype)


def _divergence(margins: Tensor, p: Tensor) -> Tensor:
    """Kullback-Leibler divergence of what a member expects of an answer from what was answered: 0 where they agree."""
    entropy = -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p))
    return -(p * logsigmoid(margins) + (1 - p) * logsigmoid(-margins)) - entropy
