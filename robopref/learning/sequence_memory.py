"""Episodes in memory, from which short sequences are drawn: demonstrations and what an agent did itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.errors import DataError
from robopref.records import Observation


@dataclass(frozen=True)
class Sequences:
    """B sequences of H steps.

    Attributes:
        observations: Of each part (H+1, B, ...).
        actions: (H, B, A).
        rewards: (H, B).
        ends: (H, B) 1 where the task was over after the step.
        weight: (H, B) 0 for what fills up a sequence after the end of its episode.
        imitated: (H, B) 1 for steps of episodes that are worth imitating, such as demonstrations.
        returned: (H, B) discounted rewards from the step to the end of its episode.
        beyond: (H, B) what a value after the end of the episode counts: the discount over all steps up to there where
            it was cut off, so that more may have followed, and 0 where the task was over.
    """

    observations: Observation
    actions: Tensor
    rewards: Tensor
    ends: Tensor
    weight: Tensor
    imitated: Tensor
    returned: Tensor
    beyond: Tensor


class SequenceMemory:
    """All episodes so far, demonstrations apart.

    Args:
        shapes: By name, the shape of each part of an observation.
        actions: Action dim A.
        device: Where sequences go.
        discount: Of later rewards.
    """

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], actions: int, device: torch.device, *, discount: float
    ) -> None:
        self.shapes, self.device, self.discount = dict(shapes), device, discount
        self._seen: dict[str, _Rows] = {name: _Rows() for name in shapes}
        self._action, self._reward, self._end = _Rows(), _Rows(), _Rows()
        self._worthy, self._returned, self._beyond = _Rows(), _Rows(), _Rows()
        self._row, self._last = _Rows(), _Rows()  # observation of a step, and last step of its episode
        self._steps: dict[bool, _Rows] = {True: _Rows(), False: _Rows()}  # of demonstrations, and of others
        self._size = actions

    def count(self, *, demonstrated: bool) -> int:
        """Steps of demonstrations, or of the agent's own."""
        return len(self._steps[demonstrated])

    def add(
        self,
        seen: Mapping[str, NDArray[Any]],
        actions: NDArray[np.float32],
        rewards: NDArray[np.float32],
        *,
        over: bool,
        demonstrated: bool = False,
        imitated: bool = True,
    ) -> None:
        """Take an episode.

        Args:
            seen: Of each part (T+1, ...), one more than actions.
            actions: (T, A).
            rewards: (T,).
            over: Whether the task was over after the last step; else it was cut off.
            demonstrated: Whether it is a demonstration.
            imitated: Whether it is worth imitating.

        Raises:
            DataError: The shapes are others.
        """
        count = len(actions)
        for name, shape in self.shapes.items():
            if seen[name].shape != (count + 1, *shape):
                raise DataError(f"{name} of an episode must be {(count + 1, *shape)}, got {seen[name].shape}")
        if actions.shape != (count, self._size) or len(rewards) != count or not count:
            raise DataError(f"an episode needs one reward for each of (T, {self._size}) actions, got {actions.shape}")
        first = len(self._action)
        row = len(next(iter(self._seen.values())))
        for name, rows in self._seen.items():
            rows.extend(seen[name])
        self._row.extend(np.arange(row, row + count))
        self._last.extend(np.full(count, first + count - 1))
        self._steps[demonstrated].extend(np.arange(first, first + count))
        ends = np.zeros(count, np.float32)
        ends[-1] = over
        worthy = np.full(count, imitated, np.float32)
        for rows, values in (
            (self._action, actions), (self._reward, rewards), (self._end, ends), (self._worthy, worthy)
        ):  # fmt: skip
            rows.extend(values)
        self._returned.extend(discounted_sums(rewards, self.discount))
        beyond = np.zeros(count, np.float32)
        if not over:
            beyond[:] = self.discount ** np.arange(count, 0, -1)
        self._beyond.extend(beyond)

    def reward_by(self, rewards: NDArray[np.float32], *, demonstrated: bool) -> None:
        """Give all steps of demonstrations, or all others, in the order in which they came, other rewards."""
        steps = self._steps[demonstrated].values
        self._reward.values[steps] = rewards[: len(steps)]
        ends = np.unique(self._last.values[steps]) + 1
        for first, end in zip(np.searchsorted(self._last.values, ends - 1), ends, strict=True):
            self._returned.values[first:end] = discounted_sums(self._reward.values[first:end], self.discount)

    def all_seen(self, name: str) -> Tensor:
        """All observations of a part, (S, ...), at most some thousands evenly."""
        values = self._seen[name].values
        chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), 4096)).astype(np.int64))
        return torch.as_tensor(values[chosen], device=self.device)

    def draw(self, count: int, horizon: int, share: float) -> Sequences:
        """Draw sequences with torch's own randomness.

        Args:
            count: Sequences B.
            horizon: Steps H.
            share: Of demonstrations; all or none where there is nothing else.

        Raises:
            DataError: There is nothing to draw from.
        """
        told, own = (self._steps[which].values for which in (True, False))
        if not len(told) + len(own):
            raise DataError("there is no episode to learn from yet")
        shown = count if not len(own) else 0 if not len(told) else round(share * count)
        parts = [(told, shown), (own, count - shown)]
        start = np.concatenate([rows[torch.randint(len(rows), (size,)).numpy()] for rows, size in parts if size])
        ahead = np.arange(horizon)[:, None] + start
        last = self._last.values[start]
        step = np.minimum(ahead, last)
        row = self._row.values[start] + np.minimum(np.arange(horizon + 1)[:, None], last - start + 1)

        def taken(rows: _Rows, places: NDArray[np.int64]) -> Tensor:
            return torch.as_tensor(rows.values[places], device=self.device)

        return Sequences(
            Observation.of({name: taken(rows, row) for name, rows in self._seen.items()}),
            taken(self._action, step), taken(self._reward, step), taken(self._end, step),
            torch.as_tensor((ahead <= last).astype(np.float32), device=self.device),
            taken(self._worthy, step), taken(self._returned, step), taken(self._beyond, step),
        )  # fmt: skip


def discounted_sums(rewards: NDArray[np.float32], discount: float) -> NDArray[np.float32]:
    """Of each step (T,) the discounted sum of its reward and those after it, ``G_t = r_t + discount G_{t+1}``."""
    sums, later = np.empty(len(rewards), np.float32), 0.0
    for step in reversed(range(len(rewards))):
        later = float(rewards[step]) + discount * later
        sums[step] = later
    return sums


class _Rows:
    """Rows that are appended to, in an array that grows by doubling."""

    def __init__(self) -> None:
        self._held: NDArray[Any] | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[Any]:
        return np.zeros(0, np.int64) if self._held is None else self._held[: self._count]

    def extend(self, rows: NDArray[Any]) -> None:
        needed = self._count + len(rows)
        if self._held is None or needed > len(self._held):
            grown = np.empty((max(1024, 2 * needed), *rows.shape[1:]), rows.dtype)
            grown[: self._count] = self.values if self._count else grown[:0]
            self._held = grown
        self._held[self._count : needed] = rows
        self._count = needed
