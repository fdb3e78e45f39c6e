"""Whether a feature explains what the accepted ones leave: the score test of a logistic model of paired differences.

The model is Bradley and Terry's with features: the log-odds that the first item is preferred is ``difference @
weight``, without an intercept, so that a pair and its swapped copy say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
_PRIOR = 1e-3  # precision of a weak prior on the weights, which keeps them finite where answers can be separated
_STEPS, _CLOSE, _LARGEST = 100, 1e-10, 30.0
_NONE = 1e-6  # of a feature's variation, below which nothing is left of it beside the accepted ones


@dataclass(frozen=True)
class PairedAnswers:
    """R answers to pairs, and by how much the items differ.

    Attributes:
        difference: (R, F) each feature of the first item less that of the second.
        p: (R,) probability that the first item is the better one; 0.5 is a tie.
        weight: (R,) how much an answer counts.
        cluster: (R,) answers that may depend on each other have the same number, such as those to one question.
    """

    difference: Values
    p: Values
    weight: Values
    cluster: Indices

    def __len__(self) -> int:
        """Number of answers."""
        return len(self.p)

    def __getitem__(self, rows: NDArray[np.bool_] | Indices) -> PairedAnswers:
        """Some of the answers."""
        return PairedAnswers(self.difference[rows], self.p[rows], self.weight[rows], self.cluster[rows])


@dataclass(frozen=True)
class FeatureScores:
    """The score of each of F features.

    Attributes:
        z: (F,) standard normal where the feature explains nothing more; positive where more of it was preferred. Zero
            for a feature of which nothing varies beside the accepted ones.
        effect: (F,) log-odds a unit of the feature, by one step of Newton's from zero.
        variance: (F,) of `effect` where it is zero; infinite where nothing varies.
    """

    z: Values
    effect: Values
    variance: Values


def fit_weights(answers: PairedAnswers, features: list[int]) -> Values:
    """Weights of some features that make the answers most likely.

    Args:
        answers: The answers.
        features: Columns.

    Returns:
        (len(features),) log-odds a unit.
    """
    rows, beta = answers.difference[:, features], np.zeros(len(features))
    if not features or not len(answers):
        return beta
    for _ in range(_STEPS):
        chance = _chance(rows @ beta)
        slope = rows.T @ (answers.weight * (answers.p - chance)) - _PRIOR * beta
        curvature = (rows.T * (answers.weight * chance * (1 - chance))) @ rows + _PRIOR * np.eye(len(beta))
        step = np.linalg.solve(curvature, slope)
        # A step of more than two units of log-odds leads away from where the curvature holds.
        step *= min(1.0, 2.0 / max(float(np.abs(rows @ step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < _CLOSE:
            break
    return beta


def score_test(answers: PairedAnswers, accepted: list[int]) -> FeatureScores:
    """Test every feature on what the accepted ones leave unexplained.

    With residuals ``e = w (p - chance)`` of the accepted features' model and ``d'`` a feature's difference without its
    part along the accepted ones, weighted as the model's information is, the score is ``U = sum e d'`` and its variance
    ``V = sum over clusters of (sum of e d' within)^2``, which holds whatever answers of a cluster have to do with each
    other (Boos 1992, On generalized score tests; White's variance in a score test).

    Args:
        answers: The answers.
        accepted: Columns of the accepted features, whose own scores are zero.

    Returns:
        The scores.
    """
    rows = answers.difference
    chance = _chance(rows[:, accepted] @ fit_weights(answers, accepted))
    residual = answers.weight * (answers.p - chance)
    information = answers.weight * chance * (1 - chance)
    left = rows
    if accepted:
        known = rows[:, accepted]
        inner = (known.T * information) @ known + _PRIOR * np.eye(len(accepted))
        left = rows - known @ np.linalg.solve(inner, (known.T * information) @ rows)
    size = (information[:, None] * left**2).sum(axis=0)
    whole = (information[:, None] * rows**2).sum(axis=0)
    varies = size > _NONE * np.maximum(whole, 1e-300)
    varies[accepted] = False
    score = residual @ left
    spread = (_by_cluster(answers, residual[:, None] * left) ** 2).sum(axis=0)
    told = varies & (spread > 0)
    safe = np.where(told, size, 1.0)
    return FeatureScores(
        z=np.where(told, score / np.sqrt(np.where(told, spread, 1.0)), 0.0),
        effect=np.where(told, score / safe, 0.0),
        variance=np.where(told, spread / safe**2, np.inf),
    )


def residuals(answers: PairedAnswers, features: list[int]) -> Values:
    """(R,) what the model of some features leaves of the answers, ``weight * (p - chance)``."""
    chance = _chance(answers.difference[:, features] @ fit_weights(answers, features))
    return answers.weight * (answers.p - chance)


def weight_errors(answers: PairedAnswers, features: list[int], beta: Values) -> Values:
    """Standard errors of fitted weights, whatever answers of a cluster have to do with each other.

    Args:
        answers: The answers.
        features: Columns.
        beta: (len(features),) as `fit_weights` gives them.

    Returns:
        (len(features),) by the sandwich of the inverse information and the spread of the clusters' slopes.
    """
    rows = answers.difference[:, features]
    chance = _chance(rows @ beta)
    information = (rows.T * (answers.weight * chance * (1 - chance))) @ rows + _PRIOR * np.eye(len(beta))
    slopes = _by_cluster(answers, (answers.weight * (answers.p - chance))[:, None] * rows)
    inverse = np.linalg.inv(information)
    return np.sqrt(np.diag(inverse @ (slopes.T @ slopes) @ inverse))


def two_sided(z: float) -> float:
    """Chance of a standard normal number that is as far from zero."""
    return math.erfc(abs(z) / math.sqrt(2))


def one_sided(z: float) -> float:
    """Chance of a standard normal number that is as large."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def share_right(margin: Values, answers: PairedAnswers) -> float:
    """Share of the decided answers that margins predict; a margin of zero predicts half of one.

    Args:
        margin: (R,) positive for the first item.
        answers: The answers.

    Returns:
        The share; NaN if none is decided.
    """
    lean = np.sign(answers.p - 0.5)
    decided = lean != 0
    if not decided.any():
        return math.nan
    right = 0.5 + 0.5 * np.sign(margin[decided]) * lean[decided]
    return float(np.average(right, weights=answers.weight[decided]))


def _by_cluster(answers: PairedAnswers, rows: Values) -> Values:
    """Sums within clusters, (C, ...)."""
    _, place = np.unique(answers.cluster, return_inverse=True)
    within = np.zeros((int(place.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(within, place, rows)
    return within


def _chance(logit: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(logit, -_LARGEST, _LARGEST)))
