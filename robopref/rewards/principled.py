"""Rewards that a sentence turns: what items are judged by is said in words, and may be words that are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.nets.clouds import CloudEncoder
from robopref.nets.images import ImageEncoder
from robopref.nets.principle_weights import PrincipleWeights
from robopref.nets.sentences import Sentences
from robopref.principles import plain_principle
from robopref.protocols import ChunkPolicy
from robopref.rewards.item_embedding import Embedding, StepEmbedding, embedding_for_items
from robopref.scores import NoiseDraw, Scores

INSTRUCTION = "instruction"


class PrincipledReward(nn.Module):
    """Scores items by a principle (after RewardAnything, Yu et al. 2025, arXiv 2506.03637): ``r(x | c) = u(c) . f(x)``.

    ``f`` embeds a decision, ``u`` is the direction that the principle asks for, see `PrincipleWeights`. An item is
    worth the sum of its decisions. The paper asks an 8B model about each list; this is a small network that is trained
    on such answers, listwise, and then asked without a call.

    Where it is known by which instruction items were judged, they are scored by that; elsewhere by the mean of all, or
    by the principle that `choose` names.

    Args:
        embedding: ``f``.
        principles: ``u``.
    """

    context = (INSTRUCTION,)

    def __init__(self, embedding: Embedding, principles: PrincipleWeights) -> None:
        super().__init__()
        self.embedding, self.principles = embedding, principles
        self.chosen: str | None = None
        self._read: tuple[Tensor, Tensor] | None = None

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        policy: ChunkPolicy | None = None,
        sentences: Sentences = "words",
        size: int = 16,
        width: int = 64,
        hidden: int = 128,
        dropout: float = 0.1,
        encoder: Callable[[int], CloudEncoder | ImageEncoder] | None = None,
    ) -> PrincipledReward:
        """A reward that has met no principle yet.

        Args:
            items: What is to be scored, in whose arrays steps are embedded where there is no policy.
            policy: Whose chunks are to be scored, which are embedded as an explicit reward sees them.
            sentences: ``words`` for a bag of words, ``minilm`` for a sentence encoder of the extra ``words``,
                ``carried`` for its mean over several sentences that carry a clause.
            size: Features D of an item.
            width: Of the hidden layers; of tokens, where chunks are embedded.
            hidden: Width of the residual blocks that embed chunks.
            dropout: Share of a sentence's vector that a step of training does not see.
            encoder: From a number of copies to an encoder of clouds or pictures.

        Raises:
            ConfigError: A setting is out of range.
            DependencyError: The sentence encoder is not installed.
            PolicyError: The policy has no geometry and lends no encoder.
        """
        if size < 1:
            raise ConfigError(f"size must be 1 or more, got {size}")
        principles = PrincipleWeights(size, sentences=sentences, width=width, dropout=dropout)
        embedding = embedding_for_items(items, policy=policy, size=size, width=width, hidden=hidden, encoder=encoder)
        return cls(embedding, principles)

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
        return isinstance(self.embedding, StepEmbedding) and self.horizon is None

    @property
    def names(self) -> tuple[str, ...]:
        """Instructions that it has learnt from."""
        return self.principles.names

    def meet(self, names: Iterable[str]) -> None:
        """Take in instructions, before what was answered by them is learnt from."""
        self.principles.meet(names)

    def choose(self, principle: str | None) -> None:
        """Score by a principle where it is not known by which instruction items were judged.

        Args:
            principle: In words, seen or not; None takes the mean of those that were met.

        Raises:
            ConfigError: It says nothing, or too much.
        """
        said = None if principle is None else plain_principle(principle)
        # A sentence is read once, and not with each plan.
        self._read = None if said is None else self.principles.read([said])
        self.chosen = said

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what is looked at from items that are learnt from.

        Raises:
            DataError: It is not known by which instruction items were judged, or it was not met.
        """
        codes = items.context.get(INSTRUCTION)
        if codes is None or not self.principles.known(codes):
            raise DataError(
                "a reward of principles learns from what was judged by which; keep the instruction with the items "
                "(context), and tell the reward the instructions with meet(names)"
            )
        self.embedding.standardise(items)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items by the instructions that they were judged by, or by the principle that was chosen.

        Args:
            items: With the arrays of `keys`.
            draw: Not needed.

        Returns:
            (B, K) values, of (B, K, T) rewards of decisions.
        """
        del draw
        codes = items.context.get(INSTRUCTION)
        if codes is not None:
            return self.score_for(items, self.principles.of_codes(codes))
        chosen = self.principles.mean()[None] if self._read is None else self.principles.of_read(*self._read)
        return self.score_for(items, chosen)

    def score_for(self, items: Items, directions: Tensor) -> Scores:
        """Score items for directions (B, D), or (1, D) for all questions; otherwise as `score`."""
        steps = (self.embedding.embed(items) * directions[:, None, None]).sum(-1)
        return Scores((steps * items.weight).sum(-1), steps=steps)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values; of steps only, as chunks belong to a policy."""
        if not isinstance(self.embedding, StepEmbedding):
            raise ConfigError("a reward of a policy's chunks is made of that policy")
        said = self.principles
        return {
            "embedding": self.embedding.settings, "sentences": said.sentences, "width": said.width,
            "dropout": said.dropout, "names": list(self.names),
        }  # fmt: skip

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> PrincipledReward:
        """An untrained one of such settings."""
        embedding = StepEmbedding.of(settings["embedding"])
        principles = PrincipleWeights(
            embedding.network.outputs, sentences=settings["sentences"], width=settings["width"],
            dropout=settings["dropout"], names=settings["names"],
        )  # fmt: skip
        return cls(embedding, principles)
