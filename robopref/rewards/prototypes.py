"""Prototypes of what people want: points of an embedding, the same everywhere or made of what is seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from robopref.items import Items
from robopref.rewards.item_embedding import StepEmbedding


class FixedPrototypes(nn.Module):
    """K points, the same in every state (PAL-A, Chen et al. 2024, of its form ``P w``).

    Args:
        count: Prototypes K.
        size: Coordinates D.
    """

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(count, size) / size**0.5)

    def resized(self, count: int) -> FixedPrototypes:
        """As many others, untrained."""
        return FixedPrototypes(count, self.points.shape[1]).to(self.points.device)

    def standardise(self, items: Items) -> None:
        """There is nothing to take from items."""

    def ideal(self, items: Items, weights: Tensor) -> Tensor:
        """Where each person would have every decision: ``P w`` (B or 1, 1, 1, D) of weights (B or 1, K)."""
        del items
        return (weights @ self.points)[:, None, None]

    @property
    def settings(self) -> dict[str, Any] | None:
        """What they are made of; None, as that is nothing."""
        return None


class SeenPrototypes(nn.Module):
    """K points that a network makes of what is seen before a decision (PAL-B, whose context is a prompt).

    Args:
        network: Says K times D numbers of what is seen, one prototype after the other.
        count: Prototypes K.
    """

    def __init__(self, network: StepEmbedding, count: int) -> None:
        super().__init__()
        self.network, self.count = network, count

    def resized(self, count: int) -> SeenPrototypes:
        """As many others, untrained."""
        given = self.network.settings
        made = StepEmbedding.of({**given, "outputs": given["outputs"] // self.count * count})
        return SeenPrototypes(made.to(self.network.network.mean.device), count)

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what is seen from items."""
        self.network.standardise(items)

    def ideal(self, items: Items, weights: Tensor) -> Tensor:
        """Where each person would have every decision: ``sum_k w_k g_k(state)``, (B, K items, T, D) of (B or 1, K)."""
        points = self.network.embed(items).unflatten(-1, (self.count, -1))
        return (weights[:, None, None, :, None] * points).sum(-2)

    @property
    def settings(self) -> dict[str, Any] | None:
        """What they are made of."""
        return self.network.settings
