"""Training a scorer, explicit or implicit, on preferences among candidates or segments, or on their outcomes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor, nn

from robopref.data.augment import augment
from robopref.errors import ConfigError, DataError
from robopref.learning.fit import FitConfig, fit
from robopref.learning.loop import Progress, fingerprint
from robopref.learning.origin import LABELS, Origin
from robopref.policies.draws import UniformDraw
from robopref.protocols import Objective, as_scorer
from robopref.records import ActionGeometry, Observation
from robopref.rewards.process import score_segments
from robopref.scores import Loss, OutcomeTarget, PairTarget, Scores, Target


@dataclass(frozen=True)
class CandidatePreferences:
    """States, the candidates drawn in each, and preferences among them or outcomes of each.

    Attributes:
        observation: points (S, P, 3), proprio (S, D).
        candidates: (S, K, H, A).
        target: Preferences (S, K, K), or outcomes (S, K).
        geometry: Of the task.
    """

    observation: Observation
    candidates: Tensor
    target: Target
    geometry: ActionGeometry

    def to(self, device: torch.device) -> CandidatePreferences:
        """The same on a device."""
        observation = self.observation.map(lambda part: part.to(device))
        return replace(
            self, observation=observation, candidates=self.candidates.to(device), target=self.target.to(device)
        )

    @classmethod
    def chosen(
        cls, observation: Observation, candidates: Tensor, target: OutcomeTarget, geometry: ActionGeometry
    ) -> CandidatePreferences:
        """Only the candidates that count, as many in every state as in the one with most, so that no other is scored.

        Args:
            observation: points (S, P, 3), proprio (S, D).
            candidates: (S, K, H, A).
            target: Outcomes (S, K).
            geometry: Of the task.
        """
        counts = target.weight > 0
        most = max(1, int(counts.sum(1).max()))
        index = counts.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        picked = candidates[torch.arange(len(index), device=index.device)[:, None], index]
        return cls(
            observation, picked, OutcomeTarget(target.y.gather(1, index), target.weight.gather(1, index)), geometry
        )

    def score(
        self, scorer: nn.Module, rows: Tensor, points: int, generator: torch.Generator, draws: UniformDraw | None
    ) -> Scores:
        """Scores (B, K) of the candidates of some states, varied by `augment`.

        Args:
            scorer: A module that is a `CandidateScorer`.
            rows: (B,) which states.
            points: Points kept of an observation.
            generator: Source of randomness.
            draws: Noise draws; None leaves them to the scorer.
        """
        observation = self.observation.map(lambda part: part[rows])
        observation, actions = augment(observation, self.candidates[rows], self.geometry, points, generator)
        draw = draws(len(rows), actions.shape[2:], generator) if draws is not None else None
        return as_scorer(scorer).score(observation, actions, draw=draw)

    def described(self) -> list[Tensor]:
        """What tells these data from others."""
        return [self.candidates, *(value for value in vars(self.target).values() if value is not None)]


@dataclass(frozen=True)
class SegmentPreferences:
    """Groups of segments of decisions, and preferences among them or outcomes of each.

    Attributes:
        observation: points (S, K, T, P, 3), proprio (S, K, T, D), before each decision.
        actions: (S, K, T, H, A).
        mask: (S, K, T) whether the segment has that decision.
        target: Preferences (S, K, K), or outcomes (S, K).
        geometry: Of the task.
    """

    observation: Observation
    actions: Tensor
    mask: Tensor
    target: Target
    geometry: ActionGeometry

    def to(self, device: torch.device) -> SegmentPreferences:
        """The same on a device."""
        observation = self.observation.map(lambda part: part.to(device))
        return replace(
            self, observation=observation, actions=self.actions.to(device), mask=self.mask.to(device),
            target=self.target.to(device),
        )  # fmt: skip

    def score(
        self, scorer: nn.Module, rows: Tensor, points: int, generator: torch.Generator, draws: UniformDraw | None
    ) -> Scores:
        """Scores (B, K) of the segments of some groups; see `CandidatePreferences`."""
        mask, actions = self.mask[rows], self.actions[rows]
        flat = self.observation.map(lambda part: part[rows].flatten(0, 2))
        flat, turned = augment(flat, actions.flatten(0, 2), self.geometry, points, generator)
        observation = flat.map(lambda part: part.unflatten(0, mask.shape))
        draw = draws(mask.numel(), actions.shape[3:], generator) if draws is not None else None
        return score_segments(as_scorer(scorer), observation, turned.unflatten(0, mask.shape), mask, draw=draw)

    def described(self) -> list[Tensor]:
        """What tells these data from others."""
        return [self.actions, self.mask, *(value for value in vars(self.target).values() if value is not None)]


def train_scorer(
    scorer: nn.Module,
    data: CandidatePreferences | SegmentPreferences,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batch_size: int = 32,
    points: int = 96,
    draws: UniformDraw | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> nn.Module:
    """Fit a scorer to what is known of candidates or segments; states of which nothing is known are left out.

    Args:
        scorer: A module that is a `CandidateScorer`.
        data: What was preferred, or succeeded.
        objective: Turns scores and the kind of target that the data hold into a loss.
        config: How to train.
        seed: Seed of the batches.
        batch_size: States B a step; each brings all its candidates and pairs.
        points: Points kept of a training observation.
        draws: Noise draws for a diffusion score, drawn anew every step; None leaves it to the scorer.
        folder: Where state and logs go.
        progress: Called with every step.

    Returns:
        The scorer, with averaged weights.

    Raises:
        DataError: Nothing is known of any item.
        ConfigError: The objective takes preferences and the data hold outcomes, or the other way round.
    """
    _require_fit(objective, data.target)
    data = data.to(next(scorer.parameters()).device)
    rows = (data.target.asked.sum(1) > 0).nonzero()[:, 0]
    if len(rows) == 0:
        raise DataError("nothing is known of any item; label some first (every answer was an abstention?)")

    def loss(model: nn.Module, generator: torch.Generator) -> Loss:
        pick = torch.randint(len(rows), (batch_size,), generator=generator, device=generator.device)
        index = rows[pick]
        scores = data.score(model, index, points, generator, draws)
        return objective(scores, data.target[index])

    told = fingerprint(data.described())
    origin = Origin(
        f"{told} {batch_size} {points} {_describe(objective)} {_describe(draws)}",
        {
            LABELS: told, "batch_size": batch_size, "points": points, "objective": _describe(objective),
            "draws": _describe(draws),
        },
    )  # fmt: skip
    return fit(scorer, loss, config, seed=seed, origin=origin, folder=folder, progress=progress)


def _require_fit(objective: Objective, target: Target) -> None:
    function: Any = objective.func if isinstance(objective, partial) else objective
    function = function if hasattr(function, "__qualname__") else type(function).__call__
    try:
        wanted = get_type_hints(function).get("target")
    except (NameError, TypeError):
        # Annotations that mean something to a type checker only.
        wanted = None
    kinds = {PairTarget: "preferences among items", OutcomeTarget: "an outcome of every item"}
    if wanted in kinds and wanted is not type(target):
        raise ConfigError(
            f"{_describe(objective)} takes {kinds[wanted]}, the data hold {kinds[type(target)]}; choose an operator "
            "that makes the one from the other, such as data.operators.succeed or compare"
        )


def _describe(part: object) -> str:
    """A configured function, object or value in words that are the same in every process."""
    if isinstance(part, partial):
        return f"{_describe(part.func)} {part.args} {sorted(part.keywords.items())}"
    if hasattr(part, "__qualname__"):
        return f"{part.__module__}.{part.__qualname__}"  # type: ignore[attr-defined]
    if hasattr(part, "__dict__"):
        return f"{type(part).__qualname__} {[(name, _describe(value)) for name, value in sorted(vars(part).items())]}"
    return repr(part)
