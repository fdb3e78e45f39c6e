"""Rewards on an embedding that stays as it is: a small head, which a few answers are enough for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from robopref.errors import ConfigError
from robopref.items import Items
from robopref.protocols import ChunkPolicy
from robopref.rewards.item_embedding import (
    Embedding,
    FrozenEmbedding,
    StepEmbedding,
    embedding_for_items,
    frozen_settings,
)
from robopref.scores import NoiseDraw, Scores


class EmbeddingReward(nn.Module):
    """Scores items by where their decisions lie in a frozen embedding (SIRL, Bobu et al. 2023): ``r = g(f(x))``.

    An item is worth the sum of its decisions.

    Args:
        embedding: ``f``; its weights are never changed.
        head_width: Of the hidden layer of ``g``; None takes a linear ``g``.

    Raises:
        ConfigError: The width is not positive.
    """

    def __init__(self, embedding: Embedding, head_width: int | None = None) -> None:
        super().__init__()
        width, size = head_width, embedding.size
        if width is not None and width < 1:
            raise ConfigError(f"head_width must be 1 or more, or null for a linear head, got {width}")
        self.frozen, self.head_width = FrozenEmbedding(embedding), width
        layers = [nn.Linear(size, 1)] if width is None else [nn.Linear(size, width), nn.SiLU(), nn.Linear(width, 1)]
        self.head = nn.Sequential(*layers).to(self.frozen.centre.device)

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        policy: ChunkPolicy | None = None,
        embedding: Callable[..., Embedding] = embedding_for_items,
        head_width: int | None = None,
    ) -> EmbeddingReward:
        """A reward on an embedding that is not trained yet, in whose place `begin_with` puts a trained one.

        Args:
            items: What is to be scored.
            policy: Whose chunks are to be scored; None for recorded steps.
            embedding: Makes the embedding of the items and the policy.
            head_width: Width of the hidden layer of the head; None takes a linear one.

        Raises:
            ConfigError: A setting is out of range.
            PolicyError: The policy has no geometry and lends no encoder.
        """
        return cls(embedding(items, policy=policy), head_width)

    def begin_with(self, embedding: Embedding) -> None:
        """Take over a trained embedding, before the head is trained.

        Args:
            embedding: Of the same kind of decisions.

        Raises:
            ConfigError: It looks at other arrays, or has another size.
        """
        self.frozen = self.frozen.replaced(embedding)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self.frozen.embedding.keys

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H; None where decisions are single actions."""
        return self.frozen.embedding.horizon

    @property
    def of_steps(self) -> bool:
        """Whether it scores recorded steps, and not chunks of a policy."""
        return isinstance(self.frozen.embedding, StepEmbedding) and self.horizon is None

    def standardise(self, items: Items) -> None:
        """Take centre and scale of the embedding from items that are learnt from."""
        self.frozen.standardise(items)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items.

        Args:
            items: With the arrays of `keys`.
            draw: Not needed.

        Returns:
            (B, K) values, of (B, K, T) rewards of decisions.
        """
        del draw
        steps = self.head(self.frozen.embed(items))[..., 0]
        return Scores((steps * items.weight).sum(-1), steps=steps)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values; of steps only, as chunks belong to a policy."""
        return {"embedding": frozen_settings(self.frozen), "head_width": self.head_width}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> EmbeddingReward:
        """An untrained reward of such settings."""
        return cls(StepEmbedding.of(settings["embedding"]), settings["head_width"])
