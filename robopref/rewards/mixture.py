"""Rewards of several persons at once: each wants a mixture of a few prototypes, and what is nearest to it is best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

from robopref.data.labels.answer_context import LABELER
from robopref.errors import ConfigError, DataError
from robopref.items import ACTION, Items
from robopref.nets.clouds import CloudEncoder
from robopref.nets.images import ImageEncoder
from robopref.protocols import ChunkPolicy
from robopref.records import is_outcome
from robopref.rewards.item_embedding import (
    ChunkEmbedding,
    Embedding,
    FrozenEmbedding,
    ProjectedEmbedding,
    StepEmbedding,
    embedding_for_items,
)
from robopref.rewards.person_weights import PersonWeights
from robopref.rewards.prototypes import FixedPrototypes, SeenPrototypes
from robopref.rewards.segment import SegmentReward
from robopref.scores import NoiseDraw, Scores


class MixtureReward(nn.Module):
    """Scores items for a person (PAL, Chen et al. 2024, arXiv 2406.08469): ``r(x) = -|f(x) - u|^2``.

    ``f`` embeds a decision, and the ideal point ``u = sum_k w_k p_k`` mixes K prototypes by the weights of the person.
    An item is worth the sum of its decisions. With one prototype all persons are alike.

    Where it is known who answered, items are scored for those persons; elsewhere for the mean of all, or for whom
    `choose` names.

    Args:
        embedding: ``f``.
        prototypes: ``p``.
        persons: ``w``.
    """

    context = (LABELER,)

    def __init__(
        self,
        embedding: ChunkEmbedding | StepEmbedding | ProjectedEmbedding,
        prototypes: FixedPrototypes | SeenPrototypes,
        persons: PersonWeights,
    ) -> None:
        super().__init__()
        self.embedding, self.prototypes, self.persons = embedding, prototypes, persons
        self.chosen: Mapping[str, float] | None = None

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        policy: ChunkPolicy | None = None,
        prototypes: int = 2,
        variant: Literal["A", "B"] = "A",
        size: int = 8,
        width: int = 64,
        hidden: int = 128,
        encoder: Callable[[int], CloudEncoder | ImageEncoder] | None = None,
    ) -> MixtureReward:
        """A mixture that nobody has answered for yet.

        Args:
            items: What is to be scored, in whose arrays steps are embedded where there is no policy.
            policy: Whose chunks are to be scored, which are embedded as an explicit reward sees them.
            prototypes: Their number K.
            variant: A for points that are the same everywhere, B for such as are made of what is seen.
            size: Coordinates D of the embedding.
            width: Of the hidden layers; of tokens, where chunks are embedded.
            hidden: Width of the residual blocks that embed chunks.
            encoder: From a number of copies to an encoder of clouds or pictures, for steps and for prototypes.

        Raises:
            ConfigError: A setting is out of range, or nothing is seen that prototypes could be made of.
            PolicyError: The policy has no geometry and lends no encoder.
        """
        persons = PersonWeights(prototypes)
        embedding = embedding_for_items(items, policy=policy, size=size, width=width, hidden=hidden, encoder=encoder)
        if variant == "A":
            return cls(embedding, FixedPrototypes(prototypes, size), persons)
        seen = [key for key in embedding.keys if key != ACTION and not is_outcome(key)]
        if not seen:
            raise ConfigError("variant B makes prototypes of what is seen, and the reward sees actions alone; take A")
        made = SegmentReward.for_items(items.only(seen), width=width, encoder=encoder, outputs=prototypes * size)
        return cls(embedding, SeenPrototypes(StepEmbedding(made), prototypes), persons)

    @classmethod
    def on_embedding(
        cls,
        items: Items,
        *,
        policy: ChunkPolicy | None = None,
        embedding: Callable[..., Embedding] = embedding_for_items,
        prototypes: int = 2,
        size: int = 8,
    ) -> MixtureReward:
        """A mixture in linear coordinates of a frozen embedding, for which `begin_with` gives a trained one.

        Args:
            items: What is to be scored.
            policy: Whose chunks are to be scored; None for recorded steps.
            embedding: Makes the embedding of the items and the policy.
            prototypes: Their number K; they are the same everywhere.
            size: Linear coordinates D.

        Raises:
            ConfigError: A setting is out of range.
            PolicyError: The policy has no geometry and lends no encoder.
        """
        if size < 1:
            raise ConfigError(f"size must be 1 or more, got {size}")
        projected = ProjectedEmbedding(FrozenEmbedding(embedding(items, policy=policy)), size)
        return cls(projected, FixedPrototypes(prototypes, size), PersonWeights(prototypes))

    def begin_with(self, embedding: Embedding) -> None:
        """Take over a trained embedding as the frozen features, before the rest is trained.

        Raises:
            ConfigError: The mixture embeds by itself, or looks at other arrays.
        """
        if not isinstance(self.embedding, ProjectedEmbedding):
            raise ConfigError("this mixture embeds by itself; reward=mixture_of_embedding takes a trained embedding")
        self.embedding.frozen = self.embedding.frozen.replaced(embedding)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self.embedding.keys

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H; None where decisions are single actions."""
        return self.embedding.horizon

    @property
    def of_steps(self) -> bool:
        """Whether it scores recorded steps, and not chunks of a policy."""
        found = self.embedding.frozen.embedding if isinstance(self.embedding, ProjectedEmbedding) else self.embedding
        return isinstance(found, StepEmbedding) and self.horizon is None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the persons whose wishes are known."""
        return self.persons.names

    def meet(self, names: Iterable[str]) -> None:
        """Take in persons, before what they answered is learnt from."""
        self.persons.meet(names)

    def choose(self, shares: Mapping[str, float] | None) -> None:
        """Score for a person, or a mixture of persons, where it is not known who answered.

        Args:
            shares: By name, brought to a sum of 1; None takes the mean of all.

        Raises:
            ConfigError: Somebody is not known, or shares are not positive.
        """
        if shares is not None:
            self.persons.of(shares)
        self.chosen = shares

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what is looked at from items that are learnt from.

        Raises:
            DataError: It is not known who answered, or somebody answered who was not met.
        """
        codes = items.context.get(LABELER)
        if codes is None or not self.persons.known(codes):
            raise DataError(
                "a mixture of persons learns from who answered what; keep the labeler with the items (context), and "
                "tell the mixture their names with meet(names)"
            )
        self.embedding.standardise(items)
        self.prototypes.standardise(items)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items for those who answered, or for whom was chosen.

        Args:
            items: With the arrays of `keys`.
            draw: Not needed.

        Returns:
            (B, K) values, of (B, K, T) rewards of decisions.
        """
        del draw
        codes = items.context.get(LABELER)
        if codes is not None:
            return self.score_for(items, self.persons.of_codes(codes))
        chosen = self.persons.mean() if self.chosen is None else self.persons.of(self.chosen)
        return self.score_for(items, chosen[None])

    def score_for(self, items: Items, weights: Tensor) -> Scores:
        """Score items for weights of the prototypes, (B, K) or (1, K) for all questions; otherwise as `score`."""
        away = self.embedding.embed(items) - self.prototypes.ideal(items, weights)
        steps = -(away**2).sum(-1)
        return Scores((steps * items.weight).sum(-1), steps=steps)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values; of steps only, as chunks belong to a policy."""
        if isinstance(self.embedding, ChunkEmbedding):
            raise ConfigError("a mixture of a policy's chunks is made of that policy")
        return {
            "embedding": self.embedding.settings, "prototypes": self.persons.prototypes,
            "seen": self.prototypes.settings, "names": list(self.names),
        }  # fmt: skip

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> MixtureReward:
        """An untrained mixture of such settings."""
        made, count, seen = settings["embedding"], settings["prototypes"], settings["seen"]
        embedding = ProjectedEmbedding.of(made) if "frozen" in made else StepEmbedding.of(made)
        prototypes = (
            FixedPrototypes(count, embedding.size) if seen is None else SeenPrototypes(StepEmbedding.of(seen), count)
        )
        return cls(embedding, prototypes, PersonWeights(count, settings["names"]))

    def with_prototypes(self, count: int) -> MixtureReward:
        """The same with another number of prototypes, untrained."""
        self.persons.forget(count)
        self.prototypes = self.prototypes.resized(count)
        return self

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take as many prototypes as there are in what is loaded."""
        count = int(state_dict[f"{prefix}persons.free"].shape[1])
        if count != self.persons.prototypes:
            self.with_prototypes(count)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
