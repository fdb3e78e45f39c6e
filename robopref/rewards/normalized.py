"""Rewards of steps on a scale that does not change from one reward to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from robopref.protocols import StepReward


@dataclass(frozen=True)
class NormalizedReward:
    """``(reward - mean) / std``: preferences leave offset and scale open, and critics that go on learning do not.

    Attributes:
        inner: A `StepReward`.
        mean: Of its rewards.
        std: Of its rewards, positive.
    """

    inner: StepReward
    mean: float = 0.0
    std: float = 1.0

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a step that the reward looks at."""
        return self.inner.keys

    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Rewards (R,) of single steps."""
        return (self.inner.reward(steps) - self.mean) / self.std

    @classmethod
    def over(cls, inner: StepReward, rewards: Tensor) -> NormalizedReward:
        """Give some steps rewards of mean zero and standard deviation one.

        Args:
            inner: The reward.
            rewards: (R,) what it gives to these steps.

        Returns:
            The reward on the new scale; the scale stays if all rewards are equal.
        """
        std = float(rewards.double().std(correction=0))
        return cls(inner, float(rewards.double().mean()), std if std > 0 else 1.0)


class NoReward:
    """Zero for every step, while nobody has said yet what is wanted."""

    keys: tuple[str, ...] = ()

    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Zeros (R,) for R steps."""
        return torch.zeros(len(next(iter(steps.values()))))
