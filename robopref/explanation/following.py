"""How far answers go by a feature: of those to pairs that differ in it, the share for the item that has more of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.evaluation.intervals import Bootstrap, Interval, clopper_pearson
from robopref.explanation.findings import Follower
from robopref.explanation.score_test import PairedAnswers

_LEVEL, _RESAMPLES = 0.95, 2000
_FEWEST = 10  # decided answers of a labeler, below which nothing is said of one


def share_following(answers: PairedAnswers, column: int) -> Interval | None:
    """Share of the decided answers to pairs that differ in a feature for the item that has more of it.

    Args:
        answers: The answers.
        column: Of the feature.

    Returns:
        The share with a 95 % interval: exact binomial where no two answers are of one cluster, else a bootstrap over
        clusters. None if no decided answer is about items that differ.
    """
    lean, difference = np.sign(answers.p - 0.5), np.sign(answers.difference[:, column])
    told = (lean != 0) & (difference != 0) & (answers.weight > 0)
    if not told.any():
        return None
    right, cluster = lean[told] == difference[told], answers.cluster[told]
    names, place = np.unique(cluster, return_inverse=True)
    if len(names) == len(right):
        return clopper_pearson(int(right.sum()), len(right), level=_LEVEL)
    sums = np.zeros((len(names), 2))
    np.add.at(sums, place, np.column_stack([right, np.ones(len(right))]))
    drawn = Bootstrap(_LEVEL, _RESAMPLES, 0)
    means = drawn.means([sums])
    return drawn.interval(float(right.mean()), means[:, 0] / means[:, 1], len(right))


def follower_shares(answers: PairedAnswers, column: int, names: NDArray[np.object_]) -> tuple[Follower, ...]:
    """The same of everyone, or of every group, with enough answers.

    Args:
        answers: The answers.
        column: Of the feature.
        names: (R,) whose each answer is.

    Returns:
        Sorted by name.
    """
    found: list[Follower] = []
    for name in sorted(set(map(str, names.tolist()))):
        share = share_following(answers[names == name], column)
        if share is not None and share.n >= _FEWEST:
            found.append(Follower(name, share))
    return tuple(found)
