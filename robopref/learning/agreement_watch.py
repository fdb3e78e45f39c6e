"""Given answers that watch over a training on self-made ones: it ends when they are ordered worse and worse."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from robopref.decisions import as_reward
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.objectives.pairwise import pair_agreement
from robopref.scores import PairTarget, Scores

_QUESTIONS = 256  # scored at once


@dataclass
class AgreementWatch:
    """Given answers, looked at from time to time; the averaged weights that order most of them rightly are kept.

    The loss would not do: it grows with scores that become surer, while they order as before.

    Attributes:
        data: The answers, about nothing that is trained on.
        every: Steps between looks; the last step is looked at in any case.
        fall: Share of the pairs by which a look may stay below the best one.
        patience: Looks in a row below that, after which training stops.
        agreement: Largest share of decided pairs that was ordered rightly.
        step: When that was.
        latest: Share at the latest look.
        looked: When that was.
        falls: Looks in a row that were too far below.
        best: Weights of the best look.

    Raises:
        ConfigError: The answers decide no pair.
    """

    data: Comparisons
    every: int = 25
    fall: float = 0.02
    patience: int = 4
    agreement: float = -1.0
    step: int = 0
    latest: float = -1.0
    looked: int = 0
    falls: int = 0
    best: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if watching(self.data) is None:
            raise ConfigError("answers that decide no pair cannot watch over a training")

    @property
    def stopped(self) -> bool:
        """Whether training was ended."""
        return self.falls >= self.patience

    @torch.no_grad()
    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        """Judge the averaged weights after so many steps; whether to stop."""
        del last
        training = averaged.training
        scoring = as_reward(averaged.eval())
        rows = torch.arange(len(self.data), device=self.data.items.weight.device).split(_QUESTIONS)
        scores = Scores(torch.cat([scoring.score(self.data.items[one]).value for one in rows]))
        averaged.train(training)
        target = self.data.target
        self.latest = float(pair_agreement(scores, target)) if isinstance(target, PairTarget) else -1.0
        self.looked = step
        if self.latest > self.agreement:
            self.agreement, self.step, self.best = self.latest, step, deepcopy(averaged.state_dict())
        self.falls = self.falls + 1 if self.latest < self.agreement - self.fall else 0
        return self.stopped

    def notes(self) -> dict[str, float]:
        """Share of the pairs ordered rightly at the latest look."""
        return {} if self.latest < 0 else {"given_agreement": self.latest}

    def weights(self) -> dict[str, Any]:
        """Those of the best look."""
        return self.best

    def state(self) -> dict[str, Any]:
        """What the next look depends on."""
        return {
            "agreement": self.agreement, "step": self.step, "latest": self.latest, "looked": self.looked,
            "falls": self.falls, "best": self.best,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, TypeError or ValueError if it is of something else.

        A training that nobody watched has none; it is told from this one by its origin.
        """
        if not state:
            return
        self.agreement, self.latest = float(state["agreement"]), float(state["latest"])
        self.step, self.looked, self.falls = int(state["step"]), int(state["looked"]), int(state["falls"])
        self.best = dict(state["best"])

    def told(self, who: str) -> str:
        """What happened, in a line.

        Args:
            who: Gave the answers.
        """
        end = "stopped there, as they were ordered worse and worse" if self.stopped else "the end"
        return (
            f"on {len(self.data)} held-out answers of {who} it orders {self.agreement:.1%} of the pairs rightly, with "
            f"the weights of step {self.step}; {self.latest:.1%} at step {self.looked}, {end}"
        )


def watching(data: Comparisons | None) -> Comparisons | None:
    """Those questions that decide a pair, which can watch; None if there are none."""
    if data is None or not isinstance(data.target, PairTarget):
        return None
    rows = ((data.target.weight > 0) & (data.target.p != 0.5)).any(-1).any(-1).nonzero()[:, 0]
    return data[rows] if len(rows) else None
