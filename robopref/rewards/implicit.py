"""Implicit rewards: how much more a tuned diffusion policy likes an action than its frozen reference does."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import UniformDraw
from robopref.types import NoiseDraw, Observation, Scores


class ImplicitReward(nn.Module):
    """``beta * (cost of the reference - cost of the policy)``, averaged over shared noise draws.

    With ``cost="error"`` the cost is the denoising error, and training on preferences is Diffusion-DPO (Wallace et al.
    2024, eq. 14; DeformPAM uses the same score for ranking). With ``cost="energy"`` it is the energy of an
    `EnergyDenoiser`, so the score is ``beta * log(pi / pi_ref)`` of the noisy action up to a constant of the state,
    without Monte-Carlo noise in the estimate. Beta is not comparable between the two.

    Args:
        policy: The policy to tune; a frozen copy of it, always in eval mode, becomes the reference.
        draws: Noise levels and noises of one score.
        beta: Scale; larger keeps the policy nearer to its reference.
        cost: ``energy`` or ``error``.

    Raises:
        ConfigError: Beta is not positive, the cost is unknown, or the draws ask for noise levels that do not exist.
    """

    def __init__(
        self,
        policy: DiffusionPolicy,
        draws: UniformDraw,
        *,
        beta: float = 1.0,
        cost: Literal["energy", "error"] = "energy",
    ) -> None:
        super().__init__()
        if not beta > 0:
            raise ConfigError(f"beta must be positive, got {beta}")
        if cost not in ("energy", "error"):
            raise ConfigError(f"cost must be 'energy' or 'error', got {cost!r}")
        if draws.upper > len(policy.alphas):
            raise ConfigError(
                f"draws go up to noise level {draws.upper - 1}, the policy has {len(policy.alphas)}, counted from 0"
            )
        self.policy, self.draws, self.beta, self.cost = policy, draws, beta, cost
        self.reference = copy.deepcopy(policy).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ImplicitReward:
        """Switch the policy between training and evaluation; the reference stays in evaluation."""
        super().train(mode)
        self.reference.eval()
        return self

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; each model encodes the state once and makes one batched call.

        Args:
            observation: points (B, P, 3), proprio (B, D).
            actions: (B, N, H, A).
            draw: Noise levels and noises; None takes a fixed draw, the same for every state and call.

        Returns:
            (B, N) values with their Monte-Carlo standard error, and the draws if they are independent.
        """
        batch = len(actions)
        if draw is None:
            generator = torch.Generator(actions.device).manual_seed(0)
            single = self.draws(1, self.policy.shape, generator)
            draw = replace(
                single, timestep=single.timestep.expand(batch, -1), noise=single.noise.expand(batch, -1, -1, -1)
            )
        with torch.no_grad():
            reference = self._cost(self.reference, observation, actions, draw)
        gap = self.beta * (reference - self._cost(self.policy, observation, actions, draw))
        count = gap.shape[-1]
        draws = gap * draw.weight * count
        value = draws.mean(dim=-1)
        if draw.sampling == "exact" or count == 1:
            return Scores(value)
        spread = (draws.std(dim=-1) / count**0.5).detach()
        return Scores(value, spread, draws if draw.sampling == "independent" else None)

    def _cost(self, policy: DiffusionPolicy, observation: Observation, actions: Tensor, draw: NoiseDraw) -> Tensor:
        measure = policy.energy if self.cost == "energy" else policy.denoising_error
        return measure(policy.encoder(observation), actions, draw)
