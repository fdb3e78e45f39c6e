"""Answers by how likely the other members of a reward find them right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from robopref.data.labels.wrong_share import ESTIMATED, Noise, WrongShare


@dataclass(frozen=True)
class PeerDoubt:
    """Members of a reward weigh each other's pairs by the chance that the answer is right.

    The milder kin of `PeerReview`, and our own: no pair is left out of a batch for being hard. If a share ``e`` of the
    answers is wrong, and the others expect the answer with probability ``q``, it is right with probability
    ``(1 - e) q / ((1 - e) q + e (1 - q))``, which is the weight. An answer that leaves open which is better weighs 1.

    Attributes:
        noise: Share of the answers that is wrong, below 0.5; ``estimated`` asks what rewards say of answers that they
            did not learn from.
        ramp: Share of the training in which ``e`` rises from 0 to `noise`.

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
        return WrongShare("peer_doubt", self.noise, self.ramp)

    @property
    def estimated(self) -> bool:
        """Whether the share of wrong answers is to be estimated."""
        return self.noise == ESTIMATED

    def settled(self, margins: Tensor, p: Tensor) -> tuple[PeerDoubt, str]:
        """The filter with the share of wrong answers by `lapse_rate`; see `robopref.protocols.EstimatedFilter`."""
        noise, line = self._wrong.estimate(margins, p)
        return replace(self, noise=noise), line

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """The chance that each answer is right, by the other members; see `robopref.protocols.LiveFilter`.

        Raises:
            ConfigError: There is one member, or the share of wrong answers is still to be estimated.
        """
        members = margins.shape[1]
        wrong = self._wrong.at(done, members)
        others = (margins.sum(1, keepdim=True) - margins) / (members - 1)
        expected = torch.sigmoid(others * (2 * p[:, None] - 1).sign())
        right, turned = (1 - wrong) * expected, wrong * (1 - expected)
        return torch.where(p[:, None] == 0.5, torch.ones_like(margins), right / (right + turned).clamp(min=1e-12))
