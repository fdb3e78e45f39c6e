"""A small rewriter that gives reasons: it points at what calls for a clause, and then says the clause.

For each key point it names a cue, a word of the instruction or a thing that is around, or none, by what the cue and the
thing that is handled are; and of the cue alone follows which clause is added. So the reason that is printed is the one
that it went by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robopref.checklists.key_point import Requirement
from robopref.checklists.vocabulary import Vocabulary
from robopref.instructions.case import Case, unsaid
from robopref.instructions.offers import OfferBatch, Offers
from robopref.instructions.rewrite import Addition, Rewrite, cue_reason, rewritten

SURELY = 0.9
LEAVE = 0  # in the place of a cue: nothing calls for the key point


@dataclass(frozen=True)
class Drawn:
    """Reasons and clauses of B cases.

    Attributes:
        reasons: (B, K) cue that calls for each key point, counted from 1; `LEAVE` if none does.
        choices: (B, K) choice of the key point; of no meaning where it is left.
    """

    reasons: Tensor
    choices: Tensor


class ClauseRewriter(nn.Module):
    """Scores cues as reasons for key points, and choices by the cue.

    Args:
        points: Names of the key points K, see `Offers`.
        choices: Choices V of a key point at most.
        words: Size D of vectors of words.
        width: Of the hidden layers.
    """

    def __init__(self, points: Sequence[str], choices: int, words: int, width: int = 32) -> None:
        super().__init__()
        self.points, self.choices, self.words, self.width = tuple(points), choices, words, width
        self.cue = nn.Linear(words, width)
        self.point = nn.Parameter(0.3 * torch.randn(len(self.points), width))
        self.handled = nn.Linear(words, width, bias=False)
        self.point_of_handled = nn.Parameter(0.3 * torch.randn(len(self.points), width))
        self.calls = nn.Sequential(nn.SiLU(), nn.Linear(width, 1))
        self.says = nn.Sequential(nn.SiLU(), nn.Linear(width, choices))
        # At first about a clause in ten is added.
        self.leave = nn.Parameter(torch.full((len(self.points),), 3.5))

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"points": list(self.points), "choices": self.choices, "words": self.words, "width": self.width}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ClauseRewriter:
        """An untrained one of such settings."""
        return cls(settings["points"], int(settings["choices"]), int(settings["words"]), int(settings["width"]))

    def log_probs(self, offers: OfferBatch, stated: Tensor) -> tuple[Tensor, Tensor]:
        """Of reasons, and of choices by the reason.

        Args:
            offers: B cases.
            stated: (B, K) key points that are said already, which are left.

        Returns:
            (B, K, 1 + J) and (B, K, J, V).
        """
        seen = self.cue(offers.cues)[:, None] * self.point[:, None]  # (B, K, J, W)
        about = self.handled(offers.handled)[:, None] * self.point_of_handled  # (B, K, W)
        calls = self.calls(seen + about[:, :, None])[..., 0].masked_fill(~offers.fits | stated[..., None], -torch.inf)
        leave = self.leave.expand(len(offers), -1)[..., None]
        said = self.says(seen).masked_fill(~offers.choices[:, None], -torch.inf)
        return torch.cat([leave, calls], -1).log_softmax(-1), said.log_softmax(-1)


def draw(log_probs: tuple[Tensor, Tensor], generator: torch.Generator | None) -> Drawn:
    """Reasons and choices; the likeliest without a generator."""
    reasons, choices = log_probs
    if generator is None:
        pointed = reasons.argmax(-1)
    else:
        pointed = torch.multinomial(reasons.exp().flatten(0, 1), 1, generator=generator).view(reasons.shape[:2])
    given = _at_reason(choices, pointed)
    if generator is None:
        return Drawn(pointed, given.argmax(-1))
    drawn = torch.multinomial(given.exp().flatten(0, 1), 1, generator=generator)
    return Drawn(pointed, drawn.view(pointed.shape))


def log_prob(log_probs: tuple[Tensor, Tensor], drawn: Drawn) -> Tensor:
    """Log-probability (B, K) of each reason and its clause: ``log p(reason) + [not left] log p(choice | reason)``."""
    reasons, choices = log_probs
    pointed = reasons.gather(-1, drawn.reasons[..., None])[..., 0]
    chosen = _at_reason(choices, drawn.reasons).gather(-1, drawn.choices[..., None])[..., 0]
    return pointed + torch.where(drawn.reasons == LEAVE, torch.zeros_like(chosen), chosen)


def imitation_loss(log_probs: tuple[Tensor, Tensor], wished: Tensor) -> Tensor:
    """Minus the log-likelihood of rewrites whose reasons nobody gave, a mean over cases of the sum over key points.

    ``-log p(leave)`` where nothing is wished, else ``-log sum_{j,v} p(reason j) p(choice v | j)`` over what asks for
    it.

    Args:
        log_probs: See `ClauseRewriter.log_probs`.
        wished: (B, K, J, V) see `Offers.wished`.
    """
    reasons, choices = log_probs
    each = (reasons[..., 1:, None] + choices).masked_fill(~wished, -torch.inf).flatten(2)
    some = wished.flatten(2).any(-1)
    said = torch.where(some[..., None], each, torch.zeros_like(each)).logsumexp(-1)
    return -torch.where(some, said, reasons[..., LEAVE]).sum(-1).mean()


def stated_points(offers: Offers, stated: Sequence[Sequence[Requirement]]) -> Tensor:
    """(B, K) which key points instructions say already; what is said of one of several things may be said again."""
    found = torch.zeros(len(stated), len(offers.points), dtype=torch.bool)
    for row, some in enumerate(stated):
        said = {one.key for one in some}
        for place, point in enumerate(offers.points):
            several = any(slot.kind == "thing" for slot in point.slots.values())
            found[row, place] = point.name in said and not several
    return found


def additions_of(
    offers: Offers, case: Case, drawn: Drawn, row: int, log_probs: tuple[Tensor, Tensor]
) -> list[Addition]:
    """What was drawn for a case, as clauses with their reasons."""
    found: list[Addition] = []
    reasons, choices = log_probs
    for place in (drawn.reasons[row] != LEAVE).nonzero()[:, 0].tolist():
        cue, choice = int(drawn.reasons[row, place]) - 1, int(drawn.choices[row, place])
        sure = float((reasons[row, place, cue + 1] + choices[row, place, cue, choice]).exp())
        found.append(Addition(offers.requirement(case, place, cue, choice), cue_reason(case.cues[cue], case), sure))
    return found


@torch.no_grad()
def rewrite_by(
    rewriter: ClauseRewriter,
    offers: Offers,
    cases: Sequence[Case],
    generator: torch.Generator | None = None,
    *,
    surely: float = SURELY,
) -> list[Rewrite]:
    """Instructions made explicit by a rewriter.

    Args:
        rewriter: The rewriter.
        offers: Its key points.
        cases: The instructions.
        generator: Draws; None takes what is likeliest.
        surely: Probability of a clause below which it is not added, where nothing is drawn. Clauses that say what is
            done, and not how, or that rule out another one, may be half as doubtful.
    """
    vocabulary: Vocabulary = offers.vocabulary
    parted = [unsaid(case, vocabulary) for case in cases]
    left, stated = [case for case, _ in parted], [said for _, said in parted]
    log_probs = rewriter.log_probs(offers.batch(left), stated_points(offers, stated))
    drawn = draw(log_probs, generator)
    found: list[Rewrite] = []
    for row, case in enumerate(cases):
        proposed = additions_of(offers, left[row], drawn, row, log_probs)
        kept = [one for one in proposed if generator is not None or one.sure >= _least(offers, one, surely)]
        found.append(rewritten(case, vocabulary, kept, stated[row]))
    return found


def _least(offers: Offers, one: Addition, surely: float) -> float:
    point = offers.vocabulary[one.requirement.key]
    return (1 + surely) / 2 if point.what or point.apart else surely


def _at_reason(choices: Tensor, reasons: Tensor) -> Tensor:
    """Log-probabilities (B, K, V) of choices at the cue that is pointed to; of the first cue where none is."""
    place = (reasons - 1).clamp(min=0)[..., None, None].expand(-1, -1, 1, choices.shape[-1])
    return choices.gather(2, place)[:, :, 0]
