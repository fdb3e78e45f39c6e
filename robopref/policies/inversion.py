"""Inverting the sampler: the noise from which a policy would have made an action."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.policies.chunk_diffusion import ChunkDiffusion


@torch.no_grad()
def invert(policy: ChunkDiffusion, state: Any, actions: Tensor, timestep: Tensor, *, steps: int = 5) -> Tensor:
    """Run DDIM (Song et al. 2021, eta 0) backwards from actions exactly to given noise levels.

    Levels in between are spread evenly over the way, and the last step ends at the level itself, where released code
    of DDIM-InPO stops at the grid point below it and takes it for the level.

    Args:
        policy: Its denoiser says which way.
        state: Encoded states.
        actions: (B, N, H, A).
        timestep: (B, N) where to.
        steps: Steps of the inversion; its error falls with them.

    Returns:
        The noise (B, N, H, A) that takes the actions to the level as the policy sees it: by the forward process with
        this noise they become the inverted actions.

    Raises:
        ConfigError: No steps.
    """
    if steps < 1:
        raise ConfigError(f"inversion needs steps >= 1, got {steps}")
    actions = policy.scale.inside(actions)
    current, alpha = actions, torch.ones_like(timestep, dtype=actions.dtype)
    for step in range(1, steps + 1):
        # The denoiser knows no level below its lowest, which stands for the clean action in the first step.
        here = (timestep * (step - 1)).div(steps, rounding_mode="floor")
        there = (timestep * step).div(steps, rounding_mode="floor")
        noise = policy.denoiser(state, current, here).detach()
        clean = (current - _spread(1 - alpha) * noise) / _spread(alpha)
        alpha = policy.alphas[there]
        current = _spread(alpha) * clean + _spread(1 - alpha) * noise
    return (current - _spread(alpha) * actions) / _spread(1 - alpha)


def _spread(share: Tensor) -> Tensor:
    return share.sqrt()[..., None, None]
