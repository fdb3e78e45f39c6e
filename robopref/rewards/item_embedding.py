"""Where decisions lie in the space of a mixture: networks that say several numbers of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from robopref.decisions import DecisionReward
from robopref.items import Items
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.segment import SegmentReward


class ChunkEmbedding(nn.Module):
    """Embeds chunks of a policy in the states that they are for, by the network of an `ExplicitReward`.

    Args:
        network: Its outputs are the coordinates.
    """

    def __init__(self, network: ExplicitReward) -> None:
        super().__init__()
        self.network = network
        self.horizon: int | None = network.horizon

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return DecisionReward(self.network).keys

    def standardise(self, items: Items) -> None:
        """It knows the values of its policy already."""

    def embed(self, items: Items) -> Tensor:
        """Coordinates (B, K, T, D) of each decision."""
        values = self.network.values(*items.decisions())
        return values[:, :, None] if items.alone else values[:, 0].view(*items.weight.shape, -1)


class StepEmbedding(nn.Module):
    """Embeds steps by whatever arrays there are of them, by the network of a `SegmentReward`.

    Args:
        network: Of one member and without a memory; its outputs are the coordinates.
    """

    def __init__(self, network: SegmentReward) -> None:
        super().__init__()
        self.network = network

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H; None where decisions are single actions."""
        return self.network.horizon

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self.network.keys

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what it looks at from items."""
        self.network.standardise(items)

    def embed(self, items: Items) -> Tensor:
        """Coordinates (B, K, T, D) of each decision."""
        return self.network.embed(items)[0]

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return self.network.settings

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> StepEmbedding:
        """An untrained one of such settings."""
        return cls(SegmentReward.of(settings))
