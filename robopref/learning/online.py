"""The loop of online learning: an agent acts, remembers and learns, against a learnt reward that changes on the way.

It goes as in PEBBLE (Lee et al. 2021) and RL-VLM-F (Wang et al. 2024): from time to time segments of what the agent did
are compared, the reward is trained on all answers so far, and the agent is told what all of its steps are worth by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.errors import ConfigError, TrainingError
from robopref.factories import call_part
from robopref.interaction import Agent, OffPolicyAgent, OnPolicyAgent, Transition
from robopref.learning.agents import require_renewable
from robopref.learning.learnt_reward_env import LearntRewardEnv
from robopref.protocols import Progress, StepReward
from robopref.seeding import derive


@dataclass(frozen=True)
class PreferenceRounds:
    """When the reward is trained anew.

    Attributes:
        update: From the number of the round, counted from 0, to the reward from now on.
        first: Steps before the first round.
        every: Steps between rounds.
        rounds: How many.

    Raises:
        ConfigError: A number is not positive.
    """

    update: Callable[[int], StepReward]
    first: int
    every: int
    rounds: int

    def __post_init__(self) -> None:
        if min(self.first, self.every, self.rounds) < 1:
            raise ConfigError(
                f"first, every and rounds must be at least 1, got {self.first}, {self.every} and {self.rounds}"
            )

    def due(self, done: int, steps: int) -> bool:
        """Whether another round is due after so many rounds and steps."""
        return done < self.rounds and steps >= self.first + done * self.every

    def within(self, steps: int) -> int:
        """How many rounds so many steps have room for."""
        return min(self.rounds, max(0, math.ceil((steps - self.first) / self.every)))


class OnlineTraining:
    """An agent that acts in a task and learns; it goes on where it stopped when it is run again.

    Args:
        agent: The agent.
        env: The task.
        seed: Of the first start.
        rounds: When the reward is trained; None leaves it as it is.

    Attributes:
        steps: Taken so far.

    Raises:
        ConfigError: The reward is to change, and the agent would go on learning from old ones.
    """

    def __init__(
        self, agent: Agent, env: LearntRewardEnv, *, seed: int, rounds: PreferenceRounds | None = None
    ) -> None:
        if rounds is not None:
            require_renewable(agent)
        self.agent, self.env, self.seed, self.rounds = agent, env, seed, rounds
        self.steps = self.done = 0
        self._seen: Mapping[str, Any] | None = None

    def run(self, steps: int, *, progress: Progress | None = None) -> None:
        """Act and learn for so many further steps; an agent that learns from stretches of steps ends its last one.

        Args:
            steps: In the task.
            progress: Called with steps done and wanted.

        Raises:
            ActionError: The agent acts in a way that the task has not.
            ConfigError: What it returns of its learning is no losses.
            PartError: It fails.
            TrainingError: What the agent learns is not finite.
        """
        before = self.steps
        while self.steps - before < steps or self._collecting():
            if self.rounds is not None and not self._collecting() and self.rounds.due(self.done, self.steps):
                self._renew(self.rounds.update(self.done))
            self._step()
            if progress is not None:
                progress(min(self.steps - before, steps), steps)

    def _collecting(self) -> bool:
        return isinstance(self.agent, OnPolicyAgent) and self.agent.collecting

    def _renew(self, reward: StepReward) -> None:
        rewards = self.env.adopt(reward)
        self.done += 1
        if isinstance(self.agent, OffPolicyAgent) and self.env.learnt is not None:
            call_part(_said(self.agent, "relabel"), self.agent.relabel, self.env.learnt, rewards)

    def _step(self) -> None:
        seen = self.env.reset(seed=self.seed)[0] if self._seen is None else self._seen
        action = _action(self.agent, seen, explore=True)
        after, reward, terminated, truncated, _ = self.env.step(action)
        self._seen = self.env.reset()[0] if terminated or truncated else after
        self.steps += 1
        step = Transition(seen, action, reward, after, terminated, truncated)
        call_part(_said(self.agent, "remember"), self.agent.remember, step)
        for name, loss in _losses(self.agent, 1).items():
            if not math.isfinite(loss):
                raise TrainingError(f"the agent's {name} is {loss} after {self.steps} steps; let it learn more slowly")


def _said(agent: Agent, method: str) -> str:
    return f"agent: {method} of {type(agent).__name__}"


def _action(agent: Agent, seen: Mapping[str, Any], *, explore: bool) -> NDArray[np.float32]:
    return call_part(_said(agent, "act"), agent.act, seen, explore=explore)


def _losses(agent: Agent, steps: int) -> Mapping[str, float]:
    found: Any = call_part(_said(agent, "learn"), agent.learn, steps)
    if not isinstance(found, Mapping) or not all(isinstance(loss, SupportsFloat) for loss in found.values()):
        raise ConfigError(
            f"agent: learn(steps) of {type(agent).__name__} has to return losses by name, {{}} if it waits for more, "
            f"got {str(found)[:80]}"
        )
    return found


def act(agent: Agent, keys: Sequence[str]) -> Callable[[Any], torch.Tensor]:
    """The agent's most likely actions (1, A), from an observation with a batch dimension of one."""

    def best(observation: Any) -> torch.Tensor:
        parts = {key: getattr(observation, key)[0].cpu().numpy() for key in keys}
        return torch.as_tensor(_action(agent, parts, explore=False))[None]

    return best


def record(
    agent: Agent,
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
        # Agents draw from torch's global randomness.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "noise of an agent", len(env.store)))
            # Simulators of others may take no more than 32 bits.
            observation, _ = env.reset(seed=derive(seed, "recorded start", len(env.store)) % 2**32)
            over = False
            while not over:
                observation, _, terminated, truncated, _ = env.step(_action(agent, observation, explore=True))
                over = terminated or truncated
        if progress is not None:
            progress(len(env.store), episodes)
