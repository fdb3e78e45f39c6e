"""Algorithms of stable-baselines3 as agents: what their own loops do, a step at a time.

The networks, the losses, the buffers and the order of random draws are theirs.
"""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from robopref.errors import ConfigError
from robopref.interaction import Agent, AgentSpec, Transition
from robopref.protocols import StepReward

Parts = Mapping[str, NDArray[Any]]
# Whose rewards are one number a step, in the order of the steps.
_BUFFERS = (ReplayBuffer, NStepReplayBuffer)


def adapted(maker: Callable[..., Any], spec: AgentSpec) -> Agent:
    """An agent of an algorithm of stable-baselines3, which sees the parts of an observation as one vector.

    Args:
        maker: The algorithm's class with its settings.
        spec: What the agent is for.

    Raises:
        ConfigError: The algorithm does not take the settings or the task, or is of a kind that is not known here.
    """
    try:
        made = maker(env=_Shapes(spec), seed=spec.seed, device=spec.device, verbose=0)
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(f"agent: {' '.join(str(error).split())}") from error
    made.set_logger(Logger(None, []))
    if isinstance(made, OffPolicyAlgorithm) and type(made.replay_buffer) in _BUFFERS:
        return OffPolicyBaseline(made, spec.steps)
    if isinstance(made, OnPolicyAlgorithm):
        return OnPolicyBaseline(made, spec.steps)
    raise ConfigError(
        f"agent: {type(made).__name__} is neither an off-policy algorithm with a plain replay buffer nor an on-policy "
        "one; choose another, or write an agent: docs/extending.md"
    )


