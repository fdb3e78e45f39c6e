"""Answers that the other members of a reward can make sense of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from robopref.data.labels.wrong_share import ESTIMATED, Noise, WrongShare


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

    noise: Noise = ESTIMATED
    ramp: float = 0.3
    least_members: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _ = self._wrong  # which checks the settings

    @property
    def _wrong(self) -> WrongShare:
        return WrongShare("peer_review", self.noise, self.ramp)

    @property
    def estimated(self) -> bool:
        """Whether the share of wrong answers is to be estimated."""
        return self.noise == ESTIMATED

    def settled(self, margins: Tensor, p: Tensor) -> tuple[PeerReview, str]:
        """The filter with the share of wrong answers by `lapse_rate`; see `robopref.protocols.EstimatedFilter`."""
        noise, line = self._wrong.estimate(margins, p)
        return replace(self, noise=noise), line

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """1 for the pairs that a member learns from, 0 for others; see `robopref.protocols.LiveFilter`.

        Raises:
            ConfigError: There is one member, or the share of wrong answers is still to be estimated.
        """
        pairs, members = margins.shape
        wrong = self._wrong.at(done, members)
        doubt = _divergence(margins, p[:, None])
        others = (doubt.sum(1, keepdim=True) - doubt) / (members - 1)
        kept = round(pairs * (1 - wrong))
        place = others.argsort(dim=0, stable=True).argsort(dim=0)
        return (place < kept).to(margins.dtype)


def _divergence(margins: Tensor, p: Tensor) -> Tensor:
    """Kullback-Leibler divergence of what a member expects of an answer from what was answered: 0 where they agree."""
    entropy = -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p))
    return -(p * logsigmoid(margins) + (1 - p) * logsigmoid(-margins)) - entropy
