"""What the same starts say of a difference between two strategies, and how large it has to be for them to show it.

Shape alphabet: `S` starts. The strategy that is tried is compared with a control, which lacks what is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from robopref.errors import DataError
from robopref.evaluation.intervals import Interval, binomial, matched, wilson
from robopref.evaluation.statistics import LEVEL, paired_gain

POWER = 0.8
FEWEST = 6  # below it, even a gain at every start could be chance: 2 * 0.5**5 > 0.05

_PRECISION = 1e-4  # of a share
_UNLIKELY = 1e-12

Finding = Literal["gain", "loss", "none"]


@dataclass(frozen=True)
class MatchedGain:
    """What a strategy gains over the control.

    Attributes:
        tried: Mean or share of the strategy.
        control: Mean or share of the control.
        interval: Of the difference, positive where the strategy is better.
        smallest: Smallest difference that as many starts find with a chance of `POWER`; None if they find none.
    """

    tried: float
    control: float
    interval: Interval
    smallest: float | None

    @property
    def finding(self) -> Finding:
        """A gain or a loss, if zero is outside the interval and the starts can show a difference of that size."""
        return finding(self.interval, self.smallest)


@dataclass(frozen=True)
class MatchedSuccess(MatchedGain):
    """Successes of a strategy and of the control, start by start.

    Attributes:
        both: Starts at which both succeed.
        gained: Starts at which the strategy alone succeeds.
        lost: Starts at which the control alone succeeds.
        neither: Starts at which neither succeeds.
        p: Of McNemar's exact test.
    """

    both: int
    gained: int
    lost: int
    neither: int
    p: float


def compare_means(tried: ArrayLike, control: ArrayLike, *, level: float = LEVEL) -> MatchedGain:
    """Compare numbers of a strategy and of the control, larger being better, start by start.

    Args:
        tried: (S,) of the strategy.
        control: (S,) of the control, at the same starts.
        level: Of the interval, a percentile bootstrap of the differences.

    Returns:
        The gain, in the unit of the values.

    Raises:
        DataError: An input is empty, not (S,) or not finite, or their lengths differ.
        ConfigError: `level` is out of range.
    """
    one, other = matched(1, tried=tried, control=control)
    found = paired_gain(one, other, level=level)
    return MatchedGain(float(one.mean()), float(other.mean()), found, smallest_mean(one - other, level=level))


def compare_successes(tried: ArrayLike, control: ArrayLike, *, level: float = LEVEL) -> MatchedSuccess:
    """Compare successes of a strategy and of the control, start by start.

    Args:
        tried: (S,) whether the strategy succeeds.
        control: (S,) whether the control succeeds, at the same starts.
        level: Of the interval (`newcombe`), and of the test behind the smallest difference (`mcnemar`).

    Returns:
        The gain, in [-1, 1].

    Raises:
        DataError: An input is empty, not (S,) or neither 0 nor 1, or their lengths differ.
    """
    one, other = matched(1, tried=tried, control=control)
    if not np.isin([one, other], (0, 1)).all():
        raise DataError("successes must be 0 or 1, or true or false")
    both, gained, lost = (int(count.sum()) for count in (one * other, one > other, one < other))
    starts, neither = len(one), len(one) - both - gained - lost
    return MatchedSuccess(
        float(one.mean()), float(other.mean()), newcombe(both, gained, lost, neither, level=level),
        smallest_share(starts, gained + lost, level=level), both, gained, lost, neither, mcnemar(gained, lost),
    )  # fmt: skip


def finding(interval: Interval, smallest: float | None) -> Finding:
    """What may be said of a difference.

    Args:
        interval: Of the difference.
        smallest: Smallest difference that as many starts can show; None if they can show none.

    Returns:
        ``gain`` or ``loss`` where zero is outside the interval and the difference is not below the smallest; ``none``
        otherwise, which is not to say that there is no difference.
    """
    if smallest is None or abs(interval.mean) < smallest:
        return "none"
    return "gain" if interval.low > 0 else "loss" if interval.high < 0 else "none"


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's test in its exact form: were the starts at which the two differ a toss of a coin?

    Args:
        gained: Starts at which the strategy alone succeeds.
        lost: Starts at which the control alone succeeds.

    Returns:
        Two-sided p: twice the smaller tail of the binomial distribution with chance 1/2; 1 if they never differ.
    """
    count = gained + lost
    return min(1.0, 2 * float(binomial(count, 0.5)[max(gained, lost) :].sum())) if count else 1.0


