"""What a sentence asks for, as a direction among the features of items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.items import context_code
from robopref.nets.sentences import SentenceEncoder, Sentences, sentence_encoder
from robopref.principles import clauses_of, principle_in

_PLACES = 4  # clauses whose importance is learnt; those after count as much as the last
_LONGEST = 4000  # letters of an instruction


class PrincipleWeights(nn.Module):
    """Directions (N, D) of N principles: ``u = sum_j a_j g(e(clause_j))``.

    ``e`` is a sentence encoder that is not trained, ``g`` a perceptron, and the clauses of a principle count the less
    the later they come: ``a_1 = 1``, ``a_j = a_(j-1) sigmoid(b_j)``. So a principle whose clauses were seen in others
    is understood without having been seen. Instructions are kept with the weights, as bytes.

    Args:
        size: Numbers D of a direction.
        sentences: What makes vectors of clauses: ``words``, ``minilm`` or ``carried``.
        width: Of the hidden layer.
        dropout: Share of a clause's vector that a step of training does not see.
        names: Instructions that are met, see `meet`.

    Raises:
        ConfigError: A setting is out of range.
    """

    letters: Tensor
    codes: Tensor
    clause: Tensor
    vectors: Tensor

    def __init__(
        self, size: int, *, sentences: Sentences = "words", width: int = 64, dropout: float = 0.1,
        names: Iterable[str] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 1 or not 0 <= dropout < 1:
            raise ConfigError(f"width must be positive and dropout in [0, 1), got {width} and {dropout}")
        self.sentences: Sentences = sentences
        self._encoder: SentenceEncoder = sentence_encoder(sentences)
        self.size, self.width, self.dropout = size, width, dropout
        self.network = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self._encoder.size, width), nn.SiLU(), nn.Linear(width, size)
        )
        self.later = nn.Parameter(torch.zeros(_PLACES - 1))
        self.names: tuple[str, ...] = ()
        self.register_buffer("letters", torch.zeros(0, dtype=torch.uint8))
        for name in ("codes", "clause", "vectors"):
            self.register_buffer(name, torch.zeros(0), persistent=False)
        self._take(tuple(names))

    def meet(self, names: Iterable[str]) -> None:
        """Take in instructions, before what was answered by them is learnt from.

        Raises:
            ConfigError: One says nothing, or is too long.
        """
        new = [name for name in dict.fromkeys(names) if name not in self.names]
        if new:
            self._take((*self.names, *new))

    def of_codes(self, codes: Tensor) -> Tensor:
        """Directions (B, D) of the instructions that questions were answered by.

        Args:
            codes: (B,) see `robopref.items.context_code`.

        Raises:
            DataError: One was not met.
        """
        if not self.known(codes):
            raise DataError("an answer was given by an instruction that this reward has not met; call meet(names)")
        rows = (codes[:, None] == self.codes).int().argmax(1)
        return self._of(self.clause[rows], self.vectors)

    def of_texts(self, principles: Sequence[str]) -> Tensor:
        """Directions (N, D) of principles in words, seen or not."""
        return self.of_read(*self.read(principles))

    def of_read(self, clause: Tensor, vectors: Tensor) -> Tensor:
        """Directions (N, D) of principles that `read` has read."""
        return self._of(clause.to(self.later.device), vectors.to(self.later.device))

    def read(self, principles: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Which clauses each principle has, (N, C), -1 for none, and vectors of all clauses; it takes milliseconds."""
        parts = [clauses_of(text) for text in principles]
        every = {text: place for place, text in enumerate(dict.fromkeys(text for some in parts for text in some))}
        clause = torch.full((len(parts), max(map(len, parts), default=1)), -1)
        for row, some in enumerate(parts):
            clause[row, : len(some)] = torch.tensor([every[text] for text in some])
        return clause, self._encoder.encode(list(every))

    def mean(self) -> Tensor:
        """Mean (D,) over the instructions that were met; of none, zero."""
        if not self.names:
            return self.later.new_zeros(self.size)
        return self._of(self.clause, self.vectors).mean(0)

    def known(self, codes: Tensor) -> bool:
        """Whether all of (B,) codes are of instructions that were met."""
        return bool(torch.isin(codes, self.codes).all()) if len(self.names) else not len(codes)

    @property
    def importance(self) -> Tensor:
        """(P,) how much clauses count by their place; 1 for the first."""
        # A running product, of operators that graphs for small computers have.
        found = [self.later.new_ones(())]
        for share in self.later.sigmoid():
            found.append(found[-1] * share)
        return torch.stack(found)

    def _of(self, clause: Tensor, vectors: Tensor) -> Tensor:
        """Directions of (N, C) indices of clauses, -1 where there is none."""
        said = self.network(vectors * vectors.shape[1] ** 0.5)
        places = torch.arange(clause.shape[1], device=clause.device).clamp(max=_PLACES - 1)
        counts = self.importance[places] * (clause >= 0)
        return (counts[..., None] * said[clause.clamp(min=0)]).sum(1)

    def _take(self, names: tuple[str, ...]) -> None:
        for name in names:
            if not clauses_of(principle_in(name)) or len(name) > _LONGEST:
                raise ConfigError(
                    f"answers by a principle have an instruction of 1 to {_LONGEST} letters, got {name[:40]!r}"
                )
        device, self.names = self.later.device, names
        self.letters = torch.tensor(list(json.dumps(names).encode()), dtype=torch.uint8, device=device)
        clause, vectors = self.read([principle_in(name) for name in names])
        self.codes = torch.tensor([context_code(name) for name in names], dtype=torch.int64, device=device)
        self.clause, self.vectors = clause.to(device), vectors.to(device)

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
        """Take the instructions of what is loaded; raises ValueError if they are none."""
        names = read_instructions(state_dict[f"{prefix}letters"])
        if names != self.names:
            try:
                self._take(names)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def read_instructions(letters: Any) -> tuple[str, ...]:
    """Instructions as weights keep them.

    Args:
        letters: (L,) bytes.

    Raises:
        ValueError: They are none.
    """
    if not isinstance(letters, Tensor) or letters.dtype != torch.uint8 or letters.ndim != 1:
        raise ValueError("the instructions of a reward are no bytes")
    try:
        found = json.loads(bytes(letters.tolist()).decode())
    except (ValueError, RecursionError) as error:
        raise ValueError("the instructions of a reward are no JSON") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found) or len(set(found)) < len(found):
        raise ValueError("the instructions of a reward are no list of different sentences")
    return tuple(found)
