"""Rewards of steps in a row from any reward of items, for relabelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import as_reward
from robopref.errors import ConfigError
from robopref.items import ACTION, Items
from robopref.protocols import Reward, StepReward

_ROWS = 256  # scored at once


@dataclass(frozen=True)
class ItemStepReward:
    """Rewards of steps, each scored as an item of one decision: the ``steps`` of the scores.

    Attributes:
        inner: What scores items.
        horizon: Actions of a chunk H, where the reward scores chunks; None where it scores single actions.
        pessimism: How much of the spread of a score is taken off.
        device: Where it scores.
    """

    inner: Reward
    horizon: int | None = None
    pessimism: float = 0.0
    device: torch.device | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a step that it looks at."""
        return self.inner.keys

    @property
    def history(self) -> int:
        """Steps before a step that its reward depends on."""
        return 0

    @property
    def ahead(self) -> int:
        """Steps after a step whose actions belong to its chunk."""
        return max(0, (self.horizon or 1) - 1)

    @torch.no_grad()
    def reward(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """Rewards of steps in a row.

        Args:
            steps: (R, ...) for each of `keys`; those after the last belong to chunks only.
            since: (R,) how many of the rows just before each belong to its episode; a chunk that would run past the
                end of its episode repeats the last action, as in training. None takes all rows as one episode.

        Returns:
            (R,).
        """
        arrays = {key: torch.as_tensor(value, device=self.device) for key, value in steps.items() if key in self.keys}
        if self.horizon is not None and ACTION in arrays:
            arrays[ACTION] = arrays[ACTION][self._chunks(len(arrays[ACTION]), since)]
        found: list[Tensor] = []
        for start in range(0, len(next(iter(arrays.values()))), _ROWS):
            parts = {key: value[start : start + _ROWS, None, None] for key, value in arrays.items()}
            weight = torch.ones(len(next(iter(parts.values()))), 1, 1, device=self.device)
            scores = self.inner.score(Items(parts, weight))
            given = (scores.value if scores.steps is None else scores.steps[..., 0])[:, 0]
            found.append(given if scores.spread is None else given - self.pessimism * scores.spread[:, 0])
        return torch.cat(found)

    def _chunks(self, rows: int, since: NDArray[np.int64] | None) -> Tensor:
        """Which rows are the chunk of each, (R, H)."""
        begins = np.arange(rows) - (np.arange(rows) if since is None else since)
        last = np.searchsorted(begins, begins, side="right") - 1  # of the episode
        chunk = np.minimum(np.arange(rows)[:, None] + np.arange(self.horizon or 1), last[:, None])
        return torch.as_tensor(chunk, device=self.device)


def step_rewards(reward: StepReward, steps: Mapping[str, Any], since: NDArray[np.int64] | None) -> Tensor:
    """Rewards (R,) of R steps in a row.

    Args:
        reward: The reward.
        steps: (R, ...) of each of its arrays.
        since: (R,) how many of the rows just before each belong to its episode; None as the reward takes it.
    """
    if reaches(reward) == (0, 0):
        return reward.reward(steps)
    alike: Any = reward
    return alike.reward(steps, since)


def recorded_step_rewards(reward: StepReward, store: EpisodeStore, start: int, stop: int) -> Tensor:
    """Rewards of some steps of a dataset, which may depend on others around them.

    Args:
        reward: The reward.
        store: Recorded episodes.
        start: First step.
        stop: One past the last step.

    Returns:
        (stop - start,).
    """
    before, after = reaches(reward)
    first = max(0, start - before)
    rows = np.arange(first, min(store.steps, stop + after))
    arrays = steps_of(store, reward.keys, first, first + len(rows))
    begins = np.append(0, store.episode_ends)[np.searchsorted(store.episode_ends, rows, side="right")]
    return step_rewards(reward, arrays, np.minimum(rows - begins, rows - first))[start - first : stop - first]


def reaches(reward: StepReward) -> tuple[int, int]:
    """On how many steps before a step, and on how many after it, its reward depends."""
    return int(getattr(reward, "history", 0)), int(getattr(reward, "ahead", 0))


def as_step_reward(reward: object, *, pessimism: float = 0.0) -> StepReward:
    """Whatever scores items or candidates, as a reward of steps.

    Args:
        reward: A `StepReward`, a `Reward` or a `CandidateScorer`; modules score where their parameters are. Scorers of
            a policy's chunks say in ``horizon`` how many actions these have.
        pessimism: How much of the spread of a score is taken off; a `StepReward` has its own.

    Raises:
        ConfigError: It is none of these, or rewards of decisions depend on those before and it has no ``reward``.
    """
    if isinstance(reward, StepReward):
        return reward
    scoring = as_reward(reward)
    if getattr(reward, "history", 0):
        raise ConfigError(
            f"{type(reward).__name__} looks at what came before a step; give it reward(steps, since) to relabel with it"
        )
    parameter = next(reward.parameters(), None) if isinstance(reward, torch.nn.Module) else None
    device = None if parameter is None else parameter.device
    return ItemStepReward(scoring, getattr(reward, "horizon", None), pessimism, device)
