"""Layers of latent world models: normalised ones, alone or several copies at once, and latents on simplices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import ConfigError


class SimNorm(nn.Module):
    """A softmax over each group of entries, so that a latent neither grows nor vanishes (TD-MPC2, section 3.1).

    Args:
        size: Entries of the latent.
        group: Entries that add up to 1.

    Raises:
        ConfigError: The latent is not made of whole groups.
    """

    def __init__(self, size: int, group: int = 8) -> None:
        super().__init__()
        if group < 2 or size < group or size % group:
            raise ConfigError(f"a latent of {size} entries is not made of groups of {group}")
        self.group = group

    def forward(self, values: Tensor) -> Tensor:
        """Project (..., size)."""
        return values.unflatten(-1, (-1, self.group)).softmax(-1).flatten(-2)


def normed_mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Layers of a linear map, a layer norm and SiLU; the last one is linear.

    TD-MPC2 has Mish for SiLU, which looks alike and costs a processor more.

    Args:
        sizes: Numbers at the input, in each hidden layer and at the output.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class StackedNormedMLP(nn.Module):
    """N networks of the form of `normed_mlp` as one.

    Args:
        copies: Networks N.
        sizes: Numbers at the input, in each hidden layer and at the output.
        zero: Whether the last layer begins at zero, so that all copies first say the same.

    Raises:
        ConfigError: There is no copy or no hidden layer.
    """

    def __init__(self, copies: int, sizes: Sequence[int], *, zero: bool = False) -> None:
        super().__init__()
        if copies < 1 or len(sizes) < 3:
            raise ConfigError(f"need one copy or more and a hidden layer, got copies={copies}, sizes={list(sizes)}")
        self.copies = copies
        pairs = list(itertools.pairwise(sizes))
        self.weights = nn.ParameterList([
            nn.Parameter(torch.empty(copies, *pair).uniform_(-1 / math.sqrt(pair[0]), 1 / math.sqrt(pair[0])))
            for pair in pairs
        ])  # fmt: skip
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(copies, 1, out)) for _, out in pairs])
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(copies, 1, out)) for _, out in pairs[:-1]])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(copies, 1, out)) for _, out in pairs[:-1]])
        if zero:
            nn.init.zeros_(self.weights[-1])

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply each copy to its own rows (N, B, in), or all to the same ones (B, in).

        Returns:
            (N, B, out).
        """
        hidden = inputs.expand(self.copies, *inputs.shape) if inputs.ndim == 2 else inputs
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                normed = functional.layer_norm(hidden, hidden.shape[-1:])
                hidden = functional.silu(torch.addcmul(self.shifts[layer], normed, self.gains[layer]))
        return hidden

    def copy_from(self, other: StackedNormedMLP) -> None:
        """Take the weights of a single network in every copy."""
        for mine, theirs in zip(self.parameters(), other.parameters(), strict=True):
            mine.data.copy_(theirs.data.expand_as(mine))
