"""Answers of those who are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robopref.answers import Answers
from robopref.errors import ConfigError
from robopref.labeler_kinds import listed_names


@dataclass(frozen=True)
class ByLabeler:
    """Keeps the answers of some labelers, of whatever kind they are.

    Attributes:
        names: Whose.
    """

    names: Sequence[str]

    def __post_init__(self) -> None:
        if not self.names or not all(self.names):
            raise ConfigError(f"filter.by_labeler.names must name those whose answers count, got {list(self.names)}")

    def keep(self, answers: Answers) -> Answers:
        """Their answers.

        Raises:
            ConfigError: One of them gave none.
        """
        there = dict.fromkeys(answers.labeler.tolist())
        lost = [name for name in self.names if name not in there]
        if lost:
            raise ConfigError(
                f"filter.by_labeler.names: no answers of {listed_names(lost)} are there; there are those of "
                f"{listed_names(there) or 'nobody'}"
            )
        return answers[np.array([name in self.names for name in answers.labeler.tolist()], bool)]
