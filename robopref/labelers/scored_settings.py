"""Settings of ``labeler=scored``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from robopref.labeler_kinds import Kind
from robopref.labelers.judge import Judge, Picture, Usage
from robopref.labelers.patience import Patience
from robopref.labelers.request_budget import RequestLimits
from robopref.labelers.scored import ScoredLabeler, ScoredManner
from robopref.labelers.showing import Showing
from robopref.labelers.vlm_settings import Estimate, request_usage, require_asking
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

if TYPE_CHECKING:
    from robopref.labelers.model import ModelLabeler
    from robopref.labelers.subject import Subject

_WRITTEN = 40  # tokens of each criterion, a guess


@dataclass(frozen=True)
class ScoredSettings:
    """How a vision-language model is asked for scores.

    Called with a subject, it makes a labeler that looks at the subject's items.

    Attributes:
        judge: The model.
        name: Recorded as the labeler; answers of another name stay beside.
        manner: How it is asked.
        showing: How items are shown.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        workers: Questions at a time.
        errors: Questions in a row that may fail before asking stops.
        cache: File of the replies; None keeps them in the run folder.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    judge: Judge
    name: str = "scored"
    manner: ScoredManner = field(default_factory=ScoredManner)
    showing: Showing = field(default_factory=Showing)
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    workers: int = 4
    errors: int = 8
    cache: str | None = None

    kinds: ClassVar[tuple[QueryKind, ...]] = ScoredLabeler.kinds

    def __post_init__(self) -> None:
        require_asking(self.name, self.workers, self.errors, self.manner.repairs)

    def __call__(self, subject: Subject) -> ModelLabeler:
        """Make a labeler.

        Raises:
            DataError: There is nothing to see of the items.
        """
        from robopref.labelers.model import ModelLabeler

        return ModelLabeler(self, subject)

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
