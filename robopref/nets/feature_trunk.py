"""Relates chunks of actions to a state that is one vector, by modulating the layers that chunks go through."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Features(NamedTuple):
    """A state, encoded once and then related to any number of actions.

    Attributes:
        vector: (B, F).
    """

    vector: Tensor

    @property
    def batch(self) -> int:
        """States B."""
        return len(self.vector)


class FeatureTrunk(nn.Module):
    """From an encoded state, chunks and a condition to one output vector a chunk.

    Chunks go through residual blocks whose normalised inputs are scaled and shifted by what was seen and by the
    condition (FiLM, Perez et al. 2018; as in the denoisers of diffusion_policy and DP3, whose convolutions over time
    a chunk of a few actions does not need).

    Args:
        shape: Of a chunk, (H, A).
        features: Size F of the encoded state.
        outputs: Size of the output vector.
        condition: Size C of the extra condition; 0 for none.
        hidden: Width of the residual blocks.
        depth: Number of residual blocks beside the first.
    """

    def __init__(
        self, shape: tuple[int, int], features: int, *, outputs: int, condition: int = 0, hidden: int = 256,
        depth: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        self.enter = nn.Linear(shape[0] * shape[1] + condition, hidden)
        self.blocks = nn.ModuleList(_ModulatedBlock(features, condition, hidden) for _ in range(depth + 1))
        self.leave = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU(), nn.Linear(hidden, outputs))

    def forward(self, state: Features, actions: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map (B, N, H, A) chunks, and a (B, N, C) condition if the trunk has one, to (B, N, outputs)."""
        given = actions.flatten(2) if condition is None else torch.cat([actions.flatten(2), condition], dim=-1)
        hidden = self.enter(given)
        for block in self.blocks:
            hidden = block(hidden, state.vector, condition)
        return self.leave(hidden)


class _ModulatedBlock(nn.Module):
    """Residual block of two layers."""

    def __init__(self, features: int, condition: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.by_state = nn.Linear(features, 2 * hidden)
        self.by_condition = nn.Linear(condition, 2 * hidden, bias=False) if condition else None
        self.body = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))

    def forward(self, hidden: Tensor, state: Tensor, condition: Tensor | None) -> Tensor:
        change = self.by_state(state)[:, None]  # once a state, whatever the number of its chunks
        if self.by_condition is not None:
            change = change + self.by_condition(condition)
        scale, shift = change.chunk(2, dim=-1)
        return hidden + self.body(self.norm(hidden) * (1 + scale) + shift)
