"""Vectors as a policy looks at them: proprioception, states, and what else there is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# An entry that spreads less than this is taken for a constant, which carries nothing.
_STILL = 1e-4


class VectorPart(nn.Module):
    """An MLP of a vector that is normalised by recorded statistics (DP3's encoder of states, Ze et al. 2024).

    Args:
        size: Numbers D.
        width: Size F of the encoding.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int, *, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        self.network = nn.Sequential(nn.Linear(size, width), nn.SiLU(), nn.Linear(width, width))

    def fit(self, samples: Tensor) -> None:
        """Take mean and spread of (S, D) recorded vectors; constants are only shifted."""
        exact = samples.double()
        std = exact.std(0, unbiased=False)
        self.mean.copy_(exact.mean(0))
        self.std.copy_(torch.where(std > _STILL, std, torch.ones_like(std)))

    def forward(self, vectors: Tensor) -> Tensor:
        """Encode (R, D) as (R, F)."""
        return self.network((vectors.to(self.mean.dtype) - self.mean) / self.std)
