"""What the parts of robopref expect of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.errors import ConfigError
from robopref.types import Feedback, Item, Loss, NoiseDraw, Observation, Query, Scores


@runtime_checkable
class Policy(Protocol):
    """Samples candidate action chunks."""

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample (B, N, H, A) chunks for observations with leading dimension B."""
        ...


@runtime_checkable
class CandidateScorer(Protocol):
    """Scores candidate action chunks; larger is better, and only differences within a state mean anything."""

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (B, N, H, A) chunks; `draw` is for diffusion scores, others ignore it."""
        ...


@runtime_checkable
class Labeler(Protocol):
    """Answers questions."""

    def label(self, query: Query) -> Feedback:
        """Answer one query; the answer may be an abstention."""
        ...


@runtime_checkable
class Pictures(Protocol):
    """Shows items to those who judge by looking. Several threads may ask at the same time."""

    def frames(self, item: Item) -> NDArray[np.uint8]:
        """Pictures (F, h, w, 3) of an item in time order, F >= 1.

        Raises:
            DataError: There is nothing to see of it.
        """
        ...


@runtime_checkable
class Selector(Protocol):
    """Chooses which questions to ask."""

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` queries of the pool."""
        ...


@runtime_checkable
class Objective(Protocol):
    """A pure function of scores and what is known of the items.

    The target is a `PairTarget` or an `OutcomeTarget`; annotate which, so that the wrong one is refused.
    """

    def __call__(self, scores: Scores, target: Any) -> Loss:
        """The loss to be minimised."""
        ...


@runtime_checkable
class Dynamics(Protocol):
    """Says where chunks lead: a simulator that can be put anywhere, or a learnt model."""

    def advance(self, states: Sequence[Any], chunks: Tensor) -> tuple[list[Any], Observation, Tensor]:
        """Execute (N, H, A) chunks, one from each of N states.

        Returns:
            The N states after them, what is observed there, and (N,) whether the task is over.
        """
        ...


@runtime_checkable
class Resettable(Protocol):
    """A simulated task that can be put back to where it was."""

    def snapshot(self) -> Any:
        """The full state."""
        ...

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        ...


def as_scorer(candidate: object) -> CandidateScorer:
    """Check that something can score candidates.

    Args:
        candidate: What should be a scorer.

    Returns:
        The same, as a scorer.

    Raises:
        ConfigError: It has no ``score``.
    """
    if not isinstance(candidate, CandidateScorer):
        raise ConfigError(f"{type(candidate).__name__} cannot score candidates: it has no score(observation, actions)")
    return candidate
