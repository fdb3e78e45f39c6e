"""Where decisions lie in a space of few numbers: networks that say several of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from robopref.decisions import DecisionReward
from robopref.errors import ConfigError
from robopref.items import Items
from robopref.nets.clouds import CloudEncoder
from robopref.nets.images import ImageEncoder
from robopref.protocols import ChunkPolicy
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.segment import SegmentReward


class ChunkEmbedding(nn.Module):
    """Embeds chunks of a policy in the states that they are for, by the network of an `ExplicitReward`.

    Args:
        network: Its outputs are the coordinates.
        size: Their number D.
    """

    def __init__(self, network: ExplicitReward, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size
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
    def size(self) -> int:
        """Coordinates D."""
        return self.network.outputs

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


Embedding = ChunkEmbedding | StepEmbedding


class FrozenEmbedding(nn.Module):
    """An embedding whose weights are never changed, centred and brought to one scale for all coordinates together.

    Directions in which the embedding tells little stay small.

    Args:
        embedding: Perhaps trained.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
        parameter = next(embedding.parameters())
        self.embedding = embedding.requires_grad_(False).eval()
        self.register_buffer("centre", parameter.new_zeros(embedding.size))
        self.register_buffer("spread", parameter.new_ones(()))

    @property
    def size(self) -> int:
        """Coordinates D."""
        return self.embedding.size

    def replaced(self, embedding: Embedding) -> FrozenEmbedding:
        """A copy of another embedding in this one's place.

        Raises:
            ConfigError: It looks at other arrays, or has another number of coordinates.
        """
        for said, theirs, ours in (
            ("looks at", ", ".join(embedding.keys), ", ".join(self.embedding.keys)),
            ("is of chunks of", str(embedding.horizon), str(self.embedding.horizon)),
            ("has coordinates:", str(embedding.size), str(self.size)),
        ):
            if theirs != ours:
                raise ConfigError(
                    f"the trained embedding {said} {theirs}, the reward {ours}; let both have the same embedding="
                )
        return FrozenEmbedding(deepcopy(embedding)).to(self.centre.device)

    def standardise(self, items: Items) -> None:
        """Take centre and scale from items."""
        points = item_points(self.embedding, items).flatten(0, 1)
        self.centre.copy_(points.mean(0))
        self.spread.copy_((points - self.centre).square().mean().sqrt().clamp(min=1e-6))

    @torch.no_grad()
    def embed(self, items: Items) -> Tensor:
        """Coordinates (B, K, T, D) of each decision."""
        return (self.embedding.embed(items) - self.centre) / self.spread

    def train(self, mode: bool = True) -> FrozenEmbedding:
        """It stays as it is when it is used."""
        del mode
        return super().train(False)


class ProjectedEmbedding(nn.Module):
    """Linear coordinates of a frozen embedding, which are trained with what uses them.

    Args:
        frozen: The embedding.
        size: Coordinates D of what is made of it.
    """

    def __init__(self, frozen: FrozenEmbedding, size: int) -> None:
        super().__init__()
        self.frozen, self.size = frozen, size
        self.layer = nn.Linear(frozen.size, size).to(frozen.centre.device)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self.frozen.embedding.keys

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H; None where decisions are single actions."""
        return self.frozen.embedding.horizon

    def standardise(self, items: Items) -> None:
        """Take centre and scale of the frozen embedding from items."""
        self.frozen.standardise(items)

    def embed(self, items: Items) -> Tensor:
        """Coordinates (B, K, T, D) of each decision."""
        return self.layer(self.frozen.embed(items))

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values; of steps only, as chunks belong to a policy."""
        return {"frozen": frozen_settings(self.frozen), "size": self.size}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ProjectedEmbedding:
        """An untrained one of such settings."""
        return cls(FrozenEmbedding(StepEmbedding.of(settings["frozen"])), settings["size"])


def frozen_settings(frozen: FrozenEmbedding) -> dict[str, Any]:
    """What a frozen embedding of steps was made with.

    Raises:
        ConfigError: It is of a policy's chunks.
    """
    if not isinstance(frozen.embedding, StepEmbedding):
        raise ConfigError("an embedding of a policy's chunks is made of that policy")
    return frozen.embedding.settings


def embedding_for_items(
    items: Items,
    *,
    policy: ChunkPolicy | None = None,
    size: int = 8,
    width: int = 64,
    hidden: int = 128,
    encoder: Callable[[int], CloudEncoder | ImageEncoder] | None = None,
) -> Embedding:
    """An untrained embedding of the decisions of items.

    Args:
        items: What is to be embedded, by whose arrays steps are where there is no policy.
        policy: Whose chunks are to be embedded, as an explicit reward sees them.
        size: Coordinates D.
        width: Of the hidden layers; of tokens, where chunks are embedded.
        hidden: Width of the residual blocks that embed chunks.
        encoder: From a number of copies to an encoder of clouds or pictures, for steps.

    Raises:
        ConfigError: The size is not positive, or clouds or pictures have no encoder.
        PolicyError: The policy has no geometry and lends no encoder.
    """
    if size < 1:
        raise ConfigError(f"size must be 1 or more, got {size}")
    if policy is None:
        return StepEmbedding(SegmentReward.for_items(items, width=width, encoder=encoder, outputs=size))
    return ChunkEmbedding(ExplicitReward.for_policy(policy, width=width, hidden=hidden, outputs=size), size)


def item_points(embedding: Embedding, items: Items) -> Tensor:
    """Where items lie, (B, K, D): the mean of their decisions, by what these count."""
    weight = items.weight[..., None]
    return (embedding.embed(items) * weight).sum(2) / weight.sum(2).clamp(min=torch.finfo(weight.dtype).tiny)
