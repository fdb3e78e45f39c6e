"""What online learning is made of: agents that act, and dynamics that say where actions lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.protocols import Progress, StepReward
from robopref.records import Observation

if TYPE_CHECKING:  # see robopref.protocols
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class AgentSpec:
    """What an agent is made for.

    Attributes:
        observation: Shape of each part of an observation, by name.
        actions: Action dim A; actions are in [-1, 1].
        steps: Steps in the task that it will learn from in all.
        seed: Of its weights and of what it tries.
        device: Where its networks are.
    """

    observation: Mapping[str, tuple[int, ...]]
    actions: int
    steps: int
    seed: int
    device: torch.device


@dataclass(frozen=True)
class Transition:
    """One step of an agent in a task.

    Attributes:
        observation: Before it, by part.
        action: (A,) in [-1, 1].
        reward: Given for it.
        next_observation: After it, also where an episode ends.
        terminated: Whether the episode ended for good.
        truncated: Whether it was cut off.
    """

    observation: Mapping[str, NDArray[Any]]
    action: NDArray[np.float32]
    reward: float
    next_observation: Mapping[str, NDArray[Any]]
    terminated: bool
    truncated: bool


@runtime_checkable
class Agent(Protocol):
    """Acts in a task and learns from what comes of it; whoever lets it act owns steps, episodes and recordings.

    One that meets learnt rewards, which change while it learns, is also an `OffPolicyAgent` or an `OnPolicyAgent`.
    """

    def act(self, observation: Mapping[str, NDArray[Any]], *, explore: bool) -> NDArray[np.float32]:
        """What it does (A,) in [-1, 1].

        Args:
            observation: By part.
            explore: Whether to try things out, by torch's global randomness so that recordings can be repeated; else
                it does what it thinks best.
        """
        ...

    def remember(self, transition: Transition) -> None:
        """Take what came of the action that it was last asked for."""
        ...

    def learn(self, steps: int) -> Mapping[str, float]:
        """Learn from what it remembers.

        Args:
            steps: Steps since it was last asked to.

        Returns:
            Losses by name, which have to be finite; empty if it waits for more.
        """
        ...

    def save(self, path: Path, /) -> None:
        """Write what it has learnt into a file."""
        ...

    def load(self, path: Path, /) -> None:
        """Take what `save` wrote, without running any code that the file may contain, and act by it.

        Raises:
            Exception: The file is damaged or of another task; any kind will do.
        """
        ...


@runtime_checkable
class OffPolicyAgent(Agent, Protocol):
    """An agent that goes on learning from old steps, and can be told what they are worth after all."""

    def relabel(self, reward: StepReward, rewards: NDArray[np.float32]) -> None:
        """Learn by another reward from now on.

        Args:
            reward: Rewards any steps, such as imagined ones.
            rewards: (S,) what it gives to all S steps since the beginning, oldest first.
        """
        ...


@runtime_checkable
class OnPolicyAgent(Agent, Protocol):
    """An agent that learns once from each stretch of steps, and keeps no reward afterwards."""

    @property
    def collecting(self) -> bool:
        """Whether a stretch has begun that it has yet to learn from; until it has, the reward stays as it is."""
        ...


@runtime_checkable
class DemonstratedAgent(OffPolicyAgent, Protocol):
    """An agent that begins with demonstrations; what it remembers is told to it again before it is loaded."""

    @property
    def agency(self) -> float:
        """Share of the steps in which it does what it has learnt itself, rather than what was demonstrated."""
        ...

    @property
    def plans(self) -> bool:
        """Whether it did so in the present step."""
        ...

    def demonstrate(self, episode: Mapping[str, NDArray[Any]]) -> None:
        """Take a demonstrated episode: (T, ...) of each part, ``action``, ``reward`` and ``terminated``."""
        ...

    def begin(self, progress: Progress | None = None) -> None:
        """Learn what it can before it acts; called once, after all demonstrations."""
        ...

    def decide(self, seen: Observation, *, plans: bool | None = None) -> Tensor:
        """What it thinks best (B, A); by itself, as demonstrated, or by whom it would be (None)."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of executing chunks.

    Attributes:
        states: The N states after them, as the dynamics know them.
        observation: What is observed there, batch dimension N.
        reward: (N,) summed over each chunk.
        over: (N,) whether the task is over there.
    """

    states: list[Any]
    observation: Observation
    reward: Tensor
    over: Tensor


@runtime_checkable
class Dynamics(Protocol):
    """Says where chunks lead and what they earn: a simulator that can be put anywhere, or a learnt model."""

    def advance(self, states: Sequence[Any], chunks: Tensor) -> Outcome:
        """Execute (N, H, A) chunks, one from each of N states."""
        ...
