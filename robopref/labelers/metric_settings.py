"""Settings of ``labeler=metric``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import Kind
from robopref.labelers.metric import Control, Metric


@dataclass(frozen=True)
class MetricSettings:
    """How items are compared by a number.

    Attributes:
        name: Recorded as the labeler.
        metric: Number of an item's arrays; None is the coverage by demonstrations.
        gap: Pairs that differ by less are ties.
        controls: What the items of a pair have to be alike in, by name; None for nothing.
        matched: Ask about matched pairs only, `most` a state or as many as ``label.budget`` says of a dataset, instead
            of the questions that others are asked.
        most: Matched pairs a state.
        radius: Of the coverage: how near a demonstrated step has to be, in the unit of the features.
        features: Of the coverage: arrays that steps are compared by.
        demonstrations: Of the coverage: episode store; None takes the run folder's.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    name: str = "metric"
    metric: Metric | None = None
    gap: float = 0.0
    controls: Mapping[str, Control] | None = None
    matched: bool = True
    most: int = 4
    radius: float = 0.05
    features: Sequence[str] = ("points", "path")
    demonstrations: str | None = None

    def __post_init__(self) -> None:
        if not (self.gap >= 0 and self.radius > 0 and self.most >= 1):
            raise ConfigError(
                f"labeler.gap must not be negative, radius positive and most at least 1, got {self.gap}, {self.radius} "
                f"and {self.most}"
            )
