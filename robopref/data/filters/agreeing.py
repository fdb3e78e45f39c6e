"""Answers that others do not contradict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from robopref.answers import Answers
from robopref.errors import ConfigError

Contradicted = Literal["majority", "none"]


@dataclass(frozen=True)
class Agreeing:
    """Settles what answers contradict each other about: one prefers the one item, another the other.

    Answers to all questions that compare the same two items under the same instruction count, once each, whatever their
    weight. A tie contradicts nobody, and stays where the pair does.

    Attributes:
        contradicted: What stays of a contradicted pair: the answers of the ``majority``, of which there is none if
            both sides are as many, or ``none``.
    """

    contradicted: Contradicted = "majority"

    def __post_init__(self) -> None:
        if self.contradicted not in get_args(Contradicted):
            raise ConfigError(f"filter.agreeing.contradicted must be majority or none, got {self.contradicted!r}")

    def keep(self, answers: Answers) -> Answers:
        """The answers that agree."""
        one, two = answers.item.min(axis=1), answers.item.max(axis=1)
        subjects: dict[tuple[int, int, str], int] = {}
        asked = zip(one.tolist(), two.tolist(), answers.instruction.tolist(), strict=True)
        pair = np.array([subjects.setdefault(subject, len(subjects)) for subject in asked], np.int64)
        pairs = len(subjects)
        # 1 if an answer prefers the item with the smaller index, -1 if the other, 0 for a tie.
        side = np.sign(answers.p - 0.5) * np.where(answers.item[:, 0] == one, 1, -1)
        ahead = np.bincount(pair, side == 1, pairs) - np.bincount(pair, side == -1, pairs)
        contradicted = (np.bincount(pair, side == 1, pairs) > 0) & (np.bincount(pair, side == -1, pairs) > 0)
        leading = np.sign(ahead)[pair]
        stays = (leading != 0) & ((side == leading) | (side == 0)) if self.contradicted == "majority" else False
        return answers[~contradicted[pair] | stays]
