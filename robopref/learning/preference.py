"""Training a scorer, explicit or implicit, on preferences among candidate actions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from robopref.data.augment import augment
from robopref.errors import DataError
from robopref.learning.fit import FitConfig, Progress, fingerprint, fit
from robopref.policies.draws import UniformDraw
from robopref.protocols import Objective, as_scorer
from robopref.types import ActionGeometry, Loss, Observation, PairTarget


@dataclass(frozen=True)
class CandidatePreferences:
    """States, the candidates drawn in each, and preferences among them.

    Attributes:
        observation: points (S, P, 3), proprio (S, D).
        candidates: (S, K, H, A).
        target: Preferences (S, K, K).
        geometry: Of the task.
    """

    observation: Observation
    candidates: Tensor
    target: PairTarget
    geometry: ActionGeometry

    def to(self, device: torch.device) -> CandidatePreferences:
        """The same on a device."""
        return CandidatePreferences(
            Observation(self.observation.points.to(device), self.observation.proprio.to(device)),
            self.candidates.to(device),
            PairTarget(self.target.p.to(device), self.target.weight.to(device)),
            self.geometry,
        )


def train_scorer(
    scorer: nn.Module,
    data: CandidatePreferences,
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
    """Fit a scorer to preferences; states without a compared pair are left out.

    Args:
        scorer: A module that is a `CandidateScorer`.
        data: What was preferred.
        objective: Turns scores and preferences into a loss.
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
        DataError: There is not a single compared pair.
    """
    data = data.to(next(scorer.parameters()).device)
    compared = data.target.weight.sum((1, 2)) > 0
    rows = compared.nonzero()[:, 0]
    if len(rows) == 0:
        raise DataError("no labelled pair among the candidates; label some first (every answer was an abstention?)")

    def loss(model: nn.Module, generator: torch.Generator) -> Loss:
        pick = torch.randint(len(rows), (batch_size,), generator=generator, device=generator.device)
        index = rows[pick]
        observation = Observation(data.observation.points[index], data.observation.proprio[index])
        observation, actions = augment(observation, data.candidates[index], data.geometry, points, generator)
        draw = draws(batch_size, actions.shape[2:], generator) if draws is not None else None
        return objective(as_scorer(model).score(observation, actions, draw=draw), data.target[index])

    told = fingerprint([data.candidates, data.target.p, data.target.weight])
    origin = f"{told} {batch_size} {points} {_describe(objective)} {_describe(draws)}"
    return fit(scorer, loss, config, seed=seed, origin=origin, folder=folder, progress=progress)


def _describe(part: object) -> str:
    """A configured function, object or value in words that are the same in every process."""
    if isinstance(part, partial):
        return f"{_describe(part.func)} {part.args} {sorted(part.keywords.items())}"
    if hasattr(part, "__qualname__"):
        return f"{part.__module__}.{part.__qualname__}"  # type: ignore[attr-defined]
    if hasattr(part, "__dict__"):
        return f"{type(part).__qualname__} {[(name, _describe(value)) for name, value in sorted(vars(part).items())]}"
    return repr(part)
