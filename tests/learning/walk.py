"""A task of one number, which takes no time."""

from typing import Any

import gymnasium as gym
import numpy as np

from robopref.records import ActionGeometry


class Walk(gym.Env[dict[str, Any], np.ndarray]):
    """A point on a line that is to reach 1; an expert steps by 0.3, a poor one by 0.1."""

    action_space = gym.spaces.Box(-1, 1, (1,))
    qualities = ("poor", "medium", "expert")
    geometry = ActionGeometry(
        np.zeros((1, 3, 1), np.float32), np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)[None],
        np.ones((1, 1, 1), np.float32), 1.0, ("tip",),
    )  # fmt: skip
    where = 0.0

    @property
    def progress(self) -> float:
        return self.where

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.where = 0.0
        return {"proprio": np.zeros(1, np.float32), "state": np.zeros(1, np.float32)}, {}

    def step(self, action: np.ndarray) -> Any:
        self.where += float(action[0])
        now = np.array([self.where], np.float32)
        return {"proprio": now, "state": now}, self.where, self.where >= 1, False, {"success": self.where >= 1}

    def demonstrate(self, rng: np.random.Generator, quality: str) -> np.ndarray:
        stride = {"poor": 0.1, "medium": 0.2, "expert": 0.3}[quality]
        return np.array([stride + 0.01 * rng.random()], np.float32)

    def snapshot(self) -> np.ndarray:
        return np.array([self.where])

    def restore(self, snapshot: np.ndarray) -> None:
        self.where = float(snapshot[0])
