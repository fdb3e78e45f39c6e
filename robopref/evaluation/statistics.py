"""Intervals, pair accuracy and calibration: how sure the numbers of an evaluation are.

Shape alphabet: `S` starts, `N` candidates. The same starts, in whatever order, give the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.errors import ConfigError, DataError
from robopref.evaluation.intervals import Bootstrap, Interval, Values, checked, grouped, matched

LEVEL = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often the first of a pair was better, against how often a score said it would be.

    Attributes:
        predicted: (bins,) mean predicted probability in each bin; NaN where the bin is empty.
        observed: (bins,) share of wins in each bin; NaN where the bin is empty.
        count: (bins,) pairs in each bin.
        error: Expected calibration error, the mean of ``|predicted - observed|`` weighted by `count`; in [0, 1].
    """

    predicted: Values
    observed: Values
    count: NDArray[np.int64]
    error: float


def bootstrap_mean(values: ArrayLike, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Mean with a percentile-bootstrap interval.

    Args:
        values: (S,) one number a start.
        level: Share of the bootstrap distribution that the interval covers.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The mean of `values` and its interval.

    Raises:
        DataError: `values` is empty, not (S,) or not finite.
        ConfigError: `level` or `resamples` is out of range.
    """
    bootstrap = Bootstrap(level, resamples, seed)
    column = checked("values", values, 1)
    return bootstrap.interval(float(column.mean()), bootstrap.means([column[:, None]])[:, 0], len(column))


def paired_gain(
    values: ArrayLike,
    baseline: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Mean of ``values - baseline``, start by start, with its interval.

    Args:
        values: (S,) one number a start.
        baseline: (S,) what it is compared with, at the same starts.
        level: Share of the bootstrap distribution that the interval covers.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The gain; an interval above zero means that `values` is better.

    Raises:
        DataError: An input is empty, not (S,) or not finite, or their lengths differ.
        ConfigError: `level` or `resamples` is out of range.
    """
    one, other = matched(1, values=values, baseline=baseline)
    return bootstrap_mean(one - other, level=level, resamples=resamples, seed=seed)


def hierarchical_bootstrap(
    values_by_seed: Sequence[ArrayLike], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Mean over training seeds and starts; resamples the seeds, then the starts within each drawn seed.

    Seeds count equally, however many starts each has.

    Args:
        values_by_seed: For each seed (S,) one number a start; the lengths may differ.
        level: Share of the bootstrap distribution that the interval covers.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The mean of the seeds' means and its interval; `n` counts all starts.

    Raises:
        DataError: There is no seed, or the values of one are empty, not (S,) or not finite.
        ConfigError: `level` or `resamples` is out of range.
    """
    bootstrap = Bootstrap(level, resamples, seed)
    seeds = [checked(f"values_by_seed[{i}]", values, 1) for i, values in enumerate(values_by_seed)]
    if not seeds:
        raise DataError("values_by_seed must hold the values of at least one seed, got none")
    means = bootstrap.means([values[:, None] for values in seeds])[:, 0]
    return bootstrap.interval(float(np.mean([values.mean() for values in seeds])), means, sum(map(len, seeds)))


def ratio_of_means(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    seeds: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """``mean(numerator) / mean(denominator)``, with an interval that resamples both together.

    Args:
        numerator: (S,) one number a start.
        denominator: (S,) one number a start; its mean must be positive. Resamples in which it is not are left out.
        seeds: (S,) training seed of each start, if seeds are to be resampled first, as in `hierarchical_bootstrap`.
        level: Share of the bootstrap distribution that the interval covers.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The ratio and its interval.

    Raises:
        DataError: An input is empty, not (S,) or not finite, lengths differ, or the denominator is not positive.
        ConfigError: `level` or `resamples` is out of range.
    """
    bootstrap = Bootstrap(level, resamples, seed)
    rows = np.stack(matched(1, numerator=numerator, denominator=denominator), axis=1)
    groups = grouped(rows, None if seeds is None else matched(1, numerator=numerator, seeds=seeds)[1])
    top, bottom = np.mean([group.mean(axis=0) for group in groups], axis=0)
    if not bottom > 0:
        raise DataError(f"the ratio is undefined: the mean of the denominator must be positive, got {bottom:g}")
    means = bootstrap.means(groups)
    means = means[means[:, 1] > 0]
    if not len(means):
        raise DataError(f"the ratio has no interval: the denominator was positive in none of {resamples} resamples")
    return bootstrap.interval(float(top / bottom), means[:, 0] / means[:, 1], len(rows))


def gap_closed(
    chosen: ArrayLike,
    random: ArrayLike,
    best: ArrayLike,
    *,
    seeds: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Share of the way from a random choice to the best one that a way of choosing goes.

    ``(mean(chosen) - mean(random)) / (mean(best) - mean(random))``: 0 is no better than chance, 1 is perfect.

    Args:
        chosen: (S,) outcome of the chosen candidate at each start.
        random: (S,) expected outcome of a random candidate at the same starts.
        best: (S,) outcome of the best candidate at the same starts.
        seeds: (S,) training seed of each start, if seeds are to be resampled first.
        level: Share of the bootstrap distribution that the interval covers.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The share and its interval.

    Raises:
        DataError: An input is empty, not (S,) or not finite, lengths differ, or `best` is on average not better than
            `random`.
        ConfigError: `level` or `resamples` is out of range.
    """
    took, chance, top = matched(1, chosen=chosen, random=random, best=best)
    if not top.mean() > chance.mean():
        raise DataError(
            "gap_closed is undefined: the best candidates must be better than random ones on average, "
            f"got {top.mean():g} and {chance.mean():g}"
        )
    return ratio_of_means(took - chance, top - chance, seeds=seeds, level=level, resamples=resamples, seed=seed)


def pair_counts(scores: ArrayLike, outcomes: ArrayLike, *, threshold: float) -> tuple[Values, Values]:
    """Count, for each start, the pairs of its candidates that differ in outcome and those a score orders rightly.

    Args:
        scores: (S, N) larger is better.
        outcomes: (S, N) larger is better.
        threshold: Outcomes that differ by no more than this are not compared; in the unit of the outcomes.

    Returns:
        (S,) pairs ordered rightly, in which equal scores count half, and (S,) pairs.

    Raises:
        DataError: An input is empty, not (S, N) or not finite, or their shapes differ.
        ConfigError: `threshold` is negative or not a number.
    """
    if not threshold >= 0:
        raise ConfigError(f"threshold must be 0 or more, got {threshold}")
    judged, happened = matched(2, scores=scores, outcomes=outcomes)
    right, total = np.zeros(len(judged)), np.zeros(len(judged))
    for i, (score, outcome) in enumerate(zip(judged, happened, strict=True)):
        # Each pair appears once with a positive outcome difference, so the first of the two is the better one.
        better = np.subtract.outer(outcome, outcome) > threshold
        order = np.sign(np.subtract.outer(score, score)[better])
        right[i], total[i] = np.sum((1 + order) / 2), len(order)
    return right, total


def pair_accuracy(scores: ArrayLike, outcomes: ArrayLike, *, threshold: float) -> float:
    """Share of within-start pairs, whose outcome differs by more than a threshold, that a score orders rightly.

    Args:
        scores: (S, N) larger is better.
        outcomes: (S, N) larger is better.
        threshold: Outcomes that differ by no more than this are not compared; in the unit of the outcomes.

    Returns:
        The share in [0, 1] over the pairs of all starts together; equal scores count half.

    Raises:
        DataError: An input is empty, not (S, N) or not finite, their shapes differ, or no pair differs enough.
        ConfigError: `threshold` is negative or not a number.
    """
    right, total = pair_counts(scores, outcomes, threshold=threshold)
    if not total.sum():
        raise DataError(f"pair accuracy is undefined: no two candidates of a start differ by more than {threshold:g}")
    return float(right.sum() / total.sum())


def rank_correlation(scores: ArrayLike, outcomes: ArrayLike) -> Values:
    """Spearman's rank correlation of score and outcome within each start.

    Args:
        scores: (S, N) larger is better.
        outcomes: (S, N) larger is better.

    Returns:
        (S,) in [-1, 1]; NaN at starts whose scores or outcomes are all equal.

    Raises:
        DataError: An input is empty, not (S, N) or not finite, or their shapes differ.
    """
    judged, happened = matched(2, scores=scores, outcomes=outcomes)
    found = np.full(len(judged), np.nan)
    for i, (score, outcome) in enumerate(zip(judged, happened, strict=True)):
        one, other = _centred_ranks(score), _centred_ranks(outcome)
        size = np.sqrt((one @ one) * (other @ other))
        if size > 0:
            found[i] = one @ other / size
    return found


def calibration(margins: ArrayLike, wins: ArrayLike, bins: int = 10) -> ReliabilityCurve:
    """Compare ``P(first better) = sigmoid(margin)`` with what happened.

    Args:
        margins: (n,) score of the first item of each pair minus that of the second.
        wins: (n,) 1 where the first was better, 0 where the second was, 0.5 for a tie.
        bins: Number of bins of equal width that [0, 1] is split into.

    Returns:
        The reliability curve and the expected calibration error.

    Raises:
        DataError: An input is empty, not (n,) or not finite, lengths differ, or `wins` leaves [0, 1].
        ConfigError: `bins` is not positive.
    """
    if bins < 1:
        raise ConfigError(f"bins must be 1 or more, got {bins}")
    margin, won = matched(1, margins=margins, wins=wins)
    if won.min() < 0 or won.max() > 1:
        raise DataError(f"wins must be within [0, 1], got values from {won.min():g} to {won.max():g}")
    probability = 0.5 * (1 + np.tanh(margin / 2))  # the sigmoid, without overflow
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(index, probability, bins) / count
        observed = np.bincount(index, won, bins) / count
    filled = count > 0
    error = np.sum(count[filled] * np.abs(predicted - observed)[filled]) / len(margin)
    return ReliabilityCurve(predicted, observed, count, float(error))


def _centred_ranks(values: Values) -> Values:
    """Ranks minus their mean; equal values share the mean of their ranks."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[inverse] - (len(values) + 1) / 2
