"""How good a grader of rollouts is: by single grades, by pairs, and by what it says of who acted.

The order of grades alone is easily gamed, by a grader that uses two of five grades or shifts all of them, so errors and
the gap between successes and failures stand beside it. Shape: N rollouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.errors import DataError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class GradeReport:
    """What known grades say of given ones.

    Attributes:
        count: Rollouts N.
        exact: Share whose likeliest grade is the known one.
        within_one: Share whose likeliest grade is at most one away.
        error: Mean distance of the expected grade to the known one (MAE), in grades.
        pair_accuracy: Share of the pairs of different known grades that expected grades order right, ties half; NaN if
            there is no such pair.
        gap: Mean expected grade of known successes minus that of known failures; NaN if one of them is missing.
        known_gap: The same of known grades.
        win_rates: By who acted, the share of pairs with rollouts of others that its own win, by known and by given
            grades, ties half; the mean of (known, given) is 0.5.
        tau: Kendall's tau-b of the ranking of who acted by mean grade, known and given; NaN with fewer than two.
        table: (L, L) rollouts of each known grade (row) by likeliest grade (column), the worst first.
    """

    count: int
    exact: float
    within_one: float
    error: float
    pair_accuracy: float
    gap: float
    known_gap: float
    win_rates: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    tau: float = float("nan")
    table: Sequence[Sequence[int]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not known is None."""
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in asdict(self).items()
        }


def grade_report(
    known: ArrayLike, probabilities: ArrayLike, *, policies: Sequence[str] | None = None, success: float = 4
) -> GradeReport:
    """Compare given grades with known ones.

    Args:
        known: (N,) grades, 1 to L; between two of them where several people differ.
        probabilities: (N, L) of each grade, the worst first.
        policies: (N,) names of who acted; None if that is not known.
        success: Least known grade of a success.

    Raises:
        DataError: There is no rollout, or numbers do not match.
    """
    true, given = np.asarray(known, np.float64), np.asarray(probabilities, np.float64)
    if true.ndim != 1 or not len(true) or given.shape[:1] != true.shape or given.ndim != 2:
        raise DataError(
            f"a known grade and probabilities of each of one or more rollouts; got {true.shape}, {given.shape}"
        )
    levels = given.shape[1]
    if policies is not None and len(policies) != len(true):
        raise DataError(f"the name of who acted of each of {len(true)} rollouts; got {len(policies)}")
    if true.min() < 1 or true.max() > levels:
        raise DataError(f"grades must be in 1 to {levels}, got {true.min():g} to {true.max():g}")
    expected, likeliest = given @ np.arange(1, levels + 1), 1 + given.argmax(1)
    done = true >= success
    table = np.zeros((levels, levels), int)
    np.add.at(table, (np.floor(true + 0.5).astype(int) - 1, likeliest - 1), 1)
    rates, tau = {}, float("nan")
    if policies is not None:
        names = np.array(policies)
        each = sorted(set(policies))
        rates = {name: (win_rate(true, names == name), win_rate(expected, names == name)) for name in each}
        means = [[float(values[names == name].mean()) for name in each] for values in (true, expected)]
        tau = kendall_tau(*means)
    return GradeReport(
        len(true), float((np.abs(likeliest - true) <= 0.5).mean()), float((np.abs(likeliest - true) <= 1).mean()),
        float(np.abs(expected - true).mean()), pair_accuracy(true, expected), _gap(expected, done), _gap(true, done),
        rates, tau, table.tolist(),
    )  # fmt: skip


def pair_accuracy(known: Values, given: Values) -> float:
    """Share of pairs of different known values (N,) that given ones (N,) order right, ties half; NaN without a pair."""
    one, two = np.triu_indices(len(known), 1)
    way = np.sign(known[one] - known[two])
    told = np.sign(given[one] - given[two])[way != 0] * way[way != 0]
    return float((0.5 + 0.5 * told).mean()) if len(told) else float("nan")


def win_rate(values: Values, own: NDArray[np.bool_]) -> float:
    """Share of pairs of one's own rollout and another's, of values (N,), that one's own wins, ties half.

    Args:
        values: (N,) grades.
        own: (N,) which are one's own.

    Returns:
        In [0, 1]; NaN if one of the two has none.
    """
    difference = np.sign(values[own][:, None] - values[~own])
    return float((0.5 + 0.5 * difference).mean()) if difference.size else float("nan")


def kendall_tau(one: ArrayLike, other: ArrayLike) -> float:
    """Kendall's tau-b of two lists of numbers (N,), which takes ties into account; NaN if either is all ties."""
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    row, column = np.triu_indices(len(first), 1)
    a, b = np.sign(first[row] - first[column]), np.sign(second[row] - second[column])
    size = np.sqrt(np.abs(a).sum() * np.abs(b).sum())
    return float((a * b).sum() / size) if size else float("nan")


def _gap(values: Values, done: NDArray[np.bool_]) -> float:
    return float(values[done].mean() - values[~done].mean()) if done.any() and not done.all() else float("nan")
