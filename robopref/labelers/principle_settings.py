"""Settings of ``labeler=principle``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from string import ascii_uppercase
from typing import ClassVar

from robopref.errors import ConfigError
from robopref.labelers.asked_model import LookingModelSettings, require_repairs
from robopref.labelers.judge import Judge, Picture
from robopref.labelers.principle import PrincipleRanker, look, schema_of
from robopref.labelers.vlm_settings import Estimate, request_usage
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

_WRITTEN = 250  # tokens of an answer, and as many for each four items, a guess


@dataclass(frozen=True)
class PrincipleSettings(LookingModelSettings):
    """How a vision-language model is asked for a ranking by a principle.

    Attributes, beside those of `LookingModelSettings`:
        repairs: Questions after a reply that cannot be read, or contradicts itself.
    """

    name: str = "principle"
    repairs: int = 1

    kinds: ClassVar[tuple[QueryKind, ...]] = PrincipleRanker.kinds

    def __post_init__(self) -> None:
        super().__post_init__()
        require_repairs(self.repairs)
        if self.showing.layout == "grid":
            raise ConfigError("labeler.showing.layout=grid shows two items at most; take images or clip")

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
