"""Where a reward that was learnt from preferences is asked about what it was not trained on, and how it does there.

Rewards that fit their pairs equally well may differ elsewhere; implicit ones lost 3 % of their accuracy under shift on
average, and 7 % at most (Lin et al. 2024, "On the limited generalization capability of the implicit reward model
induced by direct preference optimization"). These two numbers are the reference lines here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.evaluation.intervals import Interval, matched, wilson
from robopref.evaluation.statistics import LEVEL, calibration
from robopref.records import Item, Query

MEAN_LOSS, LARGEST_LOSS = 0.03, 0.07
_SPREAD = 2.0  # times as much disagreement outside as inside that is reported
_RARE = 0.01  # share of steps outside that is not worth a word

Lookup = Callable[[Item], NDArray[Any]]


@dataclass(frozen=True)
class Accuracy:
    """How a reward orders pairs.

    Attributes:
        right: Share of decided pairs that it orders right; ties of the reward count half, rounded down.
        error: Expected calibration error of its margins.
    """

    right: Interval
    error: float

    @classmethod
    def of(cls, margins: ArrayLike, wins: ArrayLike) -> Accuracy | None:
        """Compare margins with what is known.

        Args:
            margins: (n,) reward of the first item of each pair less that of the second.
            wins: (n,) 1 where the first is better, 0 where the second is; 0.5, a tie, does not count.

        Returns:
            The accuracy; None if no pair is decided.
        """
        margin, won = matched(1, margins=margins, wins=wins)
        decided = won != 0.5
        margin, won = margin[decided], won[decided]
        if not len(margin):
            return None
        right = (0.5 + 0.5 * np.sign(margin) * np.sign(won - 0.5)).sum()
        return cls(wilson(int(right), len(margin), level=LEVEL), calibration(margin, won).error)


def accuracy_by_shift(
    margins: Mapping[str, Mapping[str, ArrayLike]], wins: Mapping[str, ArrayLike]
) -> dict[str, dict[str, Accuracy]]:
    """Compare rewards, explicit or implicit, on the same pairs of several kinds.

    Args:
        margins: Of each reward and kind, (n,).
        wins: Of each kind, (n,).

    Returns:
        Of each reward and kind with a decided pair.
    """
    found = {
        reward: {kind: Accuracy.of(rows, wins[kind]) for kind, rows in kinds.items()}
        for reward, kinds in margins.items()
    }
    return {
        reward: {kind: accuracy for kind, accuracy in kinds.items() if accuracy is not None}
        for reward, kinds in found.items()
    }


def loss_of_accuracy(inside: Accuracy, outside: Accuracy) -> Interval:
    """What is lost outside, with the interval of Newcombe (1998, method 10) for a difference of shares."""
    one, other = inside.right, outside.right
    lost = one.mean - other.mean
    low = lost - math.hypot(one.mean - one.low, other.high - other.mean)
    high = lost + math.hypot(one.high - one.mean, other.mean - other.low)
    return Interval(lost, low, high, other.n)


@dataclass(frozen=True)
class Region:
    """Steps and pairs of segments that are alike in being near labelled ones, or not.

    Attributes:
        share: Of the steps.
        reward: Mean of their rewards; NaN without steps.
        spread: Mean disagreement of the members over them; NaN for one member or without steps.
        pairs: How many.
        accuracy: Of the reward, on pairs of which it is known which is better.
    """

    share: float
    reward: float
    spread: float
    pairs: int
    accuracy: Accuracy | None


@dataclass(frozen=True)
class ShiftReport:
    """What a reward is asked about, by whether that is like what it was trained on.

    Attributes:
        inside: Steps near labelled ones, and pairs of segments most of whose steps are.
        outside: The others.
    """

    inside: Region
    outside: Region

    @property
    def lost(self) -> Interval | None:
        """Accuracy that is lost outside, if it is known in both."""
        if self.inside.accuracy is None or self.outside.accuracy is None:
            return None
        return loss_of_accuracy(self.inside.accuracy, self.outside.accuracy)

    def to_dict(self) -> dict[str, Any]:
        """The report in values that JSON has; what is not known is None."""
        return {**_known(asdict(self)), "warnings": list(self.warnings)}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong, in words; empty if nothing was found.

        A loss of accuracy counts if even the lower end of its interval is above the mean of the paper. Where answers
        are not known, all there is to go by is that members disagree more; a single network says nothing.
        """
        found: list[str] = []
        if not self.inside.pairs:
            found.append("was trained on nothing like these data")
        elif self.lost is not None:
            if self.lost.low > MEAN_LOSS:
                found.append(
                    f"orders {self.lost.mean:.0%} ({self.lost.low:.0%} to {self.lost.high:.0%}) fewer pairs right "
                    "outside of what was labelled"
                )
        elif self.outside.share > _RARE and self.outside.spread > _SPREAD * self.inside.spread:
            times = self.outside.spread / self.inside.spread if self.inside.spread > 0 else math.inf
            found.append(f"its members disagree {times:.1f} times as much outside of what was labelled")
        return tuple(found)


