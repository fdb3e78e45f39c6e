"""Intervals around estimates, and the checks that statistics make of their input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.errors import ConfigError, DataError

Values = NDArray[np.float64]

_GATHERED = 2_000_000  # numbers drawn at once; bounds the memory of a bootstrap


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it.

    Attributes:
        mean: The estimate, in the unit of the values.
        low: Lower end of the interval.
        high: Upper end.
        n: How many values it rests on.
    """

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Bootstrap:
    """How to resample.

    Attributes:
        level: Share of the bootstrap distribution that an interval covers.
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Raises:
        ConfigError: A setting is out of range.
    """

    level: float
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ConfigError(f"level must be between 0 and 1, got {self.level}")
        if self.resamples < 1:
            raise ConfigError(f"resamples must be 1 or more, got {self.resamples}")

    def means(self, groups: list[Values]) -> Values:
        """Resample the groups, then the rows within each drawn group, and average.

        Args:
            groups: For each group (rows, C); groups count equally. A single group is a plain bootstrap.

        Returns:
            (resamples, C) means of the groups' means.
        """
        rng = np.random.default_rng(self.seed)
        # Sorted rows make the interval a function of the values, not of the order in which they are listed.
        ordered = [group[np.lexsort(group.T)] for group in groups]
        drawn = rng.integers(len(ordered), size=(self.resamples, len(ordered)))
        means = np.empty((*drawn.shape, ordered[0].shape[1]))
        for i, group in enumerate(ordered):
            slots = np.argwhere(drawn == i)
            chunk = max(1, _GATHERED // len(group))
            for part in (slots[start : start + chunk] for start in range(0, len(slots), chunk)):
                rows = rng.integers(len(group), size=(len(part), len(group)))
                means[part[:, 0], part[:, 1]] = group[rows].mean(axis=1)
        return means.mean(axis=1)

    def interval(self, estimate: float, resampled: Values, n: int) -> Interval:
        """Put the percentile interval around an estimate.

        Args:
            estimate: From all values.
            resampled: (R,) the same from each resample.
            n: How many values the estimate rests on.

        Returns:
            The interval.
        """
        low, high = np.quantile(resampled, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(estimate, float(low), float(high), n)


def wilson(successes: int, n: int, *, level: float) -> Interval:
    """Share of successes with Wilson's interval, which keeps its width when none or all succeed.

    Args:
        successes: How many succeeded.
        n: How many there were, at least 1.
        level: Share of repetitions in which the interval should hold the true share.

    Returns:
        The share and its interval, in [0, 1].
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    share = successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), n)


def clopper_pearson(successes: int, n: int, *, level: float) -> Interval:
    """Share of successes with the exact binomial interval (Clopper and Pearson 1934), which is never too narrow.

    Its ends are the shares under which as many successes, or as few, have a chance of ``(1 - level) / 2``.

    Args:
        successes: How many succeeded.
        n: How many there were, at least 1.
        level: Share of repetitions in which the interval holds the true share, at least.

    Returns:
        The share and its interval, in [0, 1].
    """
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else _share_where(lambda p: float(binomial(n, p)[successes:].sum()) > tail)
    high = 1.0 if successes == n else _share_where(lambda p: 1 - float(binomial(n, p)[successes + 1 :].sum()) < tail)
    return Interval(successes / n, low, high, n)


def binomial(n: int, p: float) -> Values:
    """Chances of 0 to n successes.

    Args:
        n: Of how many.
        p: Chance of each, in [0, 1].

    Returns:
        (n + 1,) chances.
    """
    k = np.arange(n + 1)
    if not 0 < p < 1:
        return (k == (n if p >= 1 else 0)).astype(np.float64)
    logs = _log_factorials(1 << n.bit_length())[: n + 1]
    return np.exp(logs[n] - logs - logs[::-1] + k * np.log(p) + (n - k) * np.log1p(-p))


def grouped(rows: Values, owner: NDArray[Any] | None) -> list[Values]:
    """Split rows by the group that `owner` names for each, or keep them as one group."""
    return [rows] if owner is None else [rows[owner == name] for name in np.unique(owner)]


def checked(name: str, values: ArrayLike, ndim: int) -> Values:
    """Check that an array is fit for use.

    Args:
        name: What to call it in the error.
        values: The array.
        ndim: 1 for (S,), 2 for (S, N).

    Returns:
        The array as float64.

    Raises:
        DataError: It is empty, not finite, or has the wrong number of dimensions.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise DataError(f"{name} must be {'(S,)' if ndim == 1 else '(S, N)'}, got shape {array.shape}")
    if not array.size:
        raise DataError(f"{name} must not be empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} of {array.size} that are not")
    return array


def matched(ndim: int, **arrays: ArrayLike) -> list[Values]:
    """Check that named arrays are fit for use and have the same shape.

    Args:
        ndim: 1 for (S,), 2 for (S, N).
        **arrays: The arrays.

    Returns:
        The arrays as float64, in the order given.

    Raises:
        DataError: One of them fails `checked`, or the shapes differ.
    """
    found = {name: checked(name, array, ndim) for name, array in arrays.items()}
    if len({array.shape for array in found.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items())
        raise DataError(f"arrays must have the same shape, got {shapes}")
    return list(found.values())


@lru_cache
def _log_factorials(n: int) -> Values:
    """(n + 1,) logarithms of 0! to n!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def _share_where(above: Callable[[float], bool]) -> float:
    """The share from which on a monotone condition holds, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2
