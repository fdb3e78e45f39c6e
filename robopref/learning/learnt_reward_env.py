"""A task whose steps are kept, and whose reward may be a learnt one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.wrappers import RescaleAction
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ActionError, ConfigError, TrainingError, unknown_name
from robopref.interaction import AgentSpec
from robopref.protocols import StepReward
from robopref.rewards.normalized import ZEROS, NormalizedReward
from robopref.rewards.steps import reaches

Steps = dict[str, NDArray[Any]]
Parts = dict[str, NDArray[Any]]
_MEASURED = ("peak_force",)  # by tasks on the way, and not observed
_FLAGS, _PICTURE = ("terminated", "truncated"), "image"
_BLOCK = 4096


def agent_spec(
    task: gym.Env[Any, Any], keys: Sequence[str], *, steps: int, seed: int, device: torch.device
) -> AgentSpec:
    """What an agent is made for that is to act in a task.

    Args:
        task: Observes a vector, which is called ``state``, or a dictionary; its actions are bounded.
        keys: Parts of the observation that the agent sees.
        steps: That it will learn from in all.
        seed: Of the agent.
        device: Where its networks are.

    Raises:
        ConfigError: The observations or actions are of another kind.
    """
    return AgentSpec(_seen(task, keys), _actions(task), steps, seed, device)


def blank_step(task: gym.Env[Any, Any], keys: Sequence[str]) -> Parts:
    """Zeros (1, ...) in place of all that `LearntRewardEnv` keeps of a step; pictures may be of another size.

    Args:
        task: As for `agent_spec`.
        keys: Parts of the observation that the agent sees.

    Raises:
        ConfigError: The observations or actions are of another kind.
    """
    _seen(task, keys)
    kept = {key: np.zeros((1, *(space.shape or ())), np.float32) for key, space in _spaces(task).items()}
    kept |= {"action": np.zeros((1, _actions(task)), np.float32), "reward": np.zeros(1, np.float32)}
    kept |= {key: np.zeros(1, bool) for key in _FLAGS} | {f"next_{key}": kept[key] for key in keys}
    return kept | ({_PICTURE: np.zeros((1, 64, 64, 3), np.uint8)} if _filmed(task) else {})


def require_single_steps(reward: StepReward) -> None:
    """Demand a reward that an agent can be given as it goes.

    Raises:
        ConfigError: It depends on other steps.
    """
    if reaches(reward) != (0, 0):
        raise ConfigError("a reward that depends on other steps cannot be used online; use one of single steps")


class LearntRewardEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A task whose steps are kept, and whose reward a learnt one may replace.

    The agent sees parts of the observation, by name, and acts in [-1, 1]. What the task itself gave is
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
        shapes, self._actions = _seen(env, keys), _actions(env)
        super().__init__(RescaleAction(env, np.float32(-1), np.float32(1)))
        self.keys, self.store, self.learnt, self.zero = tuple(keys), store, reward, zero
        self.observation_space = spaces.Dict({
            key: spaces.Box(-np.inf, np.inf, shape, np.float32) for key, shape in shapes.items()
        })  # fmt: skip
        self.notes: dict[str, int] = {}
        self._rows: dict[str, list[Any]] = {}
        self._seen: dict[str, NDArray[Any]] = {}

    def reset(self, **given: Any) -> tuple[Parts, dict[str, Any]]:
        """Start an episode; one that is not over is cut off there."""
        if self._rows:
            self._rows["truncated"][-1] = True
            self._finish()
        observation, info = self.env.reset(**given)
        self._seen = self._parts(observation)
        return self._agents_view(), info

    def step(self, action: NDArray[np.float32]) -> tuple[Parts, float, bool, bool, dict[str, Any]]:
        """Act, and be rewarded by the learnt reward of the observation before the action, and the action.

        Raises:
            ActionError: The action is no array, has another size, or is not in [-1, 1].
        """
        action = _checked(action, self._actions)
        observation, true, terminated, truncated, info = self.env.step(action)
        row = {**self._seen, "action": np.asarray(action, np.float32), "reward": np.float32(true)}
        row |= {"terminated": terminated, "truncated": truncated}
        row |= {name: np.int64(value) for name, value in self.notes.items()}
        row |= {name: np.float32(info[name]) for name in _MEASURED if name in info}
        self._seen = self._parts(observation)
        row |= {f"next_{key}": self._seen[key] for key in self.keys}
        for key, value in row.items():
            self._rows.setdefault(key, []).append(value)
        given = float(true)
        if self.learnt is not None:
            given = float(self.learnt.reward({key: np.asarray(value)[None] for key, value in row.items()})[0])
        if terminated or truncated:
            self._finish()
        return self._agents_view(), given, terminated, truncated, {**info, "true_reward": float(true)}

    @property
    def seen(self) -> Parts:
        """All parts of the last observation."""
        return dict(self._seen)

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
        require_single_steps(reward)
        names = (*reward.keys, "action")
        blocks = [
            steps_of(self.store, names, start, min(start + _BLOCK, self.store.steps))
            for start in range(0, self.store.steps, _BLOCK)
        ]
        blocks += [self._kept()] if self._rows else []
        values = np.concatenate([np.zeros(0, np.float32), *(reward.reward(one).cpu().numpy() for one in blocks)])
        if not np.isfinite(values).all():
            raise TrainingError("the learnt reward is not finite; lower rewards.<name>.fit.learning_rate")
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
        return {**kept, _PICTURE: np.asarray(self.env.render())} if _filmed(self.env) else kept

    def _agents_view(self) -> Parts:
        return {key: self._seen[key] for key in self.keys}


def _checked(given: object, size: int) -> NDArray[Any]:
    with contextlib.suppress(TypeError, ValueError, RuntimeError):  # is no array, such as what is on a GPU
        action = np.asarray(given)
        if action.shape == (size,) and np.issubdtype(action.dtype, np.number) and bool((np.abs(action) <= 1).all()):
            return action
    raise ActionError(f"the agent acts with {given!r}; expected an array of {size} numbers in [-1, 1]")


def _seen(task: gym.Env[Any, Any], keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    parts = _spaces(task)
    for key in keys:
        if key not in parts:
            raise unknown_name("part of the observation", key, parts)
    return {key: parts[key].shape or () for key in keys}


def _spaces(task: gym.Env[Any, Any]) -> dict[str, spaces.Space[Any]]:
    observed = task.observation_space
    return dict(observed) if isinstance(observed, spaces.Dict) else {"state": observed}


def _filmed(task: gym.Env[Any, Any]) -> bool:
    return task.render_mode == "rgb_array"


def _actions(task: gym.Env[Any, Any]) -> int:
    space = task.action_space
    if not (isinstance(space, spaces.Box) and bool(space.is_bounded()) and len(space.shape) == 1):
        raise ConfigError(f"an agent needs a task with bounded actions, got the action space {space}")
    return space.shape[0]


def _single(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float32) if value.dtype == np.float64 else value
