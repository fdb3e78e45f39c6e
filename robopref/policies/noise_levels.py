"""Noise levels of diffusion, and the way down them: DDIM (Song et al. 2021) without noise of its own, eta 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robopref.errors import ActionError


class Descent(NamedTuple):
    """One step of denoising."""

    level: int  # t, of the noisy chunk
    alpha: Tensor  # () cumulative product of the noise schedule there
    lower: Tensor  # () the same at the level that the step leads to; 1 without noise


def squared_cosine(levels: int) -> Tensor:
    """Cumulative product (T,) of a noise schedule (Nichol & Dhariwal 2021, eq. 17, no beta above 0.999).

    Args:
        levels: Noise levels T.
    """

    def remaining(part: float) -> float:
        return math.cos((part + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - remaining((t + 1) / levels) / remaining(t / levels), 0.999) for t in range(levels)]
    return torch.cumprod(1 - torch.tensor(betas, dtype=torch.float32), dim=0)


def descents(alphas: Tensor, steps: int) -> list[Descent]:
    """Steps from the highest level to none, evenly spread (Lin et al. 2024, "trailing").

    Args:
        alphas: (T,) cumulative product of the noise schedule.
        steps: How many, at most T.
    """
    levels, alphas = len(alphas), alphas.cpu()
    down, free = levels // steps, torch.tensor(1.0)
    places = np.round(np.arange(levels, 0, -levels / steps)).astype(int)[:steps] - 1  # rounding may end in one more
    return [Descent(t, alphas[t], alphas[t - down] if t >= down else free) for t in places.tolist()]


def denoised(way: Sequence[Descent], predict: Callable[[Tensor, Tensor], Tensor], chunk: Tensor) -> Tensor:
    """Turn noise into chunks; what each step takes for the clean chunk is kept in [-1, 1].

    Args:
        way: From `descents`.
        predict: From (B, N, H, A) noisy chunks and their (B, N) levels to the noise in them.
        chunk: (B, N, H, A) noise.

    Returns:
        (B, N, H, A) in [-1, 1].

    Raises:
        ActionError: A sample is not finite.
    """
    for level, alpha, lower in way:
        noise = predict(chunk, torch.full(chunk.shape[:2], level, device=chunk.device)).detach()
        clean = ((chunk - (1 - alpha) ** 0.5 * noise) / alpha**0.5).clamp(-1, 1)
        noise = (chunk - alpha**0.5 * clean) / (1 - alpha) ** 0.5
        chunk = lower**0.5 * clean + (1 - lower) ** 0.5 * noise
    if not torch.isfinite(chunk).all():
        raise ActionError("the policy sampled actions that are not finite; its weights or observations are damaged")
    return chunk.clamp(-1, 1)
