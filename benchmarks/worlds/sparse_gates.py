"""A task of many steps, each of which may go wrong for good, that says only at its end whether none did."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

ACTIONS, REACH = 2, 0.8


class SparseGates(gym.Env[Any, Any]):
    """Every action has to be near a place that is seen before it, in each of two directions.

    Args:
        steps: Of an episode.
        width: How near.
    """

    def __init__(self, steps: int, width: float) -> None:
        self.count, self.width = steps, width
        self.observation_space = gym.spaces.Box(-1, 1, (ACTIONS + 1,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (ACTIONS,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Draw all places."""
        super().reset(seed=seed)
        self.taken, self.whole = 0, True
        self.places = self.np_random.uniform(-REACH, REACH, (self.count + 1, ACTIONS))
        return self._seen(), {}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Pass a gate, or miss it."""
        self.whole &= bool(np.abs(action - self.places[self.taken]).max() < self.width)
        self.taken += 1
        over = self.taken == self.count
        return self._seen(), 0.0, False, over, {"success": self.whole} if over else {}

    def _seen(self) -> NDArray[np.float32]:
        return np.append(self.places[self.taken], self.taken / self.count).astype(np.float32)
