"""Settings that all labelers share for whom a model is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import Kind
from robopref.labelers.judge import Judge
from robopref.labelers.patience import Patience
from robopref.labelers.request_budget import RequestLimits
from robopref.labelers.showing import Showing

if TYPE_CHECKING:
    from robopref.labelers.model import ModelLabeler
    from robopref.labelers.subject import Subject


@dataclass(frozen=True)
class AskedModelSettings:
    """How a model is asked, whatever about.

    Attributes:
        judge: The model.
        name: Recorded as the labeler; answers of another name stay beside.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        workers: Questions at a time.
        errors: Questions in a row that may fail before asking stops.
        cache: File of the replies; None keeps them in the run folder.

    Raises:
        ConfigError: One is out of range.
    """

    judge: Judge
    name: str = "model"
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    workers: int = 4
    errors: int = 8
    cache: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("labeler.name must not be empty")
        if self.workers < 1 or self.errors < 1:
            raise ConfigError(f"labeler.workers and errors must be positive, got {self.workers} and {self.errors}")


@dataclass(frozen=True)
class LookingModelSettings(AskedModelSettings):
    """How a vision-language model is asked, which looks at items.

    Called with a subject, it makes a labeler that looks at the subject's items by what `ModelSettings` has beside.

    Attributes:
        showing: How items are shown.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    showing: Showing = field(default_factory=Showing)

    def __call__(self, subject: Subject) -> ModelLabeler:
        """Make a labeler.

        Raises:
            DataError: There is nothing to see of the items.
        """
        from robopref.labelers.model import ModelLabeler

        return ModelLabeler(self, subject)  # type: ignore[arg-type]


def require_repairs(repairs: int) -> None:
    """Require a number of questions after a reply that cannot be read.

    Raises:
        ConfigError: It is negative.
    """
    if repairs < 0:
        raise ConfigError(f"labeler.repairs must not be negative, got {repairs}")
