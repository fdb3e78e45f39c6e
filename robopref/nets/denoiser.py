"""Denoisers of action chunks: they all answer with predicted noise, and differ in how they arrive at it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from robopref.nets.points import ActionFrame, Encoding
from robopref.records import ActionGeometry

TIME_FEATURES = 32


class ResidualBlock(nn.Module):
    """Pre-norm residual MLP block.

    Args:
        width: Feature size.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's output to its input, (..., width)."""
        return x + self.body(x)


class ActionTrunk(nn.Module):
    """From an encoded state, chunks and a condition to one output vector a chunk.

    Args:
        geometry: How actions name anchor points.
        horizon: Chunk horizon H.
        proprio: Proprioception size D.
        width: Token size C of the state encoding.
        outputs: Size of the output vector.
        condition: Size F of the extra condition.
        hidden: Width of the residual blocks.
        depth: Number of residual blocks.
    """

    def __init__(
        self,
        geometry: ActionGeometry,
        *,
        horizon: int,
        proprio: int,
        width: int,
        outputs: int,
        condition: int = 0,
        hidden: int = 256,
        depth: int = 2,
    ) -> None:
        super().__init__()
        given = horizon * geometry.matrix.shape[2] + condition + proprio
        self.frame = ActionFrame(geometry, horizon=horizon, width=width, condition=given)
        self.enter = nn.Linear(self.frame.size + given, hidden)
        self.blocks = nn.Sequential(*(ResidualBlock(hidden) for _ in range(depth)), nn.LayerNorm(hidden), nn.SiLU())
        self.leave = nn.Linear(hidden, outputs)

    def forward(self, state: Encoding, actions: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map (B, N, H, A) chunks, and a (B, N, F) condition if the trunk has one, to (B, N, outputs)."""
        proprio = state.proprio[:, None].expand(-1, actions.shape[1], -1)
        parts = [actions.flatten(2), proprio] if condition is None else [actions.flatten(2), proprio, condition]
        given = torch.cat(parts, dim=-1)
        seen = self.frame(state, actions, given)
        return self.leave(self.blocks(self.enter(torch.cat([seen, given], dim=-1))))


# Where an error asks for a denoiser that has an energy.
WITH_ENERGY = "as policy=diffusion is shipped (policy.denoiser._target_=robopref.nets.denoiser.EnergyDenoiser)"


class NoiseDenoiser(nn.Module):
    """Predicts the noise directly (Ho et al. 2020).

    Args:
        trunk: Builds what relates chunks to an encoded state, from ``outputs, condition, hidden, depth``.
        shape: Of a chunk, (H, A).
        alphas: (T,) cumulative product of the noise schedule.
        hidden: Width of the residual blocks.
        depth: Number of residual blocks.
    """

    alphas: Tensor

    def __init__(
        self, *, trunk: Callable[..., nn.Module], shape: tuple[int, int], alphas: Tensor, hidden: int = 256,
        depth: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        self.shape = shape
        self.register_buffer("alphas", alphas, persistent=False)
        self.trunk = trunk(outputs=self._outputs(), condition=TIME_FEATURES, hidden=hidden, depth=depth)

    def _outputs(self) -> int:
        return self.shape[0] * self.shape[1]

    def weight(self, timestep: Tensor) -> Tensor:
        """Training weight of the squared noise error at a timestep, same shape as `timestep`."""
        return torch.ones_like(timestep, dtype=self.alphas.dtype)

    def forward(self, state: Any, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Predict the noise in (B, N, H, A) noisy chunks at (B, N) timesteps."""
        return self.trunk(state, noisy, time_features(timestep)).unflatten(-1, self.shape)


class SampleDenoiser(NoiseDenoiser):
    """Predicts the clean chunk and derives the noise from it, as DP3 does; errors count in clean-chunk units."""

    def weight(self, timestep: Tensor) -> Tensor:
        """``(1 - abar) / abar``, which turns a squared noise error into a squared clean-chunk error."""
        alpha = self.alphas[timestep]
        return (1 - alpha) / alpha

    def forward(self, state: Any, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Predict the noise in (B, N, H, A) noisy chunks at (B, N) timesteps."""
        alpha = self.alphas[timestep][..., None, None]
        clean = super().forward(state, noisy, timestep)
        return (noisy - alpha.sqrt() * clean) / (1 - alpha).sqrt()


class EnergyDenoiser(NoiseDenoiser):
    """A scalar network whose gradient with respect to the noisy chunk is the predicted noise.

    With ``eps(x, t) = sigma_t * grad_x E(x, t)`` and ``sigma_t^2 = 1 - abar_t``, ``-E`` is the log-density of noisy
    chunks up to a constant of the state (Du et al. 2023, eq. 7), so the difference of two such models is a log-ratio
    that needs no Monte-Carlo estimate of denoising errors. The network adds to ``|x|^2 / 2``, the energy of pure noise.
    """

    def _outputs(self) -> int:
        return 1

    def energy(self, state: Any, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Energy E of (B, N, H, A) noisy chunks at (B, N) timesteps, (B, N)."""
        learnt = self.trunk(state, noisy, time_features(timestep))[..., 0]
        return 0.5 * noisy.square().sum((-1, -2)) + learnt / (1 - self.alphas[timestep]).sqrt()

    def forward(self, state: Any, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Predict the noise in (B, N, H, A) noisy chunks at (B, N) timesteps."""
        create_graph = torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters())
        with torch.enable_grad():
            noisy = noisy if noisy.requires_grad else noisy.detach().requires_grad_()
            sigma = (1 - self.alphas[timestep]).sqrt()[..., None, None]
            energy = self.energy(state, noisy, timestep).sum()
            return sigma * torch.autograd.grad(energy, noisy, create_graph=create_graph)[0]


def time_features(timestep: Tensor) -> Tensor:
    """Sinusoidal embedding (Vaswani et al. 2017) of integer timesteps, (..., TIME_FEATURES)."""
    half = TIME_FEATURES // 2
    rates = torch.exp(-math.log(1000.0) * torch.arange(half, device=timestep.device) / half)
    phase = timestep[..., None].float() * rates
    return torch.cat([phase.sin(), phase.cos()], dim=-1)
