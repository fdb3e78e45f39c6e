"""Answered pairs that show a finding: some that go with it, and some that go against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robopref.explanation.score_test import PairedAnswers


@dataclass(frozen=True)
class ShownPair:
    """An answered pair to be shown.

    Attributes:
        row: Of the answers.
        preferred: 0 if the first item was preferred, 1 if the second.
        agrees: Whether the answer goes with the finding.
    """

    row: int
    preferred: int
    agrees: bool


def shown_pairs(answers: PairedAnswers, column: int, direction: int, count: int) -> list[ShownPair]:
    """Choose pairs to show: of those that go with a finding the ones that differ most in it, and one against it.

    Args:
        answers: The answers.
        column: Of the feature.
        direction: 1 if more of it is preferred, -1 if less.
        count: How many at most; of two or more the last goes against it, if any does.

    Returns:
        The pairs, no two of one cluster.
    """
    lean, row = np.sign(answers.p - 0.5), answers.difference[:, column]
    goes = lean * np.sign(row) * direction
    order = np.argsort(-np.abs(row), kind="stable").tolist()
    with_it = _apart(answers, [one for one in order if goes[one] > 0])
    against = _apart(answers, [one for one in order if goes[one] < 0])
    few = against[: 1 if count > 1 else 0]
    chosen = [*with_it[: count - len(few)], *few]
    return [ShownPair(one, 0 if lean[one] > 0 else 1, bool(goes[one] > 0)) for one in chosen]


def _apart(answers: PairedAnswers, rows: list[int]) -> list[int]:
    seen: dict[int, int] = {}
    for row in rows:
        seen.setdefault(int(answers.cluster[row]), row)
    return list(seen.values())
