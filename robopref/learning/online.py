"""Agents of stable-baselines3: they make behaviour data, and train online against a learnt reward.

Training goes as in PEBBLE (Lee et al. 2021) and RL-VLM-F (Wang et al. 2024): the agent acts; from time to time segments
of what it did are compared, the reward is trained on all answers so far, and every reward in the replay buffer is
computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.wrappers import RescaleAction
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, TrainingError, unknown_name
from robopref.protocols import Progress, StepReward
from robopref.rewards.normalized import ZEROS, NormalizedReward
from robopref.rewards.steps import reaches
from robopref.seeding import derive

Steps = dict[str, NDArray[Any]]
_FLAGS = ("terminated", "truncated")
_BLOCK = 4096


class LearntRewardEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A task whose steps are kept, and whose reward a learnt one may replace.

    The agent sees parts of the observation as one vector and acts in [-1, 1]. What the task itself gave is
    ``info["true_reward"]``, and the array ``reward`` of what is kept. A task that was made with
    ``render_mode="rgb_array"`` is filmed: pictures become the array ``image``.

    Args:
        env: Observes a vector, which is called ``state``, or a dictionary; its actions are bounded.
        store: Where finished episodes go.
        keys: Parts of the observation that the agent sees; all are kept.
        reward: Replaces the task's reward; None leaves it.
        zero: Which step's reward is zero once a learnt one is adopted, see `NormalizedReward.over`.

    Raises:
        ConfigError: The observations or actions are of another kind, or there is no such zero.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        store: EpisodeStore,
        *,
        keys: Sequence[str] = ("state",),
        reward: StepReward | None = None,
        zero: str = "mean",
    ) -> None:
        if zero not in ZEROS:
            raise unknown_name("zero of a reward", zero, ZEROS)
        space = env.action_space
        if not (isinstance(space, spaces.Box) and bool(space.is_bounded()) and len(space.shape) == 1):
            raise ConfigError(f"an agent needs a task with bounded actions, got the action space {space}")
        super().__init__(RescaleAction(env, np.float32(-1), np.float32(1)))
        observed = env.observation_space
        parts = dict(observed) if isinstance(observed, spaces.Dict) else {"state": observed}
        for key in keys:
            if key not in parts:
                raise unknown_name("part of the observation", key, parts)
        self.keys, self.store, self.learnt, self.zero = tuple(keys), store, reward, zero
        size = sum(int(np.prod(parts[key].shape or (1,))) for key in keys)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.notes: dict[str, int] = {}
        self._rows: dict[str, list[Any]] = {}
        self._seen: dict[str, NDArray[Any]] = {}

    def reset(self, **given: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; one that is not over is cut off there."""
        if self._rows:
            self._rows["truncated"][-1] = True
            self._finish()
        observation, info = self.env.reset(**given)
        self._seen = self._parts(observation)
        return self._vector(), info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Act, and be rewarded by the learnt reward of the observation before the action, and the action."""
        observation, true, terminated, truncated, info = self.env.step(action)
        row = {**self._seen, "action": np.asarray(action, np.float32), "reward": np.float32(true)}
        row |= {"terminated": terminated, "truncated": truncated}
        row |= {name: np.int64(value) for name, value in self.notes.items()}
        self._seen = self._parts(observation)
        row |= {f"next_{key}": self._seen[key] for key in self.keys}
        for key, value in row.items():
            self._rows.setdefault(key, []).append(value)
        given = float(true)
        if self.learnt is not None:
            given = float(self.learnt.reward({key: np.asarray(value)[None] for key, value in row.items()})[0])
        if terminated or truncated:
            self._finish()
        return self._vector(), given, terminated, truncated, {**info, "true_reward": float(true)}

    def rewards(self, reward: StepReward) -> NDArray[np.float32]:
        """What a reward makes of every step since the beginning.

        Args:
            reward: The reward.

        Returns:
            (steps,).

        Raises:
            ConfigError: The reward depends on what came before.
            TrainingError: One is not finite.
        """
        names = (*reward.keys, "action")
        blocks = [
            steps_of(self.store, names, start, min(start + _BLOCK, self.store.steps))
            for start in range(0, self.store.steps, _BLOCK)
        ]
        blocks += [self._kept()] if self._rows else []
        if reaches(reward) != (0, 0):
            raise ConfigError("a reward that depends on other steps cannot be used online; use one of single steps")
        values = np.concatenate([np.zeros(0, np.float32), *(reward.reward(one).cpu().numpy() for one in blocks)])
        if not np.isfinite(values).all():
            raise TrainingError("the learnt reward is not finite; lower reward_model.fit.learning_rate")
        return values.astype(np.float32)

    def adopt(self, reward: StepReward) -> NDArray[np.float32]:
        """Reward by another reward from now on, normalised over all steps so far.

        Args:
            reward: The reward.

        Returns:
            (steps,) what it gives to those.
        """
        self.learnt = NormalizedReward.over(reward, torch.as_tensor(self.rewards(reward)), zero=self.zero)
        return self.rewards(self.learnt)

    def _finish(self) -> None:
        self.store.append(self._kept())
        self._rows = {}

    def _kept(self) -> Steps:
        return {key: np.asarray(rows, bool if key in _FLAGS else None) for key, rows in self._rows.items()}

    def _parts(self, observation: Any) -> dict[str, NDArray[Any]]:
        parts = observation if isinstance(observation, dict) else {"state": observation}
        kept = {key: _single(np.asarray(value)) for key, value in parts.items()}
        return kept if self.env.render_mode != "rgb_array" else {**kept, "image": np.asarray(self.env.render())}

    def _vector(self) -> NDArray[np.float32]:
        return np.concatenate([self._seen[key].reshape(-1) for key in self.keys]).astype(np.float32)


class PreferenceRounds(BaseCallback):
    """Trains the reward anew from time to time, and gives the replay buffer the new rewards.

    Args:
        env: The task that the agent acts in.
        update: From the number of the round, counted from 0, to the reward from now on.
        first: Steps before the first round.
        every: Steps between rounds.
        rounds: How many.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(
        self, env: LearntRewardEnv, update: Callable[[int], StepReward], *, first: int, every: int, rounds: int
    ) -> None:
        super().__init__()
        if min(first, every, rounds) < 1:
            raise ConfigError(f"first, every and rounds must be at least 1, got {first}, {every} and {rounds}")
        self.env, self.update, self.first, self.every, self.rounds, self.done = env, update, first, every, rounds, 0

    def _on_rollout_start(self) -> None:
        # Between rollouts everything that was done is in the buffer, which is not so between steps.
        if self.done < self.rounds and self.num_timesteps >= self.first + self.done * self.every:
            rewards = self.env.adopt(self.update(self.done))
            self.done += 1
            if isinstance(self.model, OffPolicyAlgorithm):
                relabel_buffer(self.model, rewards)

    def _on_step(self) -> bool:
        return True


