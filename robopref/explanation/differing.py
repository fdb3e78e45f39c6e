"""In what people differ: features that some of them go by and others do not, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.explanation.explainer import Inference, standardised
from robopref.explanation.findings import Follower
from robopref.explanation.following import follower_shares
from robopref.explanation.multiplicity import passing
from robopref.explanation.score_test import PairedAnswers, residuals

_ALIKE = 0.7  # cosine of two features' differences, from which on the surer one stands for both
_FEWEST = 20  # independent groups of answers of a labeler, below which they are left out


@dataclass(frozen=True)
class Difference:
    """A feature that labelers differ in.

    Attributes:
        feature: Name.
        chance: Of the scores of the labelers on the answers that were looked at.
        held_out: The same on those that were held out.
        followers: How far each goes by it.
    """

    feature: str
    chance: float
    held_out: float
    followers: tuple[Follower, ...]


def differing(
    answers: PairedAnswers,
    labelers: NDArray[np.object_],
    features: Sequence[str],
    confirmed: Sequence[int],
    inference: Inference,
) -> list[Difference]:
    """Find what labelers differ in: found on some answers, confirmed on those that were held out.

    The score of each labeler is that of a feature of their own beside a model of all, which has the feature too; its
    square over its variance, summed over L labelers, is chi-squared with L - 1 degrees of freedom if all go by it
    alike.

    Args:
        answers: R answers.
        labelers: (R,) who gave them.
        features: Names of the columns.
        confirmed: Columns that all go by.
        inference: How it is tested.

    Returns:
        What they differ in, the surest first, and of features that are alike that one; nothing if fewer than two of
        them gave enough answers.
    """
    out = inference.parted(answers)
    many = [
        name
        for name in sorted(set(map(str, labelers.tolist())))
        if min(len(np.unique(answers.cluster[(labelers == name) & part])) for part in (out, ~out)) >= _FEWEST
    ]
    if len(many) < 2:
        return []
    scaled = standardised(answers, ~out)
    chances = np.array([
        [_chance(scaled[part], labelers[part], many, column, confirmed) for column in range(len(features))]
        for part in (~out, out)
    ])  # fmt: skip
    found = np.flatnonzero(passing(chances[0], inference.level, inference.correction, len(features)))
    fine = passing(chances[1, found], inference.level, inference.correction, max(1, len(found)))
    return [
        Difference(
            str(features[column]), float(chances[0, column]), float(chances[1, column]),
            follower_shares(answers, column, labelers),
        )
        for column in _apart(scaled.difference, sorted(map(int, found[fine]), key=lambda one: chances[0, one]))
    ]  # fmt: skip


def _apart(difference: NDArray[np.float64], columns: Sequence[int]) -> list[int]:
    """Columns without those that are much like one before."""
    kept = list[int]()
    for column in columns:
        row = difference[:, column]
        sizes = [np.linalg.norm(row) * np.linalg.norm(difference[:, one]) for one in kept]
        alike = [abs(row @ difference[:, one]) / size for one, size in zip(kept, sizes, strict=True)]
        if not alike or max(alike) < _ALIKE:
            kept.append(column)
    return kept


def chi_squared(value: float, degrees: int) -> float:
    """Chance of a chi-squared number that is as large."""
    half = torch.tensor([degrees / 2, value / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))


def _chance(
    answers: PairedAnswers,
    labelers: NDArray[np.object_],
    many: Sequence[str],
    column: int,
    confirmed: Sequence[int],
) -> float:
    model = [*(one for one in confirmed if one != column), column]
    total = 0.0
    left = residuals(answers, model)
    for name in many:
        mine = labelers == name
        score = left[mine] * answers.difference[mine, column]
        _, place = np.unique(answers.cluster[mine], return_inverse=True)
        spread = float((np.bincount(place, score) ** 2).sum())
        total += float(score.sum()) ** 2 / spread if spread > 0 else 0.0
    return chi_squared(total, len(many) - 1)
