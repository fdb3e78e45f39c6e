"""A short task, and a reward of it that can be computed by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.interaction import AgentSpec
from robopref.learning.learnt_reward_env import LearntRewardEnv
from robopref.protocols import StepReward

SPEC = AgentSpec({"state": (3,)}, 1, 100, 0, torch.device("cpu"))


class Linear:
    """The first number of the state times a slope, plus the action."""

    keys = ("state", "action")

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def reward(self, steps: Mapping[str, Any]) -> torch.Tensor:
        state, action = (torch.as_tensor(steps[key]).float() for key in self.keys)
        return self.slope * state[:, 0] + action[:, 0]


def pendulum(path: Path, reward: StepReward | None = None, steps: int = 30) -> LearntRewardEnv:
    """With episodes of so many steps, of which none ends for good."""
    env = gym.make("Pendulum-v1", max_episode_steps=steps)
    return LearntRewardEnv(env, EpisodeStore.create(path, {}), reward=reward)
