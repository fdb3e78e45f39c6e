"""Advantages of the steps of whole rollouts, from process rewards, outcomes and, if they use one, a critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robopref.errors import ConfigError


@dataclass(frozen=True)
class ScoredRollouts:
    """R rollouts, padded to T steps, as an advantage sees them.

    Attributes:
        process: (R, T) process rewards.
        weight: (R, T) 1 for steps of the rollout, 0 behind its end.
        success: (R,) outcomes in [0, 1].
        start: (R,) which rollouts began alike, by a number.
        value: (R, T) what the agent's critic expects to be earned from a step on.
    """

    process: Tensor
    weight: Tensor
    success: Tensor
    start: Tensor
    value: Tensor


@dataclass(frozen=True)
class Advantages:
    """What steps are worth.

    Attributes:
        advantage: (R, T) how much better than expected a step was; zero behind the end.
        worth: (R, T) what the critic should have expected.
    """

    advantage: Tensor
    worth: Tensor


class AdvantageEstimator(Protocol):
    """From rewards and outcomes to advantages."""

    def __call__(self, rollouts: ScoredRollouts) -> Advantages:
        """The advantages of every step."""
        ...


@dataclass(frozen=True)
class LeaveOneOut:
    """Process and outcome, each against the other rollouts from the same start (RLOO; PRIME, Cui et al. 2025, eq. 5).

    ``A_t = sum_{s >= t} discount^(s - t) (r_s - mean_{j != i} r_j) + o - mean_{j != i} o_j``, where ``r_j`` is the mean
    process reward of a step of rollout j. A rollout that is alone with its start has no baseline.

    Attributes:
        discount: Of process rewards to come. PRIME sums all of them; but a log-ratio is an advantage already (Yuan et
            al. 2024), to which later ones add noise, so that by default it stands alone.

    Raises:
        ConfigError: The discount is not in [0, 1].
    """

    discount: float = 0.0

    def __post_init__(self) -> None:
        _require_share("discount", self.discount)

    def __call__(self, rollouts: ScoredRollouts) -> Advantages:
        """The advantages of every step."""
        weight, process = rollouts.weight, rollouts.process * rollouts.weight
        mean = process.sum(1) / weight.sum(1).clamp(min=1)
        relative = (process - others(mean, rollouts.start)[:, None]) * weight
        outcome = rollouts.success - others(rollouts.success, rollouts.start)
        advantage = (to_come(relative, self.discount) + outcome[:, None]) * weight
        return Advantages(advantage, (to_come(process, self.discount) + rollouts.success[:, None]) * weight)


@dataclass(frozen=True)
class GeneralisedAdvantage:
    """Errors of the critic, summed with decay (GAE, Schulman et al. 2016, eq. 16); the outcome is of the last step.

    ``d_t = r_t + discount V_{t+1} - V_t``, ``A_t = sum_{s >= t} (discount trace)^(s - t) d_s``. Nothing follows the
    last step.

    Attributes:
        discount: Of rewards to come.
        trace: Decay of errors to come: 0 trusts the critic, 1 trusts what was earned.

    Raises:
        ConfigError: A number is not in [0, 1].
    """

    discount: float = 1.0
    trace: float = 0.95

    def __post_init__(self) -> None:
        _require_share("discount", self.discount)
        _require_share("trace", self.trace)

    def __call__(self, rollouts: ScoredRollouts) -> Advantages:
        """The advantages of every step."""
        weight = rollouts.weight
        there, none = weight > 0, torch.zeros_like(weight[:, :1])
        after = torch.cat([weight[:, 1:], none], 1)
        reward = rollouts.process * weight + rollouts.success[:, None] * (weight - after)
        value = torch.where(there, rollouts.value, torch.zeros_like(rollouts.value))
        error = (reward + self.discount * torch.cat([value[:, 1:], none], 1) - value) * weight
        advantage = to_come(error, self.discount * self.trace) * weight
        return Advantages(advantage, advantage + value)


def to_come(reward: Tensor, discount: float) -> Tensor:
    """Discounted sums (R, T) of this and all later steps."""
    total, found = torch.zeros_like(reward[:, 0]), list[Tensor]()
    for step in reversed(reward.unbind(1)):
        total = step + discount * total
        found.append(total)
    return torch.stack(found[::-1], 1)


def others(value: Tensor, start: Tensor) -> Tensor:
    """Mean (R,) over the other rollouts from the same start; zero where there is no other.

    Args:
        value: (R,) of rollouts.
        start: (R,) numbers of their starts.
    """
    same = (start[:, None] == start[None]).to(value.dtype)
    same.fill_diagonal_(0)
    return same @ value / same.sum(1).clamp(min=1)


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be in [0, 1], got {value}")