def shift_report(
    pairs: Sequence[Query],
    *,
    outside: Lookup,
    reward: Lookup,
    spread: Lookup | None = None,
    truth: Lookup | None = None,
) -> ShiftReport:
    """Look at a relabelled dataset.

    Args:
        pairs: Pairs of segments of it, drawn as those that were labelled were not.
        outside: Of each step of an item, (T,), whether it is unlike all labelled ones.
        reward: The learnt reward of each step.
        spread: Disagreement of the members about each step, if there are several.
        truth: The true reward of each step, if it is known.

    Returns:
        The report.
    """
    items = [item for pair in pairs for item in pair.items]
    beyond = [np.asarray(outside(item), dtype=bool) for item in items]
    rewards = [reward(item) for item in items]
    spreads = None if spread is None else [spread(item) for item in items]
    known = None if truth is None else np.array([truth(item).mean(dtype=np.float64) for item in items]).reshape(-1, 2)
    worth = np.array([rows.mean(dtype=np.float64) for rows in rewards]).reshape(-1, 2)
    far = np.array([rows.mean() > 0.5 for rows in beyond]).reshape(-1, 2).any(1)
    steps = np.concatenate(beyond)
    of_steps, of_spreads = np.concatenate(rewards), None if spreads is None else np.concatenate(spreads)
    regions: list[Region] = []
    for chosen, rows in ((~far, ~steps), (far, steps)):
        accuracy = None
        if known is not None and chosen.any():
            margin, gap = (values[chosen, 0] - values[chosen, 1] for values in (worth, known))
            accuracy = Accuracy.of(margin, 0.5 + 0.5 * np.sign(gap))
        regions.append(
            Region(
                share=float(rows.mean()),
                reward=_mean(of_steps[rows]),
                spread=math.nan if of_spreads is None else _mean(of_spreads[rows]),
                pairs=int(chosen.sum()),
                accuracy=accuracy,
            )
        )
    return ShiftReport(*regions)


def shift_rows(report: ShiftReport) -> list[tuple[str, ...]]:
    """The report as rows of a table, the header first."""
    rows: list[tuple[str, ...]] = [
        ("what the reward is asked about", "steps", "reward", "disagreement", "pairs", "right", "calibration error")
    ]
    for name, one in (("near what was labelled", report.inside), ("outside", report.outside)):
        right, error = "not known", "not known"
        if one.accuracy is not None:
            interval = one.accuracy.right
            right, error = (
                f"{interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})",
                f"{one.accuracy.error:.3f}",
            )
        rows.append((name, f"{one.share:.1%}", _told(one.reward), _told(one.spread), str(one.pairs), right, error))
    return rows


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else math.nan


def _told(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def _known(values: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(values, dict):
        return {key: _known(value) for key, value in values.items()}
    return None if isinstance(values, float) and not np.isfinite(values) else values
