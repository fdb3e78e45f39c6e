import gymnasium as gym
import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.evaluation.returns import episode_outcomes


class Count(gym.Env):
    """Rewards the scaled action; three steps; succeeds if the last action is 5."""

    action_space = gym.spaces.Box(-1, 5, (1,), np.float32)
    observation_space = gym.spaces.Box(-9, 9, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taken, self.first = 0, self.np_random.random()
        return np.array([self.first, 0], np.float32), {}

    def step(self, action):
        self.taken += 1
        return np.zeros(2, np.float32), float(action[0]), False, self.taken == 3, {"success": action[0] == 5}


def test_actions_are_scaled_and_rewards_added_by_hand():
    # 0 is the middle of [-1, 5]: 2 a step; 2 is cut to 1, the upper bound: 5 a step.
    for action, total, done in ((0.0, 6, 0), (2.0, 15, 1)):
        returns, success = episode_outcomes(Count(), lambda _, a=action: torch.full((1, 1), a), episodes=2, seed=0)
        assert returns.tolist() == [total, total]
        assert success.tolist() == [done, done]


def test_starts_differ_by_the_seed():
    seen = []

    def act(observation):
        seen.append(observation.state)
        return torch.zeros(1, 1)

    episode_outcomes(Count(), act, episodes=2, seed=3)
    episode_outcomes(Count(), act, episodes=1, seed=4)
    assert seen[0].shape == (1, 2)
    assert not torch.equal(seen[0], seen[3])
    assert torch.equal(seen[3], seen[6])


def test_a_task_without_bounds_is_refused():
    env = Count()
    env.action_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    with pytest.raises(ConfigError, match="not bounded"):
        episode_outcomes(env, lambda _: torch.zeros(1, 1), episodes=1, seed=0)
