"""Sharper samples: of several the one that the policy itself finds likeliest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from robopref.policies.draws import CleanDraw, StratifiedDraw
from robopref.protocols import DenoisingPolicy

_DRAWS = 32  # at which denoising errors are measured, the same for all chunks of a state


def likelihood(policy: DenoisingPolicy, state: Any, chunks: Tensor) -> Tensor:
    """How likely chunks are under a diffusion policy, up to a constant of the state.

    Minus the energy of the action at a low noise level, as `LikelihoodScore` takes it; of a policy without an energy
    minus its mean denoising error at fixed draws, a bound of the log-density up to its scale (Ho et al. 2020, eq. 14).

    Args:
        policy: The policy.
        state: B states, as its encoder gives them.
        chunks: (B, N, H, A).

    Returns:
        (B, N), larger is likelier.
    """
    generator, levels = torch.Generator(chunks.device).manual_seed(0), len(policy.alphas)
    if policy.has_energy:
        draw = CleanDraw((min(2, levels - 1),))(len(chunks), policy.shape, generator)
        return -policy.energy(state, chunks, draw).mean(-1).detach()
    draw = StratifiedDraw(_DRAWS, 0, levels)(len(chunks), policy.shape, generator)
    return -policy.denoising_error(state, chunks, draw).mean(-1).detach()


def likeliest(chunks: Tensor, likely: Tensor, k: int) -> Tensor:
    """Of every k chunks of a state the likeliest.

    Args:
        chunks: (B, N k, H, A).
        likely: (B, N k), larger is likelier.
        k: How many one is chosen from.

    Returns:
        (B, N, H, A).
    """
    groups, index = chunks.unflatten(1, (-1, k)), likely.unflatten(1, (-1, k)).argmax(2)
    return groups.gather(2, index[:, :, None, None, None].expand(-1, -1, 1, *chunks.shape[2:]))[:, :, 0]
