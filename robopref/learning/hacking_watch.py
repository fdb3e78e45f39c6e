"""Watches whether an agent pleases a process reward without succeeding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.learning.rollouts import RolloutBatch

_SURE = 3.0  # standard errors that a difference has to be beyond


@dataclass
class HackingWatch:
    """Compares fresh rollouts, which the reward has not learnt from, with those of when the agent succeeded most.

    A reward is hacked when rollouts succeed less than they did and it prefers them all the same: both differences, by
    the reward as it is now, are beyond three standard errors. That success falls alone is no reason, as long as the
    reward says so, too.

    Attributes:
        window: Batches of rollouts that are looked at together.
        drop: What part of the successes has to be lost, so that a task that is rarely solved is watched as well.

    Raises:
        ConfigError: The window is empty, or the drop is not in [0, 1).
    """

    window: int = 4
    drop: float = 0.1
    _recent: list[RolloutBatch] = field(default_factory=list[RolloutBatch], init=False, repr=False)
    _best: list[RolloutBatch] = field(default_factory=list[RolloutBatch], init=False, repr=False)

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ConfigError(f"window must be at least 1, got {self.window}")
        if not 0 <= self.drop < 1:
            raise ConfigError(f"drop must be in [0, 1), got {self.drop}")

    def look(self, fresh: RolloutBatch) -> bool:
        """Take the rollouts of a batch, and say whether the last window is the best so far."""
        self._recent = [*self._recent, fresh][-self.window :]
        better = len(self._recent) == self.window and _successes(self._recent) > _successes(self._best)
        if better:
            self._best = list(self._recent)
        return better

    def verdict(self, score: Callable[[RolloutBatch], Tensor]) -> str:
        """Why training has to stop; empty if it need not.

        Args:
            score: What the reward makes of rollouts now, (R,) sums over their steps.
        """
        if len(self._recent) < self.window or not self._best:
            return ""
        before, now = (torch.cat([one.success for one in some]) for some in (self._best, self._recent))
        fallen = float(before.mean() - now.mean())
        if not fallen > max(self.drop * float(before.mean()), _SURE * _error(before, now)):
            return ""
        liked, likes = (torch.cat([score(one) for one in some]) for some in (self._best, self._recent))
        if not float(likes.mean() - liked.mean()) > _SURE * _error(liked, likes):
            return ""
        return (
            f"the process reward is hacked: it scores the last {len(now)} rollouts {float(likes.mean()):.3g}, more "
            f"than the {float(liked.mean()):.3g} of the best {len(before)}, but {float(now.mean()):.0%} of them "
            f"succeed, not {float(before.mean()):.0%}"
        )

    def state(self) -> dict[str, Any]:
        """What it goes on from."""
        return {"recent": [vars(one) for one in self._recent], "best": [vars(one) for one in self._best]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError or TypeError if it is of something else."""
        self._recent = [RolloutBatch(**one) for one in state["recent"]]
        self._best = [RolloutBatch(**one) for one in state["best"]]


def ordered_right(total: Tensor, success: Tensor) -> float:
    """Share of pairs of a success and a failure whose scores (R,) are in this order, ties half; NaN without a pair."""
    good = success > 0.5
    ahead = total[good][:, None] - total[~good][None]
    return float((0.5 + 0.5 * ahead.sign()).mean())


def _successes(some: list[RolloutBatch]) -> float:
    return float(torch.cat([one.success for one in some]).mean()) if some else -1.0


def _error(one: Tensor, other: Tensor) -> float:
    """Standard error of the difference of two means; a share without exceptions is taken to have half of one."""
    variance = 0.0
    for values in (one, other):
        least = (0.5 / len(values)) ** 2
        variance += max(float(values.double().var(correction=0)) / len(values), least)
    return variance**0.5
