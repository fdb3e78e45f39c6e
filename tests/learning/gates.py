"""A task of a few steps, each of which may go wrong for good, that only says at its end whether none did."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO

from robopref.interaction import AgentSpec
from robopref.learning.rollout_agent import RolloutBaseline
from robopref.learning.stable_baselines import adapted


class Gates(gym.Env[Any, Any]):
    """The action has to be near a place that is seen.

    Args:
        steps: Of an episode.
        width: How near.
        says: Whether success is told.
    """

    def __init__(self, steps: int = 3, width: float = 0.8, *, says: bool = True) -> None:
        self.count, self.width, self.says = steps, width, says
        self.observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self.taken, self.whole = 0, True
        self.places = self.np_random.uniform(-0.8, 0.8, self.count + 1)
        return self._seen(), {}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        near = abs(float(action[0]) - self.places[self.taken]) < self.width
        self.whole, self.taken = self.whole and near, self.taken + 1
        over = self.taken == self.count
        return self._seen(), float(near), False, over, {"success": self.whole} if over and self.says else {}

    def _seen(self) -> NDArray[np.float32]:
        return np.array([self.places[self.taken], self.taken / self.count], np.float32)


def small_agent(spec: AgentSpec, **settings: Any) -> RolloutBaseline:
    """PPO with networks of eight units."""

    def make(**given: Any) -> PPO:
        more = {"batch_size": 16, "n_epochs": 2, "policy_kwargs": {"net_arch": [8], "log_std_init": -0.7}}
        return PPO("MlpPolicy", **{**more, **settings}, **given)

    return RolloutBaseline(adapted(make, spec))
