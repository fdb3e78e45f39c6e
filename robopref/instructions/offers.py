"""What may be added to instructions, as arrays that networks see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from robopref.checklists.key_point import Requirement
from robopref.checklists.trace import Trace
from robopref.checklists.vocabulary import Vocabulary
from robopref.errors import ConfigError
from robopref.instructions.case import Case
from robopref.nets.sentences import SentenceEncoder

_SIGNS = {True: 1.0, False: -1.0, None: 0.0}


@dataclass(frozen=True)
class OfferBatch:
    """Cases as networks see them: B cases of J cues at most, K key points with V choices at most.

    Attributes:
        cues: (B, J, D) vectors of their words.
        handled: (B, D) of the thing that is handled.
        fits: (B, K, J) whether a cue may call for a key point.
        choices: (K, V) whether a key point has a choice.
    """

    cues: Tensor
    handled: Tensor
    fits: Tensor
    choices: Tensor

    def __getitem__(self, rows: Tensor) -> OfferBatch:
        return OfferBatch(self.cues[rows], self.handled[rows], self.fits[rows], self.choices)

    def __len__(self) -> int:
        return len(self.cues)


@dataclass(frozen=True)
class _SeenCase:
    cues: Tensor
    fits: Tensor
    wishes: tuple[Requirement, ...]
    places: Tensor  # (K, J, V) of each of them among the wishes; -1 where there is none


class Offers:
    """Key points that may be added, and how cases are seen.

    Args:
        vocabulary: Key points; those without a choice are never added.
        encoder: Makes vectors of cues.
        known: Words that are known; a cue of others calls for nothing, as their vectors say nothing. None knows all.

    Raises:
        ConfigError: No key point may be added.
    """

    def __init__(self, vocabulary: Vocabulary, encoder: SentenceEncoder, known: Iterable[str] | None = None) -> None:
        self.vocabulary, self.encoder = vocabulary, encoder
        self.known = None if known is None else frozenset(known)
        self.points = [one for one in vocabulary.points.values() if one.choices]
        if not self.points:
            raise ConfigError("no key point has choices, so that nothing could be added to an instruction")
        self.names = tuple(one.name for one in self.points)
        self.most = max(len(one.choices) for one in self.points)
        self._vectors: dict[str, Tensor] = {}
        self._cases: dict[tuple[str, tuple[str, ...]], _SeenCase] = {}

    def batch(self, cases: Sequence[Case]) -> OfferBatch:
        """Cases as arrays."""
        width = max(len(case.cues) for case in cases)
        cues = torch.zeros(len(cases), width, self.encoder.size)
        fits = torch.zeros(len(cases), len(self.points), width, dtype=torch.bool)
        for row, case in enumerate(cases):
            seen = self._seen(case)
            cues[row, : len(case.cues)], fits[row, :, : len(case.cues)] = seen.cues, seen.fits
        choices = torch.tensor([[v < len(one.choices) for v in range(self.most)] for one in self.points])
        handled = torch.stack([self._vector(case.handled) for case in cases])
        return OfferBatch(cues, handled, fits, choices)

    def requirement(self, case: Case, point: int, cue: int, choice: int) -> Requirement:
        """What a cue of a case calls for, by its key point and choice."""
        one = self.points[point]
        return Requirement(one.name, one.fillings(choice, case.cues[cue].thing, case.handled))

    def wished(self, cases: Sequence[Case]) -> Tensor:
        """Which cues and choices (B, K, J, V) ask for what is wanted in each case."""
        width = max(len(case.cues) for case in cases)
        found = torch.zeros(len(cases), len(self.points), width, self.most, dtype=torch.bool)
        for row, case in enumerate(cases):
            seen = self._seen(case)
            for place, one in enumerate(seen.wishes):
                if one in case.wanted:
                    found[row, :, : len(case.cues)] |= seen.places == place
        return found

    def checks(self, cases: Sequence[Case], traces: Sequence[Trace]) -> Tensor:
        """What rollouts do of all that might be wanted.

        Args:
            cases: B cases.
            traces: Of a rollout of each.

        Returns:
            (B, K, J, V): 1 done, -1 not done, 0 not known or not on offer.
        """
        width = max(len(case.cues) for case in cases)
        found = torch.zeros(len(cases), len(self.points), width, self.most)
        for row, (case, trace) in enumerate(zip(cases, traces, strict=True)):
            seen = self._seen(case)
            done = [self.vocabulary[one.key].satisfied(trace, one.values) for one in seen.wishes]
            said = torch.tensor([_SIGNS[one] for one in done] + [0.0])
            found[row, :, : len(case.cues)] = said[seen.places]
        return found

    def _seen(self, case: Case) -> _SeenCase:
        """What is the same in all rollouts of a case."""
        key = (case.instruction, case.scene)
        if key not in self._cases:
            told = [self.known is None or any(word in self.known for word in cue.words) for cue in case.cues]
            rows = [[one.fits(cue.thing, case.handled) for cue in case.cues] for one in self.points]
            fits = torch.tensor(rows) & torch.tensor(told)
            wishes: dict[Requirement, int] = {}
            places = torch.full((len(self.points), len(case.cues), self.most), -1)
            for k, j in fits.nonzero().tolist():
                for v in range(len(self.points[k].choices)):
                    places[k, j, v] = wishes.setdefault(self.requirement(case, k, j, v), len(wishes))
            vectors = torch.stack([self._vector(cue.text) for cue in case.cues])
            self._cases[key] = _SeenCase(vectors, fits, tuple(wishes), places)
        return self._cases[key]

    def _vector(self, text: str) -> Tensor:
        if text not in self._vectors:
            self._vectors[text] = self.encoder.encode([text])[0]
        return self._vectors[text]
