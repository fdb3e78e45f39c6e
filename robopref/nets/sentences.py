"""Sentences as vectors, without a network: counts of hashed words, or a small language model that a package carries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Protocol

import torch
from torch import Tensor

from robopref.errors import unknown_name
from robopref.nets.carried_sentences import CarriedSentences
from robopref.nets.minilm import MiniLM

Sentences = Literal["words", "minilm", "carried"]
SENTENCES: tuple[Sentences, ...] = ("words", "minilm", "carried")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


class SentenceEncoder(Protocol):
    """Makes vectors of sentences.

    Attributes:
        size: Numbers D of a vector.
    """

    size: int

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors (N, D) of length 1, or 0 of a text without words."""
        ...


class HashedWords:
    """A bag of words and of pairs of neighbours, hashed into signed places (Weinberger et al. 2009).

    It knows words that it has seen in training and no others: the control of what a language model brings.

    Args:
        size: Places D.
    """

    def __init__(self, size: int = 384) -> None:
        self.size = size

    def encode(self, texts: Sequence[str]) -> Tensor:
        """See `SentenceEncoder`."""
        found = torch.zeros(len(texts), self.size)
        for row, text in enumerate(texts):
            words = _WORD.findall(text.lower())
            for term in (*words, *(" ".join(pair) for pair in pairwise(words))):
                number = int.from_bytes(hashlib.sha256(term.encode()).digest()[:8], "big")
                found[row, (number >> 1) % self.size] += 1 - 2 * (number & 1)
        return found / found.norm(dim=1, keepdim=True).clamp(min=1e-12)


def sentence_encoder(name: str) -> SentenceEncoder:
    """What makes vectors of sentences.

    Args:
        name: ``words``, ``minilm``, or ``carried`` for the latter on clauses in several sentences.

    Raises:
        ConfigError: There is no such.
        DependencyError: Its package is not installed.
    """
    if name not in SENTENCES:
        raise unknown_name("encoder of sentences", name, SENTENCES)
    if name == "words":
        return HashedWords()
    return MiniLM.shared() if name == "minilm" else CarriedSentences(MiniLM.shared())
