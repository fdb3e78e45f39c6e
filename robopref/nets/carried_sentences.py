"""Clauses as vectors that depend less on how they happen to be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from robopref.nets.sentences import SentenceEncoder

CARRIERS = ("{}", "the robot should {}", "please {}", "{} as much as you can", "I want you to {}")


class CarriedSentences:
    """The mean of the vectors of a clause in several sentences that carry it (prompt ensembling, Radford et al. 2021).

    A clause such as "be quick" is short, and what an encoder makes of it leans on each word. What all sentences share
    that it is put into is what it asks for.

    Args:
        encoder: Makes vectors of sentences.
        carriers: Sentences with ``{}`` where the clause goes.
    """

    def __init__(self, encoder: SentenceEncoder, carriers: Sequence[str] = CARRIERS) -> None:
        self.encoder, self.carriers, self.size = encoder, tuple(carriers), encoder.size

    def encode(self, texts: Sequence[str]) -> Tensor:
        """See `SentenceEncoder`."""
        if not texts:
            return torch.zeros(0, self.size)
        carried = [carrier.replace("{}", text) for carrier in self.carriers for text in texts]
        return normalize(self.encoder.encode(carried).unflatten(0, (len(self.carriers), len(texts))).sum(0), dim=1)