def newcombe(both: int, gained: int, lost: int, neither: int, *, level: float = LEVEL) -> Interval:
    """Difference of two success rates on the same starts, with Newcombe's paired score interval.

    Method 10 of Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
    paired data" (1998): Wilson's intervals of the two shares, squared and added with the correlation of the two, from
    which a correction for continuity is taken off.

    Args:
        both: Starts at which both succeed.
        gained: Starts at which the strategy alone succeeds.
        lost: Starts at which the control alone succeeds.
        neither: Starts at which neither succeeds.
        level: Share of repetitions in which the interval should hold the true difference.

    Returns:
        The difference and its interval, in [-1, 1].

    Raises:
        DataError: There is no start.
    """
    starts = both + gained + lost + neither
    if not starts:
        raise DataError("a difference of success rates needs at least one start, got none")
    one, other = (wilson(count, starts, level=level) for count in (both + gained, both + lost))
    product = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    agreement = both * neither - gained * lost
    corrected = agreement if agreement < 0 else max(agreement - starts / 2, 0)
    phi = corrected / np.sqrt(product) if product else 0.0
    difference = one.mean - other.mean
    below = _squared_and_added(one.mean - one.low, other.high - other.mean, phi)
    above = _squared_and_added(other.mean - other.low, one.high - one.mean, phi)
    return Interval(difference, difference - below, difference + above, starts)


def smallest_mean(differences: ArrayLike, *, level: float = LEVEL) -> float | None:
    """Smallest mean difference that a paired t-test on as many starts finds with a chance of `POWER`.

    ``sd (z_{1 - alpha/2} + z_power) / sqrt(S - z_{1 - alpha/2}^2 / 2)``, after Guenther, "Sample size formulas for
    normal theory t tests" (1981): 3 % below the exact value at six starts, 1 % at ten, less from there on.

    Args:
        differences: (S,) strategy minus control; their standard deviation is taken for the true one.
        level: One minus the two-sided level of the test.

    Returns:
        The difference, in the unit of the values; None for fewer than `FEWEST` starts.

    Raises:
        DataError: `differences` is empty, not (S,) or not finite.
    """
    (values,) = matched(1, differences=differences)
    if len(values) < FEWEST:
        return None
    sure, chance = (NormalDist().inv_cdf(share) for share in ((1 + level) / 2, POWER))
    return float(values.std(ddof=1) * (sure + chance) / np.sqrt(len(values) - sure**2 / 2))


def smallest_share(starts: int, discordant: int, *, level: float = LEVEL) -> float | None:
    """Smallest difference of success rates that `mcnemar` finds on as many starts with a chance of `POWER`.

    The power is exact: a sum over all numbers of starts at which the two differ, and over all ways to share them.
    They are taken to differ at the share of starts at which they did, or at as many as the difference takes if these
    are more. Where they never did, nothing is known of that share, and the worst is taken: they differ everywhere.

    Args:
        starts: Number of starts S.
        discordant: Starts at which one of the two alone succeeded.
        level: One minus the two-sided level of the test.

    Returns:
        The difference, in (0, 1], to a hundredth of a per cent; None if even a difference at every start is not found.
    """
    share = discordant / starts if discordant else 1.0
    low, high = 0.0, 1.0
    if _power(starts, 1.0, 1.0, level) < POWER:
        return None
    while high - low > _PRECISION:
        middle = (low + high) / 2
        found = _power(starts, max(share, middle), middle, level) >= POWER
        low, high = (low, middle) if found else (middle, high)
    return high


def _power(starts: int, share: float, difference: float, level: float) -> float:
    """Chance that McNemar's test finds a difference if the two differ at a share of all starts."""
    counts = binomial(starts, share)
    gains = (1 + difference / share) / 2  # chance that a start at which they differ is a gain
    total = 0.0
    for count in np.flatnonzero(counts > _UNLIKELY):
        needed = _needed(int(count), level)
        if needed is not None:
            total += counts[count] * sum(binomial(int(count), p)[needed:].sum() for p in (gains, 1 - gains))
    return float(total)


@lru_cache(maxsize=4096)
def _needed(count: int, level: float) -> int | None:
    """Of as many starts at which the two differ, how many have to be gains for McNemar's test to find one."""
    tails = 2 * np.cumsum(binomial(count, 0.5)[::-1])[::-1]
    enough = np.flatnonzero(tails <= 1 - level)
    return int(enough[0]) if len(enough) else None


def _squared_and_added(one: float, other: float, phi: float) -> float:
    # Rounding may take what is zero below it.
    return float(np.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2)))
