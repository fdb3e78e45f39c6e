"""The share of wrong answers that live filters go by, given or estimated, and how it rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robopref.data.labels.lapse_rate import NOTHING, lapse_rate
from robopref.errors import ConfigError

ESTIMATED = "estimated"
Noise = float | Literal["estimated"]


@dataclass(frozen=True)
class WrongShare:
    """How many answers are taken to be wrong in the course of a training.

    Attributes:
        name: Of the filter whose settings these are.
        noise: Share of the answers that is wrong, below 0.5, or ``estimated``.
        ramp: Share of the training in which it rises from 0 to `noise`.

    Raises:
        ConfigError: A value is out of range.
    """

    name: str
    noise: Noise
    ramp: float

    def __post_init__(self) -> None:
        if self.noise != ESTIMATED and (isinstance(self.noise, str) or not 0 <= self.noise < 0.5):
            raise ConfigError(f"filter.{self.name}.noise must be in [0, 0.5) or {ESTIMATED}, got {self.noise!r}")
        if not 0 < self.ramp <= 1:
            raise ConfigError(f"filter.{self.name}.ramp is a share of the training, in (0, 1], got {self.ramp}")

    def at(self, done: float, members: int) -> float:
        """The share at a time of the training, in which members look at each other's pairs.

        Args:
            done: Share of the training that is done.
            members: Of the reward.

        Raises:
            ConfigError: There is one member, or the share is still to be estimated.
        """
        if members < 2:
            raise ConfigError(
                f"filter.{self.name} lets members of a reward look at each other's pairs, and there is one"
            )
        if isinstance(self.noise, str):
            raise ConfigError(f"filter.{self.name}.noise={ESTIMATED} is for rewards that are trained by fit_members")
        return self.noise * min(1.0, done / self.ramp)

    def estimate(self, margins: Tensor, p: Tensor) -> tuple[float, str]:
        """The share by `lapse_rate`, and a line that says so; see `robopref.protocols.EstimatedFilter`."""
        found = lapse_rate(margins, p)
        return min(found.value, NOTHING), found.told(f"filter.{self.name}.noise")
