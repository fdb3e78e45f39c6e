"""Two ways to carry a cup in FeatureReach: low along the table, as a vetted library has it, and high, as is usual.

Three in ten episodes of the ``mixed`` demonstrator are carried low, the others high. Everybody carries at a pace of
their own, which nobody sees, so that what a policy samples in one state is of both ways and of many paces.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from envs.feature_reach import LAPTOP, FeatureReachEnv, around
from robopref.robots.sim import TaskSpec

ID = "robopref/CarryingStyles-v0"
LOW, HIGH = 0.08, 0.28  # height of the way, m
TRUSTED = 0.3  # share of the episodes of ``mixed`` that are carried low
_PACE = (0.45, 1.0)  # of the fastest
_NOISE = 0.08  # of an action


class CarryingStylesEnv(FeatureReachEnv):
    """`FeatureReachEnv` with the demonstrators ``trusted``, ``usual`` and ``mixed``."""

    qualities: ClassVar[tuple[str, ...]] = ("mixed", "trusted", "usual")

    def _start(self) -> None:
        super()._start()
        self._pace, self._low = float(self.np_random.uniform(*_PACE)), bool(self.np_random.random() < TRUSTED)

    def demonstrate(self, rng: np.random.Generator, quality: str = "mixed") -> NDArray[np.float32]:
        """An action of a demonstrator, (4,)."""
        low = self._low if quality == "mixed" else quality == "trusted"
        cup, goal = self._tool.position, self._goal
        target = np.array([*around(cup[:2], goal[:2], self._laptop[:2], LAPTOP + 0.01), LOW if low else HIGH])
        if np.linalg.norm(goal[:2] - cup[:2]) < 0.1:
            target[2] = goal[2]
        action = np.append(self._pace * np.clip(self._tool.toward(target), -1, 1), 0.0)
        return np.clip(action + rng.normal(0, _NOISE, 4), -1, 1).astype(np.float32)


def clearance(arrays: dict[str, NDArray[Any]]) -> float:
    """Least distance in the plane of a motion to the laptop, m."""
    return float(np.linalg.norm(arrays["path"][:, 0, :2] - arrays["state"][0, 10:12], axis=1).min())


TASK = TaskSpec(f"{__name__}:{ID}", {"state": True, "points": False}, 80, "mixed")
gym.register(id=ID, entry_point=f"{__name__}:CarryingStylesEnv", max_episode_steps=80)
