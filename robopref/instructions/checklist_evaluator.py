"""A learnt evaluator: from a terse instruction and a rollout to key points that were wanted, and done.

After the AlignEvaluator of PromptEnhancer (arXiv 2509.04545), which scores a picture by 24 key points of its prompt. It
learns from checklists that people filled in: which points mattered to them, and which of these were done. Of a rollout
it sees which of all that might be wanted was done, and not what was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from robopref.checklists.checklist import verdicts
from robopref.checklists.trace import Trace
from robopref.instructions.case import Case
from robopref.instructions.offers import OfferBatch, Offers
from robopref.learning.fit import FitConfig, fit
from robopref.scores import Loss

_EDGE = 1e-4


@dataclass(frozen=True)
class FilledChecklists:
    """Rollouts, and what people said of them point by point.

    Attributes:
        offers: The cases (B).
        checks: (B, K, J, V) see `Offers.checks`.
        wanted: (B, K) 1 where a point mattered.
        done: (B, K) 1 where it was done; of points that did not matter it says nothing.
    """

    offers: OfferBatch
    checks: Tensor
    wanted: Tensor
    done: Tensor


def filled(offers: Offers, cases: Sequence[Case], traces: Sequence[Trace]) -> FilledChecklists:
    """Checklists of cases of which it is known what is wanted.

    Args:
        offers: Key points.
        cases: B cases.
        traces: Of a rollout of each.
    """
    wanted = torch.zeros(len(cases), len(offers.points))
    done = torch.zeros(len(cases), len(offers.points))
    places = {name: place for place, name in enumerate(offers.names)}
    for row, (case, trace) in enumerate(zip(cases, traces, strict=True)):
        said = verdicts(offers.vocabulary, case.wanted, trace)
        for one, verdict in zip(case.wanted, said, strict=True):
            if verdict is not None and one.key in places:
                wanted[row, places[one.key]], done[row, places[one.key]] = 1.0, float(verdict)
    return FilledChecklists(offers.batch(cases), offers.checks(cases, traces), wanted, done)


class ChecklistEvaluator(nn.Module):
    """Says of each key point how likely it is wanted, and done.

    A point is wanted if any cue calls for it: ``1 - prod_j (1 - s(a_kj))``. Whether it was done goes by the cues that
    do, the softmax over j of ``a_kj``, each by what was done of the choices that it may call for.

    Args:
        points: Key points K.
        choices: Choices V of a key point at most.
        words: Size D of vectors of words.
        width: Of the hidden layer.
    """

    def __init__(self, points: int, choices: int, words: int, width: int = 32) -> None:
        super().__init__()
        self.cue = nn.Linear(words, width)
        self.point = nn.Parameter(0.3 * torch.randn(points, width))
        self.handled = nn.Linear(words, width, bias=False)
        self.point_of_handled = nn.Parameter(0.3 * torch.randn(points, width))
        calls = nn.Linear(width, 1)
        nn.init.constant_(calls.bias, -3.0)
        self.wants = nn.Sequential(nn.SiLU(), calls)
        self.counts = nn.Linear(width, choices)
        self.level = nn.Parameter(torch.zeros(points))

    def forward(self, offers: OfferBatch, checks: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (B, K) that points are wanted, and that they are done."""
        seen, calls = self._calls(offers)
        some = offers.fits.any(-1)
        share = torch.softmax(torch.where(some[..., None], calls, torch.zeros_like(calls)), -1)
        odds = (self.counts(seen) * checks).sum(-1) + self.level[:, None]
        return _any_of(calls), (share * torch.sigmoid(odds)).sum(-1).clamp(_EDGE, 1 - _EDGE)

    def wanted(self, offers: OfferBatch) -> Tensor:
        """Probabilities (B, K) that points are wanted, whatever comes of it."""
        return _any_of(self._calls(offers)[1])

    def _calls(self, offers: OfferBatch) -> tuple[Tensor, Tensor]:
        """What is seen of each cue (B, K, J, W), and how it calls for each key point (B, K, J)."""
        seen = self.cue(offers.cues)[:, None] * self.point[:, None]
        about = self.handled(offers.handled)[:, None] * self.point_of_handled  # (B, K, W)
        return seen, self.wants(seen + about[:, :, None])[..., 0].masked_fill(~offers.fits, -torch.inf)

    def parts(self, offers: OfferBatch, checks: Tensor) -> Tensor:
        """What each key point brings (B, K), ``w_k d_k / sum_l w_l``: their sum is the score."""
        wanted, done = self(offers, checks)
        return wanted * done / wanted.sum(-1, keepdim=True)

    def score(self, offers: OfferBatch, checks: Tensor) -> Tensor:
        """Share (B,) of what is wanted that is done."""
        return self.parts(offers, checks).sum(-1)


def _any_of(calls: Tensor) -> Tensor:
    found = 1 - (1 - torch.sigmoid(calls)).clamp(min=_EDGE).log().sum(-1).exp()
    return found.clamp(_EDGE, 1 - _EDGE)


def train_evaluator(
    evaluator: ChecklistEvaluator, known: FilledChecklists, config: FitConfig, *, seed: int, batch: int = 64
) -> None:
    """Learn filled checklists, in place: cross-entropy of what is wanted, and of what is done of it.

    Args:
        evaluator: The evaluator.
        known: Checklists.
        config: How long.
        seed: Of the batches.
        batch: Checklists a step.
    """

    def loss(module: nn.Module, generator: torch.Generator, _: float) -> Loss:
        rows = torch.randint(len(known.wanted), (batch,), generator=generator)
        wanted, done = module(known.offers[rows], known.checks[rows])
        mattered = binary_cross_entropy(wanted, known.wanted[rows])
        did = binary_cross_entropy(done, known.done[rows], weight=known.wanted[rows], reduction="sum")
        did = did / known.wanted[rows].sum().clamp(min=1)
        return Loss(mattered + did, {"wanted": mattered.detach(), "done": did.detach()})

    fit(evaluator, loss, config, seed=seed)


@dataclass(frozen=True)
class EvaluatorAccuracy:
    """How right an evaluator is on checklists.

    Attributes:
        wanted: Share of points of which it is right whether they matter.
        found: Share of those that matter which it says to matter.
        done: Share of those that matter of which it is right whether they were done.
        usual: The same share of who says of each point what is most often so of it.
        agreement: Correlation of its scores with the true ones.
    """

    wanted: float
    found: float
    done: float
    usual: float
    agreement: float


@torch.no_grad()
def evaluator_accuracy(evaluator: ChecklistEvaluator, test: FilledChecklists) -> EvaluatorAccuracy:
    """How right an evaluator is, see `EvaluatorAccuracy`."""
    wanted, done = evaluator(test.offers, test.checks)
    mattered = test.wanted > 0.5
    most = (test.done * test.wanted).sum(0) / test.wanted.sum(0).clamp(min=1)
    usual = (most > 0.5).float().expand_as(test.done)
    true = (test.done * test.wanted).sum(-1) / test.wanted.sum(-1).clamp(min=1)
    both = torch.stack([evaluator.score(test.offers, test.checks), true])
    return EvaluatorAccuracy(
        float(((wanted > 0.5) == mattered).float().mean()), float((wanted > 0.5)[mattered].float().mean()),
        float(((done > 0.5) == (test.done > 0.5))[mattered].float().mean()),
        float((usual == test.done)[mattered].float().mean()), float(torch.corrcoef(both)[0, 1]),
    )  # fmt: skip
