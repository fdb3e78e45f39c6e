"""Four Gaussian modes in the plane, one reward each: what a preference-tuned policy should do is known exactly.

Actions are in R^2. The reference is a mixture of four isotropic Gaussians at (+-0.5, +-0.5); the reward depends on the
nearest mode alone; people prefer by Bradley-Terry at temperature one. Tuning with strength beta should reweigh the
modes, ``p*_k ~ p_k exp(R_k / beta)``, and leave the shape of each alone.

There is one state, whose cloud holds the modes as landmarks; its proprioception is a context in {0, 1} that the reward
may depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import plane
from robopref.protocols import Policy
from robopref.records import ActionGeometry, Observation

REACH = 0.4  # metres per unit of action; the networks measure nearness at 0.02, 0.06 and 0.2 m
MODES = 0.5 * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
SPREAD = 0.08


class Outcome(NamedTuple):
    """What a policy does in the bandit.

    Attributes:
        masses: (4,) share of the samples nearest to each mode.
        reward: Mean reward.
        off: Share of the samples further than three standard deviations from every mode; 1.1% for the exact mixture.
    """

    masses: np.ndarray
    reward: float
    off: float


@dataclass(frozen=True)
class FourModeBandit:
    """The world.

    Attributes:
        rewards: Reward of each mode.
        shares: Masses of the reference, summing to one.
    """

    rewards: Sequence[float] = (0.0, 0.5, 1.0, 1.5)
    shares: Sequence[float] = (0.4, 0.3, 0.2, 0.1)
    geometry: ActionGeometry = field(default_factory=lambda: plane(REACH), compare=False)

    def observe(self, count: int, context: Tensor | None = None) -> Observation:
        """The state, `count` times; the context is 0 unless a (count,) one is given."""
        landmarks = REACH * torch.cat([MODES, torch.zeros(4, 1)], dim=1)
        proprio = torch.zeros(count) if context is None else context.float()
        return Observation(landmarks.expand(count, -1, -1), proprio[:, None])

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Actions (count, 1, 2) of the reference."""
        mode = torch.multinomial(torch.tensor(self.shares), count, replacement=True, generator=generator)
        noise = torch.randn(count, 2, generator=generator)
        return (MODES[mode] + SPREAD * noise)[:, None]

    def mode(self, actions: Tensor) -> Tensor:
        """The nearest mode of (..., 1, 2) actions, (...)."""
        return torch.cdist(actions.flatten(0, -3).flatten(1), MODES).argmin(1).unflatten(0, actions.shape[:-2])

    def reward(self, actions: Tensor) -> Tensor:
        """Reward of (..., 1, 2) actions, (...)."""
        return torch.tensor(self.rewards)[self.mode(actions)]

    def off_mode(self, actions: Tensor) -> Tensor:
        """Whether (..., 1, 2) actions are further than three standard deviations from every mode, (...)."""
        distance = torch.cdist(actions.flatten(0, -3).flatten(1), MODES).amin(1)
        return (distance > 3 * SPREAD).unflatten(0, actions.shape[:-2])

    def optimum(self, beta: float) -> np.ndarray:
        """Masses (4,) of the policy that maximises ``E[R] - beta KL(policy, reference)``."""
        tilted = np.log(self.shares) + np.asarray(self.rewards) / beta
        return np.exp(tilted - np.logaddexp.reduce(tilted))

    def best_of(self, n: int) -> float:
        """Expected reward of the best of n samples of the reference: the ceiling of selection."""
        order = np.argsort(self.rewards)
        below = np.cumsum(np.asarray(self.shares)[order]) ** n
        return float(np.diff(below, prepend=0) @ np.asarray(self.rewards)[order])

    def measure(self, policy: Policy, *, count: int = 4096, seed: int = 1_000) -> Outcome:
        """Sample a policy in the state with context 0."""
        generator = torch.Generator().manual_seed(seed)
        actions = policy.sample(self.observe(1), count, generator=generator)[0]
        masses = torch.bincount(self.mode(actions), minlength=4).numpy() / count
        return Outcome(masses, float(self.reward(actions).mean()), float(self.off_mode(actions).float().mean()))


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Half of the absolute difference between two distributions."""
    return float(0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum())
