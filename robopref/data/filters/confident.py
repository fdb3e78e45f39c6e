"""Answers that labelers were sure of."""

from __future__ import annotations

from dataclasses import dataclass

from robopref.answers import Answers
from robopref.errors import ConfigError


@dataclass(frozen=True)
class Confident:
    """Keeps answers that were given with some confidence; people's have 1.

    Attributes:
        least: Confidence, in [0, 1].
    """

    least: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise ConfigError(f"filter.confident.least must be in [0, 1], got {self.least}")

    def keep(self, answers: Answers) -> Answers:
        """The answers of at least that confidence."""
        return answers[answers.confidence >= self.least]
