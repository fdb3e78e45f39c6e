"""A Gaussian reference and linear rewards: every tuned policy, and its denoiser at every noise level, is closed form.

With the reference N(0, s^2 I) and the reward ``g . a``, tuning with strength beta gives N(s^2 g / beta, s^2 I).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robopref.nets.denoiser import EnergyDenoiser
from robopref.nets.points import Encoding
from robopref.policies.diffusion import DiffusionPolicy
from robopref.records import ActionGeometry, Observation


class GaussianDenoiser(EnergyDenoiser):
    """The exact denoiser of actions that are N(mean, std^2 I) in every state.

    Noisy ones are N(sqrt(abar) mean, (abar std^2 + 1 - abar) I). The mean can be trained.
    """

    def __init__(self, *, shape: tuple[int, int], alphas: Tensor, std: float = 1.0, **_: Any) -> None:
        torch.nn.Module.__init__(self)
        self.register_buffer("alphas", alphas)
        self.std = std
        self.mean = torch.nn.Parameter(torch.zeros(shape))

    def energy(self, state: Encoding, noisy: Tensor, timestep: Tensor) -> Tensor:
        alpha = self.alphas[timestep][..., None, None]
        variance = alpha * self.std**2 + 1 - alpha
        return (0.5 * (noisy - alpha.sqrt() * self.mean).square() / variance).sum((-1, -2))


@dataclass(frozen=True)
class GaussLinear:
    """The world: one state, actions in R^2, chunks of one.

    Attributes:
        std: Of the reference; small, so that tuned policies stay within [-1, 1].
    """

    std: float = 0.15
    geometry: ActionGeometry = field(default_factory=lambda: plane(1.0), compare=False)

    def observe(self, count: int) -> Observation:
        """The state, `count` times: a single point at the origin."""
        return Observation(torch.zeros(count, 1, 3), torch.zeros(count, 1))

    def policy(self, *, train_steps: int = 1000, sample_steps: int = 250) -> DiffusionPolicy:
        """The reference, whose mean can be trained."""

        def denoiser(**settings: Any) -> GaussianDenoiser:
            return GaussianDenoiser(**settings, std=self.std)

        sizes: dict[str, Any] = {"width": 4, "points": 1, "nodes": 1}
        return DiffusionPolicy(
            self.geometry, 1, denoiser=denoiser, train_steps=train_steps, sample_steps=sample_steps, **sizes
        )

    def optimum(self, gradient: np.ndarray, beta: float) -> np.ndarray:
        """Mean (2,) of the policy that maximises ``E[gradient . a] - beta KL(policy, reference)``."""
        return self.std**2 * np.asarray(gradient) / beta


def plane(reach: float) -> ActionGeometry:
    """Actions in R^2 that are points of the table, `reach` metres a unit, without symmetries."""
    matrix = np.zeros((1, 3, 2), np.float32)
    matrix[0, :2] = reach * np.eye(2)
    return ActionGeometry(
        matrix=matrix,
        offset=np.zeros((1, 3), np.float32),
        symmetry_points=np.eye(3, dtype=np.float32)[None],
        symmetry_actions=np.eye(2, dtype=np.float32)[None],
        radius=reach,
        labels=("action",),
    )
