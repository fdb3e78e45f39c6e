"""Settings of ``labeler=principle``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from string import ascii_uppercase
from typing import TYPE_CHECKING, ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import Kind
from robopref.labelers.judge import Judge, Picture
from robopref.labelers.patience import Patience
from robopref.labelers.principle import PrincipleRanker, look, schema_of
from robopref.labelers.request_budget import RequestLimits
from robopref.labelers.showing import Showing
from robopref.labelers.vlm_settings import Estimate, request_usage, require_asking
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

if TYPE_CHECKING:
    from robopref.labelers.model import ModelLabeler
    from robopref.labelers.subject import Subject

_WRITTEN = 250  # tokens of an answer, and as many for each four items, a guess


@dataclass(frozen=True)
class PrincipleSettings:
    """How a vision-language model is asked for a ranking by a principle.

    Called with a subject, it makes a labeler that looks at the subject's items.

    Attributes:
        judge: The model.
        name: Recorded as the labeler; answers of another name stay beside.
        repairs: Questions after a reply that cannot be read, or contradicts itself.
        showing: How items are shown.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        workers: Questions at a time.
        errors: Questions in a row that may fail before asking stops.
        cache: File of the replies; None keeps them in the run folder.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    judge: Judge
    name: str = "principle"
    repairs: int = 1
    showing: Showing = field(default_factory=Showing)
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    workers: int = 4
    errors: int = 8
    cache: str | None = None

    kinds: ClassVar[tuple[QueryKind, ...]] = PrincipleRanker.kinds

    def __post_init__(self) -> None:
        require_asking(self.name, self.workers, self.errors, self.repairs)
        if self.showing.layout == "grid":
            raise ConfigError("labeler.showing.layout=grid shows two items at most; take images or clip")

    def __call__(self, subject: Subject) -> ModelLabeler:
        """Make a labeler.

        Raises:
            DataError: There is nothing to see of the items.
        """
        from robopref.labelers.model import ModelLabeler

        return ModelLabeler(self, subject)

    def asking(self, judge: Judge, pictures: Pictures, task: str, seed: int) -> PrincipleRanker:
        """What puts questions to a judge.

        Args:
            judge: Who is asked.
            pictures: Shows the items.
            task: What all are about; each question says it, with its principle.
            seed: Of the orders in which items are shown.
        """
        del task
        return PrincipleRanker(judge, pictures, showing=self.showing, repairs=self.repairs, seed=seed, name=self.name)

    def estimate(self, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
        """Guess what a question will take, from the size of texts and pictures.

        Args:
            query: The question.
            frames: Pictures of each of its items.
            task: What to judge by.
        """
        names = ascii_uppercase[: len(query.items)]
        asked = [*(one for some in frames for one in self.showing.chosen(some)), look(names, task)]
        one, most = request_usage(self.judge, asked, schema_of(names), _WRITTEN * ceil(1 + len(names) / 4))
        return Estimate(1, one, one, most)
