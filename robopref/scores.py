"""Scores of items, what is known of these, and the losses made of both; the shapes are those of `robopref.records`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseDraw:
    """Shared randomness of a diffusion score: which noise levels and noises an action is judged at.

    The same draw serves policy and reference and all compared candidates, so that their common noise cancels.

    Attributes:
        timestep: (B, M) integer noise levels.
        noise: (B, M, H, A) standard normal, shared by the candidates of a state; (B, K, M, H, A) if each of K
            candidates has its own.
        weight: (M,), or (B, M), weight of each draw. They sum to 1, in the mean if levels were importance-sampled.
        sampling: Whether the draws are ``independent``, are ``stratified`` or antithetic, so that they vary more than
            their mean does, or are fixed levels without noise, at which a score is ``exact``.
    """

    timestep: Tensor
    noise: Tensor
    weight: Tensor
    sampling: Literal["independent", "stratified", "exact"] = "independent"

    def weighted(self, values: Tensor) -> Tensor:
        """Multiply (B, K, M) values by their weights, times M, so that their plain mean is the weighted one."""
        return values * self.weight.expand(len(values), -1)[:, None] * values.shape[-1]


@dataclass(frozen=True)
class Scores:
    """The only thing an objective sees.

    Attributes:
        value: (B, K) one number an item, larger is better.
        spread: (B, K) standard error of the value (Monte-Carlo draws; an upper bound if they were stratified) or
            disagreement (ensembles); None if the value is exact or from a single draw.
        draws: (B, K, M) what each of M independent Monte-Carlo draws says, whose mean is the value; None otherwise.
        steps: (B, K, T) what each decision of a segment adds to its value; None for single decisions.
        state: (B, C) encoding of the state that the items of a question share, without gradient, for objectives that
            look across states; None if the scorer makes none.
        grades: (B, K, L) logarithms of the probabilities of L grades, the worst first; None if the scorer gives none.
    """

    value: Tensor
    spread: Tensor | None = None
    draws: Tensor | None = None
    steps: Tensor | None = None
    state: Tensor | None = None
    grades: Tensor | None = None


@dataclass(frozen=True)
class PairTarget:
    """Preferences among the K items of each of B states.

    Attributes:
        p: (B, K, K) probability that the row item is better than the column item; 0.5 is a tie.
        weight: (B, K, K) how much the pair counts; zero if it was not compared. One of (i, j) and (j, i) suffices.
        offset: (B, K) what is known of the items by other objectives, already weighed; None if there are none.
    """

    p: Tensor
    weight: Tensor
    offset: Tensor | None = None

    def __getitem__(self, rows: Tensor) -> PairTarget:
        """The preferences of some of the states."""
        return PairTarget(self.p[rows], self.weight[rows], None if self.offset is None else self.offset[rows])

    def to(self, device: torch.device) -> PairTarget:
        """The same on a device."""
        offset = None if self.offset is None else self.offset.to(device)
        return PairTarget(self.p.to(device), self.weight.to(device), offset)

    @property
    def asked(self) -> Tensor:
        """(B, K) weight of the comparisons that an item took part in; 0 for one that was never compared."""
        return self.weight.sum(2) + self.weight.sum(1)

    @property
    def share(self) -> Tensor:
        """(B, K) share of its comparisons that an item won, ties counting half; 0.5 if it was never compared."""
        won = (self.p * self.weight).sum(2) + ((1 - self.p) * self.weight).sum(1)
        return torch.where(self.asked > 0, won / self.asked.clamp(min=1e-8), torch.full_like(won, 0.5))


@dataclass(frozen=True)
class SuccessTarget:
    """What became of each of the K items of B states: a success, a failure, or something between.

    Attributes:
        y: (B, K) probability of success, in [0, 1].
        weight: (B, K) how much the item counts; zero if it is not known.
    """

    y: Tensor
    weight: Tensor

    def __getitem__(self, rows: Tensor) -> SuccessTarget:
        """The success of items of some of the states."""
        return SuccessTarget(self.y[rows], self.weight[rows])

    def to(self, device: torch.device) -> SuccessTarget:
        """The same on a device."""
        return SuccessTarget(self.y.to(device), self.weight.to(device))

    @property
    def asked(self) -> Tensor:
        """(B, K) weight of an item; 0 for one of which nothing is known."""
        return self.weight


Target = PairTarget | SuccessTarget


@dataclass(frozen=True)
class Loss:
    """A loss and what it is made of.

    Attributes:
        total: () to be minimised.
        terms: Named parts, for logs and for naming the term that went wrong.
    """

    total: Tensor
    terms: dict[str, Tensor]
