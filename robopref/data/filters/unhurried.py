"""Answers that took as long as looking does."""

from __future__ import annotations

from dataclasses import dataclass

from robopref.answers import Answers
from robopref.errors import ConfigError


@dataclass(frozen=True)
class Unhurried:
    """Leaves out answers that were given faster than items can be looked at; those whose time is unknown stay.

    Attributes:
        seconds: That an answer takes at least.
    """

    seconds: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            raise ConfigError(f"filter.unhurried.seconds must be positive, got {self.seconds}")

    def keep(self, answers: Answers) -> Answers:
        """The answers that took that long, and those of which it is not known."""
        return answers[~(answers.seconds < self.seconds)]
