"""Whole rollouts of an agent, several from each start, with the outcome of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.errors import ConfigError
from robopref.policies.gaussian_density import GaussianDensity

_SAID = ("success", "is_success")  # what tasks call it in their info
Numbers = NDArray[np.float32]


class Tried(NamedTuple):
    """What an agent tries in N states.

    Attributes:
        action: (N, A) as it was drawn, whose density this is; what is executed is clipped to [-1, 1].
        log_prob: (N,) log-density.
        value: (N,) what the critic expects.
    """

    action: Numbers
    log_prob: Numbers
    value: Numbers


@dataclass(frozen=True)
class RolloutBatch:
    """R rollouts, padded with zeros to T steps.

    Attributes:
        vector: (R, T, V) what was seen before each step, end to end.
        tried: (R, T, A) actions as they were drawn.
        log_prob: (R, T) their log-densities.
        value: (R, T) what the critic expected.
        weight: (R, T) 1 for steps, 0 behind the end.
        success: (R,) outcomes, 1 or 0.
        start: (R,) number of the start.
    """

    vector: Tensor
    tried: Tensor
    log_prob: Tensor
    value: Tensor
    weight: Tensor
    success: Tensor
    start: Tensor

    def to(self, device: torch.device) -> RolloutBatch:
        """The same on a device."""
        return RolloutBatch(**{name: part.to(device) for name, part in vars(self).items()})

    @property
    def steps(self) -> int:
        """Steps of all rollouts together."""
        return int(self.weight.sum())


class RolloutAgent(Protocol):
    """An agent that learns from whole rollouts by advantages that it is given."""

    def try_out(self, vector: Numbers) -> Tried:
        """What it tries in (N, V) states, by torch's global randomness."""
        ...

    def improve(self, rollouts: RolloutBatch, advantage: Tensor, worth: Tensor) -> dict[str, float]:
        """Learn from rollouts that it has just made.

        Args:
            rollouts: R of them.
            advantage: (R, T) of each step.
            worth: (R, T) what its critic should have expected.

        Returns:
            Losses by name.
        """
        ...

    def density(self) -> GaussianDensity:
        """How likely it is to act as it does now; a copy."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain values that it goes on from."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, RuntimeError or ValueError if it is of another agent."""
        ...


@dataclass(frozen=True)
class RolloutTasks:
    """Copies of a task in which rollouts are made side by side.

    Attributes:
        copies: Of the task, gymnasium environments; observations are a vector, called ``state``, or a dictionary.
        keys: Parts of the observation that the agent sees.
        least: Sum of rewards from which a rollout counts as a success; None goes by what the task says.

    Raises:
        ConfigError: There is no copy.
    """

    copies: Sequence[Any]
    keys: Sequence[str] = ("state",)
    least: float | None = None

    def __post_init__(self) -> None:
        if not self.copies:
            raise ConfigError("rollouts need at least one copy of the task")

    def collect(self, agent: RolloutAgent, seeds: Sequence[int]) -> RolloutBatch:
        """Let an agent try the task from some starts.

        Args:
            agent: The agent.
            seeds: (R,) of the starts; rollouts with the same seed belong to one start.

        Raises:
            ConfigError: The task does not say whether a rollout succeeded.
        """
        made = list[_Rollout]()
        for first in range(0, len(seeds), len(self.copies)):
            made += self._wave(agent, seeds[first : first + len(self.copies)])
        number = {seed: index for index, seed in enumerate(dict.fromkeys(seeds))}
        longest = max(len(one.vector) for one in made)

        def padded(rows: Sequence[Any]) -> Tensor:
            width = np.shape(rows[0])[1:]
            block = np.zeros((len(rows), longest, *width), np.float32)
            for index, row in enumerate(rows):
                block[index, : len(row)] = row
            return torch.as_tensor(block)

        return RolloutBatch(
            padded([one.vector for one in made]), padded([one.tried for one in made]),
            padded([one.log_prob for one in made]), padded([one.value for one in made]),
            padded([np.ones(len(one.vector)) for one in made]),
            torch.tensor([one.outcome(self.least) for one in made]), torch.tensor([number[seed] for seed in seeds]),
        )  # fmt: skip

    def _wave(self, agent: RolloutAgent, seeds: Sequence[int]) -> list[_Rollout]:
        going = [_Rollout(copy, self.keys, seed) for copy, seed in zip(self.copies, seeds, strict=False)]
        made = list(going)
        while going:
            seen = np.stack([one.seen for one in going])
            for one, *tried in zip(going, *agent.try_out(seen), strict=True):
                one.step(*tried)
            going = [one for one in going if not one.over]
        return made


class _Rollout:
    """One rollout while it is made."""

    def __init__(self, task: Any, keys: Sequence[str], seed: int) -> None:
        self._task, self._keys = task, keys
        self._low, self._high = np.asarray(task.action_space.low), np.asarray(task.action_space.high)
        self.vector, self.tried = list[Numbers](), list[Numbers]()
        self.log_prob, self.value = list[float](), list[float]()
        self.over, self._earned, self._success = False, 0.0, float("nan")
        self.seen = self._vector(task.reset(seed=seed)[0])

    def step(self, action: Numbers, log_prob: float, value: float) -> None:
        """Execute an action, clipped to [-1, 1] and scaled to the bounds of the task."""
        self.vector.append(self.seen)
        self.tried.append(action)
        self.log_prob.append(log_prob)
        self.value.append(value)
        scaled = self._low + (action.clip(-1, 1) + 1) / 2 * (self._high - self._low)
        observation, reward, terminated, truncated, info = self._task.step(scaled.astype(np.float32))
        self.seen, self.over = self._vector(observation), bool(terminated or truncated)
        self._earned += float(reward)
        for name in _SAID:
            if name in info:
                self._success = float(np.nanmax([self._success, float(info[name])]))

    def outcome(self, least: float | None) -> float:
        """1 if it succeeded, else 0."""
        if least is not None:
            return float(self._earned >= least)
        if np.isnan(self._success):
            raise ConfigError(
                "the task does not say in its info whether a rollout is a success; least=<sum of rewards> makes "
                "rollouts successes that earn so much"
            )
        return float(self._success > 0.5)

    def _vector(self, observation: Any) -> Numbers:
        parts = observation if isinstance(observation, dict) else {"state": observation}
        return np.concatenate([np.asarray(parts[key], np.float32).reshape(-1) for key in self._keys])
