"""Rewards of steps on a scale that does not change from one reward to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.protocols import StepReward
from robopref.rewards.steps import reaches, step_rewards

ZEROS = {"mean": torch.mean, "best": torch.max, "worst": torch.min}


@dataclass(frozen=True)
class NormalizedReward:
    """``(reward - zero) / std``: preferences leave offset and scale open, and critics that go on learning do not.

    Attributes:
        inner: A `StepReward`.
        zero: What becomes zero.
        std: Of its rewards, positive.
    """

    inner: StepReward
    zero: float = 0.0
    std: float = 1.0

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a step that the reward looks at."""
        return self.inner.keys

    @property
    def history(self) -> int:
        """Steps before a step that its reward depends on."""
        return reaches(self.inner)[0]

    @property
    def ahead(self) -> int:
        """Steps after a step whose actions its reward depends on."""
        return reaches(self.inner)[1]

    def reward(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """Rewards (R,) of steps in a row; see `StepReward`."""
        return (step_rewards(self.inner, steps, since) - self.zero) / self.std

    @classmethod
    def over(cls, inner: StepReward, rewards: Tensor, *, zero: str = "mean") -> NormalizedReward:
        """Give some steps rewards of standard deviation one.

        Args:
            inner: The reward.
            rewards: (R,) what it gives to these steps.
            zero: Which of these rewards becomes zero: the ``mean``; the ``best``, so that every step costs something
                and it pays to end an episode; or the ``worst``, so that it pays to go on.

        Returns:
            The reward on the new scale; the scale stays if all rewards are equal.
        """
        std = float(rewards.double().std(correction=0))
        return cls(inner, float(ZEROS[zero](rewards.double())), std if std > 0 else 1.0)


class NoReward:
    """Zero for every step, while nobody has said yet what is wanted."""

    keys: tuple[str, ...] = ()

    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Zeros (R,) for R steps."""
        return torch.zeros(len(next(iter(steps.values()))))
