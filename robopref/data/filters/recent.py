"""Answers that are not old."""

from __future__ import annotations

from dataclasses import dataclass

from robopref.answers import Answers
from robopref.errors import ConfigError

_DAY = 86400.0


@dataclass(frozen=True)
class Recent:
    """Keeps answers of the days before the newest one, so that it does not depend on when a reward is trained.

    Answers whose time is unknown are old.

    Attributes:
        days: How many.
    """

    days: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.days < float("inf"):
            raise ConfigError(f"filter.recent.days must be positive, got {self.days}")

    def keep(self, answers: Answers) -> Answers:
        """The answers of these days."""
        newest = answers.time.max(initial=0.0)
        return answers[(answers.time > 0) & (answers.time >= newest - self.days * _DAY)]
