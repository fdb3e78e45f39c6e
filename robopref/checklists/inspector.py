"""Who sees rollouts and is asked about key points that simulation does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from robopref.errors import ConfigError
from robopref.labelers.judge import Judge, Part, Picture, Schema
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.prompts import UNSURE
from robopref.labelers.readable_answer import UnansweredError, fields_of, readable_answer
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget, RequestLimits
from robopref.labelers.showing import Showing

YES, NO = "yes", "no"
SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string", "description": "What is seen that tells, in a sentence or two."},
        "answer": {"type": "string", "enum": [YES, NO, UNSURE]},
    },
    "required": ["reasoning", "answer"],
    "additionalProperties": False,
}


@runtime_checkable
class Inspector(Protocol):
    """Answers questions about rollouts by their pictures.

    Attributes:
        looks: Whether it looks at pictures at all.
    """

    @property
    def looks(self) -> bool:
        """See the class."""
        ...

    def inspect(self, frames: Sequence[Picture], question: str, instruction: str, folder: Path) -> bool | None:
        """Yes or no, or None if it cannot tell.

        Args:
            frames: Pictures (h, w, 3) of the rollout in time order.
            question: To be answered by yes or no.
            instruction: What the robot was told; may be empty.
            folder: Where replies are kept.

        Raises:
            ConfigError: Nobody can be asked at all.
            BudgetSpentError: The budget is.
        """
        ...


@dataclass(frozen=True)
class NoInspector:
    """Nobody: what simulation does not know is not known."""

    looks: bool = field(default=False, init=False)

    def inspect(self, frames: Sequence[Picture], question: str, instruction: str, folder: Path) -> bool | None:
        """See `Inspector.inspect`."""
        del frames, question, instruction, folder


@dataclass(frozen=True)
class ModelInspector:
    """A vision-language model.

    What is no answer, because it cannot tell, refuses, cannot be read or the request failed, is None.

    Attributes:
        judge: The model.
        repairs: How often it is asked again after a reply that cannot be read.
        showing: How pictures are shown.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        cache: File of the replies; None keeps them in the run folder.
    """

    judge: Judge
    repairs: int = 1
    showing: Showing = field(default_factory=lambda: Showing("clip"))
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    cache: str | None = None
    looks: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if self.repairs < 0:
            raise ConfigError(f"inspector.repairs must not be negative, got {self.repairs}")

    def inspect(self, frames: Sequence[Picture], question: str, instruction: str, folder: Path) -> bool | None:
        """See `Inspector.inspect`."""
        told = f"The robot was told: {instruction}\n" if instruction else ""
        parts: list[Part] = [
            *self.showing.parts([list(frames)]),
            f"{told}{question} Answer {YES} or {NO} by what is seen, or {UNSURE}; do not guess.",
        ]
        with ReplyCache(self.cache or folder / "replies.sqlite") as cache:
            budget = RequestBudget(self.budget, self.judge.prices, judge=self.judge.name, ledger=cache.ledger)
            return self._answer(PatientJudge(self.judge, cache, budget, self.patience), parts)

    def _answer(self, judge: Judge, parts: Sequence[Part]) -> bool | None:
        try:
            said = readable_answer(
                judge, parts, SCHEMA, lambda reply: fields_of(reply, SCHEMA)["answer"], repairs=self.repairs
            )
        except UnansweredError:
            return None
        return {YES: True, NO: False}.get(said)