def relabel_buffer(agent: OffPolicyAlgorithm, rewards: NDArray[np.float32]) -> None:
    """Put new rewards into a replay buffer.

    Args:
        agent: Whose buffer, of one environment.
        rewards: (steps,) of all steps since the beginning, the newest last; the buffer may have forgotten the first.

    Raises:
        ConfigError: There is no buffer, or it is of several environments.
    """
    buffer = agent.replay_buffer
    if buffer is None or buffer.n_envs != 1:
        raise ConfigError("rewards are computed anew for agents with a replay buffer of one environment")
    count = buffer.size()
    places = (buffer.pos - count + np.arange(count)) % buffer.buffer_size
    buffer.rewards[places, 0] = rewards[len(rewards) - count :]


def train_agent(
    agent: BaseAlgorithm, steps: int, *, rounds: PreferenceRounds | None = None, progress: Progress | None = None
) -> None:
    """Let an agent act and learn; goes on with what it has learnt.

    Args:
        agent: The agent.
        steps: In the task.
        rounds: When the reward is trained; None leaves it as it is.
        progress: Called with steps done and wanted.
    """
    told = _Told(steps, agent.num_timesteps, progress)
    callbacks: list[BaseCallback] = [told] if rounds is None else [rounds, told]
    agent.learn(steps, callback=CallbackList(callbacks), reset_num_timesteps=agent.num_timesteps == 0)


def act(agent: BaseAlgorithm, keys: Sequence[str]) -> Callable[[Any], torch.Tensor]:
    """The agent's most likely actions (B, A), from observations with a batch dimension."""

    def best(observation: Any) -> torch.Tensor:
        vector = torch.cat([getattr(observation, key).flatten(1) for key in keys], dim=1)
        return torch.as_tensor(agent.predict(vector.cpu().numpy(), deterministic=True)[0])

    return best


def record(
    agent: BaseAlgorithm,
    env: LearntRewardEnv,
    *,
    episodes: int,
    seed: int,
    notes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> None:
    """Let an agent act with its own noise until the store of the task holds so many episodes.

    Args:
        agent: The agent, which does not learn.
        env: The task.
        episodes: Of the store, with those that it has.
        seed: Of the starts and of the noise, together with the number of the episode.
        notes: Whole numbers to be kept with every step, by name.
        progress: Called with episodes done and wanted.
    """
    env.notes = dict(notes or {})
    while len(env.store) < episodes:
        # stable-baselines3 draws from torch's global randomness.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "noise of an agent", len(env.store)))
            # Simulators of others may take no more than 32 bits.
            observation, _ = env.reset(seed=derive(seed, "recorded start", len(env.store)) % 2**32)
            over = False
            while not over:
                action, _ = agent.predict(observation, deterministic=False)
                observation, _, terminated, truncated, _ = env.step(action)
                over = terminated or truncated
        if progress is not None:
            progress(len(env.store), episodes)


def _single(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float32) if value.dtype == np.float64 else value


class _Told(BaseCallback):
    """Passes progress on."""

    def __init__(self, steps: int, before: int, progress: Progress | None) -> None:
        super().__init__()
        self.steps, self.before, self.progress = steps, before, progress

    def _on_step(self) -> bool:
        if self.progress is not None:
            self.progress(min(self.num_timesteps - self.before, self.steps), self.steps)
        return True
