"""Answers by how likely the other members of a reward find them right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from robopref.data.labels.lapse_rate import NOTHING, lapse_rate
from robopref.errors import ConfigError

ESTIMATED = "estimated"


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

    noise: float | Literal["estimated"] = ESTIMATED
    ramp: float = 0.3
    least_members: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.noise != ESTIMATED and (isinstance(self.noise, str) or not 0 <= self.noise < 0.5):
            raise ConfigError(f"filter.peer_doubt.noise must be in [0, 0.5) or {ESTIMATED}, got {self.noise!r}")
        if not 0 < self.ramp <= 1:
            raise ConfigError(f"filter.peer_doubt.ramp is a share of the training, in (0, 1], got {self.ramp}")

    @property
    def estimated(self) -> bool:
        """Whether the share of wrong answers is to be estimated."""
        return self.noise == ESTIMATED

    def settled(self, margins: Tensor, p: Tensor) -> tuple[PeerDoubt, str]:
        """The filter with the share of wrong answers by `lapse_rate`; see `robopref.protocols.EstimatedFilter`."""
        found = lapse_rate(margins, p)
        return replace(self, noise=min(found.value, NOTHING)), found.told("filter.peer_doubt.noise")

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """The chance that each answer is right, by the other members; see `robopref.protocols.LiveFilter`.

        Raises:
            ConfigError: There is one member, or the share of wrong answers is still to be estimated.
        """
        members = margins.shape[1]
        if members < self.least_members:
            raise ConfigError("filter.peer_doubt lets members of a reward weigh each other's pairs, and there is one")
        if isinstance(self.noise, str):
            raise ConfigError("filter.peer_doubt.noise=estimated is for rewards that are trained by fit_members")
        wrong = self.noise * min(1.0, done / self.ramp)
        others = (margins.sum(1, keepdim=True) - margins) / (members - 1)
        expected = torch.sigmoid(others * (2 * p[:, None] - 1).sign())
        right, turned = (1 - wrong) * expected, wrong * (1 - expected)
        return torch.where(p[:, None] == 0.5, torch.ones_like(margins), right / (right + turned).clamp(min=1e-12))
