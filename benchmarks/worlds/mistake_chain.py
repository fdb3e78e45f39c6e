"""Five decisions, three actions each, one of which is a mistake that nothing later makes good.

The state is the step and whether a mistake was made; the outcome is 1 if none was. With a reference that errs at a
known rate, the soft values of the KL-regularised problem and the advantage of every action follow by dynamic
programming.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import plane
from robopref.interaction import Outcome
from robopref.records import ActionGeometry, Observation

STEPS, CHOICES, SPREAD, REACH = 5, 3, 0.08, 0.4
_TURNS = [math.tau * k / CHOICES + math.pi / 2 for k in range(CHOICES)]
CLUSTERS = 0.6 * torch.tensor([[math.cos(turn), math.sin(turn)] for turn in _TURNS])
MISTAKES = torch.tensor([0, 2, 1, 0, 2])  # which action is the mistake, by step


class State(NamedTuple):
    """Where a rollout is: the step to come, and whether no mistake was made yet."""

    step: int
    clean: bool


class Rollouts(NamedTuple):
    """Whole rollouts.

    Attributes:
        observation: Before every decision, points (N, T, 3, 3), proprio (N, T, 6).
        actions: (N, T, 1, 2).
        mistake: (N, T) whether the decision was one.
        success: (N,) 1 if none was.
    """

    observation: Observation
    actions: Tensor
    mistake: Tensor
    success: Tensor


@dataclass(frozen=True)
class MistakeChain:
    """The world.

    Attributes:
        error_rate: Probability of the reference's mistake at each step; the other two actions share the rest.
    """

    error_rate: float = 0.2
    geometry: ActionGeometry = field(default_factory=lambda: plane(REACH), compare=False)

    def observe(self, states: Sequence[State]) -> Observation:
        """Landmarks at the clusters; proprioception is the step, one-hot, and the flag."""
        landmarks = REACH * torch.cat([CLUSTERS, torch.zeros(CHOICES, 1)], dim=1)
        proprio = torch.zeros(len(states), STEPS + 1)
        for row, state in zip(proprio, states, strict=True):
            row[min(state.step, STEPS - 1)] = 1
            row[STEPS] = float(state.clean)
        return Observation(landmarks.expand(len(states), -1, -1), proprio)

    def rollouts(self, count: int, generator: torch.Generator) -> Rollouts:
        """Rollouts of the reference."""
        share = torch.full((STEPS, CHOICES), (1 - self.error_rate) / 2)
        share[torch.arange(STEPS), MISTAKES] = self.error_rate
        choice = torch.multinomial(share, count, replacement=True, generator=generator).T
        actions = CLUSTERS[choice] + SPREAD * torch.randn(count, STEPS, 2, generator=generator)
        mistake = self._is_mistake(actions, torch.arange(STEPS).expand(count, -1))
        made = mistake.long().cumsum(1)
        clean_before = (made - mistake.long()) == 0
        states = [State(step, bool(clean)) for row in clean_before for step, clean in enumerate(row)]
        flat = self.observe(states)
        observation = Observation(flat.points.unflatten(0, (count, STEPS)), flat.proprio.unflatten(0, (count, STEPS)))
        return Rollouts(observation, actions[:, :, None], mistake, (made[:, -1] == 0).float())

    def advance(self, states: Sequence[State], chunks: Tensor) -> Outcome:
        """Execute (N, 1, 2) chunks; the chain is its own `Dynamics`, and rewards an end without mistakes."""
        step = torch.tensor([state.step for state in states])
        mistake = self._is_mistake(chunks[:, 0], step).tolist()
        after = [State(state.step + 1, state.clean and not wrong) for state, wrong in zip(states, mistake, strict=True)]
        over = torch.tensor([state.step == STEPS for state in after])
        return Outcome(list(after), self.observe(after), over * torch.tensor([float(one.clean) for one in after]), over)

    def advantage(self, rollouts: Rollouts, *, beta: float) -> np.ndarray:
        """Soft advantage (N, T) of every decision, in units of the outcome.

        ``V_h = beta log E_ref exp(V_{h+1} / beta)`` from ``V_T`` = outcome; after a mistake all is decided.
        """
        value = np.ones(STEPS + 1)
        for step in reversed(range(STEPS)):
            value[step] = beta * np.log(self.error_rate + (1 - self.error_rate) * np.exp(value[step + 1] / beta))
        mistake = rollouts.mistake.numpy()
        clean = (mistake.cumsum(1) - mistake) == 0
        return np.where(clean, np.where(mistake, 0.0, value[1:]) - value[:-1], 0.0)

    def _is_mistake(self, actions: Tensor, step: Tensor) -> Tensor:
        nearest = torch.cdist(actions.reshape(-1, 2), CLUSTERS).argmin(1).reshape(step.shape)
        return nearest == MISTAKES[step]
