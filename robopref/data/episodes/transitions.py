"""Transitions (s, a, r, s') of recorded episodes, for learning from them offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.data.episodes.recorded_views import clouds
from robopref.data.episodes.reward_recipes import Recipe, episode_returns, unchanged
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache, cache_folder
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.nets.points import thin

_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ActionBounds:
    """Between which bounds recorded actions are, such as those of the task.

    Attributes:
        lower: One number for all dimensions, or one for each.
        upper: The same.

    Raises:
        ConfigError: They are not finite, or the lower are not below the upper.
    """

    lower: float | Sequence[float] = -1.0
    upper: float | Sequence[float] = 1.0

    def __post_init__(self) -> None:
        low, high = np.asarray(self.lower, np.float64), np.asarray(self.upper, np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()) or low.ndim > 1 or high.ndim > 1:
            raise ConfigError(f"bounds of actions must be finite numbers, got {self.lower} and {self.upper}")
        if low.shape not in ((), high.shape) and high.shape != ():
            raise ConfigError(f"bounds of actions must be as many, got {self.lower} and {self.upper}")
        if not (low < high).all():
            raise ConfigError(f"lower bounds of actions must be below the upper, got {self.lower} and {self.upper}")

    def __str__(self) -> str:
        """Both, as they are written in settings."""
        low, high = (np.asarray(bound).tolist() for bound in (self.lower, self.upper))
        return (
            f"[{low:g}, {high:g}]"
            if isinstance(low, float | int) and isinstance(high, float | int)
            else f"{[low, high]}"
        )

    def scaled(self, action: Tensor) -> Tensor:
        """Actions (steps, A) as numbers in [-1, 1].

        Raises:
            ConfigError: There is another number of bounds than of dimensions.
        """
        if (self.lower, self.upper) == (-1.0, 1.0):
            return action
        low, high = (torch.as_tensor(np.asarray(bound, np.float32)) for bound in (self.lower, self.upper))
        if {*low.shape, *high.shape} - {action.shape[1]}:
            raise ConfigError(f"actions of {action.shape[1]} numbers have bounds {self}")
        return 2 * (action - low) / (high - low) - 1


_UNSCALED = ActionBounds()


@dataclass(frozen=True)
class Transitions:
    """Steps of episodes, and which of them have a successor.

    The state that follows step i is step i + 1 of its episode. The last step of an episode has none: it is a transition
    if the task ended there for good, and left out if it was only cut off, as in D4RL's ``qlearning_dataset``; unless
    the data hold the next states themselves.

    Attributes:
        keys: Which parts of an observation there are.
        vector: (steps, V) those that are no cloud, end to end, in memory.
        points: (steps, P, 3+C) memory-mapped, or None.
        next_vector: (steps, V) of the states that followed; None if they are the next steps.
        action: (steps, A) in [-1, 1].
        reward: (steps,), or (S, steps) if each of S seeds that learn at once has a reward of its own.
        terminated: (steps,) whether the task ended for good.
        rows: (transitions,) steps that are transitions.
        ends: (episodes,) one past the last step of each episode.
        source: Names the content, for telling data apart.
    """

    keys: tuple[str, ...]
    vector: Tensor
    points: NDArray[Any] | None
    next_vector: Tensor | None
    action: Tensor
    reward: Tensor
    terminated: Tensor
    rows: Tensor
    ends: NDArray[np.int64]
    source: str

    @classmethod
    def load(
        cls,
        store: EpisodeStore,
        *,
        keys: Sequence[str] = ("state",),
        reward: str | None = "reward",
        recipe: Recipe = unchanged,
        bounds: ActionBounds = _UNSCALED,
        folder: Path | None = None,
    ) -> Transitions:
        """Read the transitions of a store.

        Args:
            store: Episodes with ``action``, ``terminated`` and the arrays that are asked for.
            keys: Parts of an observation; ``points`` stays on disk.
            reward: Which array of rewards; None for learners that look at none: then all rewards are zero, and
                ``terminated`` may be missing.
            recipe: Scales the rewards.
            bounds: Of the recorded actions, which are scaled to [-1, 1].
            folder: Where clouds are mapped from if nothing can be written beside the store.

        Returns:
            The transitions.

        Raises:
            ConfigError: The store has no array of such a name, or it has the wrong shape.
            DataError: There is no transition, or an action is outside of the bounds.
        """
        if not len(store):
            raise DataError(f"{store.path} holds no episodes yet; collect some before learning from it")
        needed = (*keys, "action") if reward is None else (*keys, "action", reward, "terminated")
        for key in needed:
            if key not in store.keys:
                raise unknown_name(f"array of {store.path}", key, store.keys)
        vectors = [key for key in keys if key != "points"]
        scored = np.zeros(store.steps, np.float32) if reward is None else _rewards(store, reward)
        if "points" in keys:
            clouds(store, 0, 1)
        ends = store.episode_ends
        action = scaled_actions(store, bounds)
        follows = bool(vectors) and "points" not in keys and all(f"next_{key}" in store.keys for key in vectors)
        terminated = torch.zeros(store.steps, dtype=torch.bool)
        if "terminated" in store.keys:
            terminated = torch.as_tensor(store.array("terminated")).reshape(-1).bool()
        kept = np.ones(store.steps, dtype=bool)
        if not follows:
            kept[ends - 1] = terminated.numpy()[ends - 1]
        if not kept.any():
            raise DataError(f"{store.path}: every episode is a single step that was cut off, so no transition is left")
        cached = ReplayCache.build(store, ["points"], cache_folder(store, folder)) if "points" in keys else None
        return cls(
            keys=tuple(keys),
            vector=_vectors(store, vectors),
            points=cached["points"] if cached is not None else None,
            next_vector=_vectors(store, [f"next_{key}" for key in vectors]) if follows else None,
            action=action,
            reward=torch.as_tensor(scored if reward is None else recipe(scored, ends)),
            terminated=terminated,
            rows=torch.as_tensor(np.flatnonzero(kept)),
            ends=ends,
            source=f"{store.fingerprint()} {','.join(keys)} {reward}{'' if bounds == _UNSCALED else f' {bounds}'}",
        )

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self.rows)

    @property
    def returns(self) -> NDArray[np.float64]:
        """(episodes,) sum of the rewards of each, scaled as they are."""
        return episode_returns(self.reward.numpy(), self.ends)

    def best(self, share: float) -> Transitions:
        """Only the episodes with the greatest returns.

        Args:
            share: Of the episodes, in (0, 1]; at least one is kept.

        Returns:
            The same steps, of which fewer count as transitions.

        Raises:
            ConfigError: The share is out of range.
            DataError: The best episodes hold no transition.
        """
        if not 0 < share <= 1:
            raise ConfigError(f"share of the best episodes must be in (0, 1], got {share}")
        count = max(1, round(share * len(self.ends)))
        chosen = np.zeros(len(self.ends), dtype=bool)
        chosen[np.argsort(-self.returns, kind="stable")[:count]] = True
        of_step = np.repeat(chosen, np.diff(self.ends, prepend=0))
        rows = self.rows[torch.as_tensor(of_step)[self.rows]]
        if not len(rows):
            raise DataError(f"the best {count} of {len(self.ends)} episodes hold no transition; choose a larger share")
        return replace(self, rows=rows, source=f"{self.source} best {share}")

    def clouds(self, rows: NDArray[np.int64], points: int) -> Tensor:
        """Copy (R, P, 3) clouds of some steps, each thinned to P points.

        Args:
            rows: (R,) steps.
            points: Points kept.

        Returns:
            float32.

        Raises:
            DataError: The data hold no clouds.
        """
        if self.points is None:
            raise DataError("these transitions hold no points; load them with the key 'points'")
        return thin(torch.as_tensor(np.asarray(self.points[rows][..., :3], dtype=np.float32)), points)


def scaled_actions(store: EpisodeStore, bounds: ActionBounds) -> Tensor:
    """The actions of a store (steps, A), in [-1, 1].

    Args:
        store: Episodes with ``action``.
        bounds: Of what was recorded.

    Raises:
        ConfigError: There is another number of bounds than of dimensions.
        DataError: An action is outside of them.
    """
    recorded = _flat(store, "action")
    action = bounds.scaled(recorded)
    if len(action) and float(action.abs().max()) > 1 + _TOLERANCE:
        step = int(action.abs().amax(1).argmax())
        worst = float(recorded[step, int(action[step].abs().argmax())])
        raise DataError(
            f"{store.path}: action {worst:g} at step {step} is outside {bounds}; say between "
            "which bounds the task's actions are with action_bounds=[<lower>,<upper>]"
        )
    return action


def _flat(store: EpisodeStore, key: str) -> Tensor:
    array = store.array(key)
    return torch.as_tensor(np.asarray(array, dtype=np.float32).reshape(len(array), -1))


def _vectors(store: EpisodeStore, keys: Sequence[str]) -> Tensor:
    return torch.cat([torch.zeros(store.steps, 0), *(_flat(store, key) for key in keys)], dim=1)


def _rewards(store: EpisodeStore, name: str) -> NDArray[np.float32]:
    array = np.asarray(store.array(name), dtype=np.float32)
    if array.size != store.steps:
        raise ConfigError(f"{store.path}: {name} must be one number a step, got {array.shape}")
    return array.reshape(-1)
