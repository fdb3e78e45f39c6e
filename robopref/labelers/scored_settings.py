"""Settings of ``labeler=scored``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from robopref.labelers.asked_model import LookingModelSettings, require_repairs
from robopref.labelers.judge import Judge, Picture, Usage
from robopref.labelers.scored import ScoredLabeler, ScoredManner
from robopref.labelers.vlm_settings import Estimate, request_usage
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

_WRITTEN = 40  # tokens of each criterion, a guess


@dataclass(frozen=True)
class ScoredSettings(LookingModelSettings):
    """How a vision-language model is asked for scores.

    Attributes, beside those of `LookingModelSettings`:
        manner: How it is asked.
    """

    name: str = "scored"
    manner: ScoredManner = field(default_factory=ScoredManner)

    kinds: ClassVar[tuple[QueryKind, ...]] = ScoredLabeler.kinds

    def __post_init__(self) -> None:
        super().__post_init__()
        require_repairs(self.manner.repairs)

    def asking(self, judge: Judge, pictures: Pictures, task: str, seed: int) -> ScoredLabeler:
        """What puts questions to a judge.

        Args:
            judge: Who is asked.
            pictures: Shows the items.
            task: What to judge by where a question does not say it.
            seed: Of the orders in which the items of rankings meet.
        """
        return ScoredLabeler(
            judge, pictures, task=task, manner=self.manner, showing=self.showing, seed=seed, name=self.name
        )

    def estimate(self, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
        """Guess what a question will take, from the size of texts and pictures.

        Args:
            query: The question.
            frames: Pictures of each of its items.
            task: What to judge by.
        """
        asked = [*self.showing.parts([list(some) for some in frames[:2]]), self.manner.look(task)]
        one, most = request_usage(self.judge, asked, self.manner.schema, _WRITTEN * (1 + len(self.manner.asked)))
        requests = (len(query.items) - 1) * len(self.manner.swaps) * self.manner.samples
        return Estimate(requests, Usage(one.input_tokens * requests, one.output_tokens * requests), one, most)
