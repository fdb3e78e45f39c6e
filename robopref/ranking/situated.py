"""Rankers that are told the states, to try candidates out in dynamics first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from robopref.ranking.best_of_n import Choice
from robopref.records import Observation
from robopref.scores import NoiseDraw


class SituatedRanker(Protocol):
    """Chooses among candidates by what dynamics say of them, such as `LookAhead` and `BeamSearch`."""

    @property
    def keep(self) -> int:
        """How many it follows at once; with more it chooses better, and takes longer."""
        ...

    @property
    def scorer(self) -> Any:
        """What judges actions; None if nothing does."""
        ...

    @property
    def dynamics(self) -> Any:
        """What it follows them in."""
        ...

    @property
    def parts(self) -> Sequence[Any]:
        """The rewards that it is made of."""
        ...

    def choose(
        self,
        states: Sequence[Any],
        observation: Observation,
        candidates: Tensor,
        *,
        draw: NoiseDraw | None = None,
        keep: int | None = None,
    ) -> Choice:
        """Choose one of the (B, N, H, A) candidates of each of B states.

        Args:
            states: As the dynamics know them.
            observation: What is observed there, (B, ...) of each part.
            candidates: The candidates.
            draw: For a score of diffusion.
            keep: How many to follow, in place of its own number.
        """
        ...