class _Shapes(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Tells an algorithm the sizes of a task, in which it does not act itself."""

    def __init__(self, spec: AgentSpec) -> None:
        size = sum(int(np.prod(shape or (1,))) for shape in spec.observation.values())
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = spaces.Box(-1, 1, (spec.actions,), np.float32)


class _Baseline(ABC):
    """What algorithms of both kinds do alike: act by their weights, and keep them on disk."""

    def __init__(self, algorithm: BaseAlgorithm, steps: int) -> None:
        self._by_heart, self._made, self._total = False, algorithm, steps

    def act(self, observation: Parts, *, explore: bool) -> NDArray[np.float32]:
        """What it does; one that was loaded and has remembered nothing since explores by its policy alone."""
        if explore and not self._by_heart:
            return self._try(_vector(observation))
        return self._made.predict(_vector(observation), deterministic=not explore)[0]

    def save(self, path: Path, /) -> None:
        """Write the algorithm."""
        self._made.save(path)

    def load(self, path: Path, /) -> None:
        """Take the weights of a file, and nothing else that is in it."""
        _require_stored(path)
        self._made.set_parameters(str(path), device=self._made.device)
        _require_numbers(self._made.policy)
        self._by_heart = True

    @abstractmethod
    def _try(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """An action that tries something out, of which what `remember` needs is kept."""

    def _count(self) -> None:
        self._by_heart = False
        self._made.num_timesteps += 1
        self._made._update_current_progress_remaining(  # pyright: ignore[reportPrivateUsage]
            self._made.num_timesteps, self._total
        )

    def _begin(self, network: Any) -> None:
        """Draw the noise of a stretch that begins, where noise depends on the state."""
        if self._made.use_sde:
            network.reset_noise(1)

    def _go_on(self, network: Any, taken: int) -> None:
        """Draw it anew within the stretch, if the settings want that."""
        made = self._made
        if made.use_sde and made.sde_sample_freq > 0 and taken % made.sde_sample_freq == 0:
            network.reset_noise(1)

    def _losses(self) -> dict[str, float]:
        said = self._made.logger.name_to_value.items()
        return {name: float(value) for name, value in said if name.endswith("loss")}


class OffPolicyBaseline(_Baseline):
    """An algorithm with a replay buffer, such as SAC.

    Args:
        algorithm: Made for one environment.
        steps: That it will take in all, for schedules.
    """

    def __init__(self, algorithm: OffPolicyAlgorithm, steps: int) -> None:
        super().__init__(algorithm, steps)
        self.algorithm, self._taken, self._episodes = algorithm, 0, 0
        self._tried = (np.zeros(0, np.float32),) * 2
        if algorithm.action_noise is not None:
            algorithm.action_noise.reset()
        self._begin(algorithm.policy.actor)

    def remember(self, transition: Transition) -> None:
        """Put a step into the replay buffer."""
        made, cut = self.algorithm, transition.truncated and not transition.terminated
        over, (tried, scaled) = transition.terminated or transition.truncated, self._tried
        if not np.array_equal(transition.action, tried):
            scaled = made.policy.scale_action(transition.action)
        self._count()
        self._buffer.add(
            _vector(transition.observation)[None],
            _vector(transition.next_observation)[None],
            scaled[None],
            np.array([transition.reward], np.float32),
            np.array([over]),
            [{"TimeLimit.truncated": cut}],
        )
        self._episodes += over
        if over and made.action_noise is not None:
            made.action_noise.reset()

    def learn(self, steps: int) -> dict[str, float]:
        """Take as many gradient steps as the settings want, every so many steps or episodes."""
        made, every = self.algorithm, self.algorithm.train_freq
        self._taken += steps
        if not isinstance(every, TrainFreq):
            raise ConfigError(f"agent: train_freq is {every}")
        if (self._taken if every.unit == TrainFrequencyUnit.STEP else self._episodes) < every.frequency:
            return {}
        gradients = made.gradient_steps if made.gradient_steps >= 0 else self._taken
        self._taken = self._episodes = 0
        learns = made.num_timesteps > made.learning_starts and gradients > 0
        if learns:
            made.train(batch_size=made.batch_size, gradient_steps=gradients)
        self._begin(made.policy.actor)
        return self._losses() if learns else {}

    def relabel(self, reward: StepReward, rewards: NDArray[np.float32]) -> None:
        """Put new rewards into the replay buffer, which may have forgotten the first steps."""
        buffer = self._buffer
        count = buffer.size()
        places = (buffer.pos - count + np.arange(count)) % buffer.buffer_size
        buffer.rewards[places, 0] = rewards[len(rewards) - count :]

    @property
    def _buffer(self) -> ReplayBuffer:
        if self.algorithm.replay_buffer is None:
            raise ConfigError("agent: its replay buffer was taken away")
        return self.algorithm.replay_buffer

    def _try(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        made = self.algorithm
        self._go_on(made.policy.actor, self._taken)
        anyhow = made.num_timesteps < made.learning_starts and not (made.use_sde and made.use_sde_at_warmup)
        action = made.action_space.sample() if anyhow else made.predict(vector, deterministic=False)[0]
        scaled = made.policy.scale_action(action)
        if made.action_noise is not None:
            scaled = np.clip(scaled + made.action_noise(), -1, 1)
        # Both are kept, for there and back again differs in the last digit.
        self._tried = made.policy.unscale_action(scaled), scaled
        return self._tried[0]


class OnPolicyBaseline(_Baseline):
    """An algorithm that learns once from each stretch of steps, such as PPO.

    Args:
        algorithm: Made for one environment.
        steps: That it will take in all, for schedules.
    """

    def __init__(self, algorithm: OnPolicyAlgorithm, steps: int) -> None:
        super().__init__(algorithm, steps)
        self.algorithm, self._learnt, self._begins = algorithm, True, True
        self._tried: tuple[NDArray[np.float32], torch.Tensor, torch.Tensor] | None = None
        self._last = np.zeros(0, np.float32)
        self._begin(algorithm.policy)

    @property
    def collecting(self) -> bool:
        """Whether a stretch has begun that it has yet to learn from."""
        return not self._learnt

    def remember(self, transition: Transition) -> None:
        """Put a step into the stretch; one that was cut off is worth what follows, too."""
        made, buffer = self.algorithm, self.algorithm.rollout_buffer
        if self._tried is None:
            raise ConfigError("agent: it learns from what it tries itself; ask it to act with explore=True")
        (action, value, log_prob), self._tried = self._tried, None
        self._count()
        if buffer.full:
            buffer.reset()
        self._last, rewards = _vector(transition.next_observation), np.array([transition.reward], np.float32)
        if transition.truncated and not transition.terminated:
            rewards[0] += made.gamma * self._value()[0]
        buffer.add(
            _vector(transition.observation)[None], action, rewards, np.array([self._begins]), value, log_prob
        )  # fmt: skip
        self._learnt, self._begins = False, transition.terminated or transition.truncated

    def learn(self, steps: int) -> dict[str, float]:
        """Learn once the stretch is complete."""
        made, buffer = self.algorithm, self.algorithm.rollout_buffer
        if self._learnt or not buffer.full:
            return {}
        buffer.compute_returns_and_advantage(last_values=self._value(), dones=np.array([self._begins]))
        made.train()
        self._learnt = True
        self._begin(made.policy)
        return self._losses()

    def _try(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        made = self.algorithm
        self._go_on(made.policy, 0 if self._learnt else made.rollout_buffer.pos)
        made.policy.set_training_mode(False)
        with torch.no_grad():
            actions, values, log_probs = made.policy(made.policy.obs_to_tensor(vector)[0])
        tried = actions.cpu().numpy()
        self._tried = tried, values, log_probs
        if made.policy.squash_output:
            return made.policy.unscale_action(tried)[0]
        return np.clip(tried, -1, 1)[0]

    def _value(self) -> torch.Tensor:
        policy = self.algorithm.policy
        with torch.no_grad():
            return policy.predict_values(policy.obs_to_tensor(self._last)[0])


def _vector(observation: Parts) -> NDArray[np.float32]:
    return np.concatenate([part.reshape(-1) for part in observation.values()]).astype(np.float32)


def _require_stored(path: Path) -> None:
    """A few compressed bytes can stand for any amount of memory; algorithms are written without."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")


def _require_numbers(policy: torch.nn.Module) -> None:
    for name, weights in policy.state_dict().items():
        if not bool(torch.isfinite(weights).all()):
            raise ValueError(f"{name} is not finite")
