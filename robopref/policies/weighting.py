"""How much the denoising error at each noise level counts in a diffusion score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Weighting = Callable[[Tensor, int], Tensor]


def simple(alphas: Tensor, size: int) -> Tensor:
    """Every noise level alike (Ho et al. 2020, eq. 14; Diffusion-DPO); a ranking score, not a log-ratio.

    Args:
        alphas: (T,) cumulative product of the noise schedule.
        size: Numbers in a chunk, H A.

    Returns:
        (T,) ones.
    """
    del size
    return torch.ones_like(alphas)


def min_snr(alphas: Tensor, size: int, *, gamma: float = 5.0) -> Tensor:
    """``min(SNR, gamma) / SNR`` for predicted noise (Hang et al. 2023); a ranking score, not a log-ratio.

    Args:
        alphas: (T,) cumulative product of the noise schedule.
        size: Numbers in a chunk, H A.
        gamma: Signal-to-noise ratio above which a level counts less.

    Returns:
        (T,) in (0, 1].
    """
    del size
    ratio = alphas / (1 - alphas)
    return ratio.clamp(max=gamma) / ratio


def elbo(alphas: Tensor, size: int) -> Tensor:
    """Weights that make the mean error gap an estimate of ``log pi / pi_ref`` (Kingma et al. 2021, eq. 17).

    The bound is ``-1/2 integral |eps - eps_hat|^2 d log-SNR``, so a level counts half of its step in log-SNR, times T
    for levels that are drawn uniformly and times H A for errors that are means over a chunk. The first level, whose
    step reaches to no noise at all, counts like the second.

    Args:
        alphas: (T,) cumulative product of the noise schedule.
        size: Numbers in a chunk, H A.

    Returns:
        (T,) positive.
    """
    steps = -torch.logit(alphas.double()).diff()
    return (0.5 * len(alphas) * size * torch.cat([steps[:1], steps])).to(alphas.dtype)
