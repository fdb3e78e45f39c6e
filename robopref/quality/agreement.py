"""How far answers can be trusted: agreement between people and of a person with themselves, as functions of arrays.

Missing answers are NaN. What cannot be computed, such as agreement beyond chance where everyone always gives the same
answer, is NaN as well.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robopref.errors import DataError, unknown_name
from robopref.evaluation.intervals import Interval, Values, clopper_pearson

Level = Literal["nominal", "ordinal", "interval"]
_LEVELS = ("nominal", "ordinal", "interval")


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Agreement of two people beyond chance (Cohen 1960): ``(p_o - p_e) / (1 - p_e)``.

    Args:
        first: (Q,) answers of one, as categories.
        second: (Q,) answers of the other to the same questions.

    Returns:
        1 if they always agree, 0 at the rate of chance; NaN without a question that both answered.

    Raises:
        DataError: The shapes differ.
    """
    answers = _ratings([first, second])
    both = answers[:, ~np.isnan(answers).any(axis=0)]
    if not both.size:
        return float("nan")
    categories = np.unique(both)
    shares = (both[:, :, None] == categories).mean(axis=1)  # (2, C)
    return _beyond_chance(float((both[0] == both[1]).mean()), float(shares.prod(axis=0).sum()))


def fleiss_kappa(counts: ArrayLike) -> float:
    """Agreement of several people beyond chance (Fleiss 1971).

    Args:
        counts: (Q, C) how many people gave each of C answers to each question. Fleiss has the same number of people
            at every question; with differing numbers, questions with at least two count equally.

    Returns:
        1 if they always agree, 0 at the rate of chance; NaN without a question that two people answered.

    Raises:
        DataError: The counts are not (Q, C) or negative.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or (table < 0).any():
        raise DataError(f"counts must be (Q, C) and not negative, got shape {table.shape}")
    table = table[table.sum(axis=1) >= 2]
    if not table.size:
        return float("nan")
    people = table.sum(axis=1)
    agreeing = (table * (table - 1)).sum(axis=1) / (people * (people - 1))
    shares = table.sum(axis=0) / table.sum()
    return _beyond_chance(float(agreeing.mean()), float((shares**2).sum()))


def krippendorff_alpha(ratings: ArrayLike, level: Level = "nominal") -> float:
    """Reliability of any number of people, with answers missing (Krippendorff 2011): ``1 - D_o / D_e``.

    Args:
        ratings: (R, Q) answer of each of R people to each question, NaN where there is none.
        level: What differences between answers mean: ``nominal`` any is as bad, ``ordinal`` by the ranks between
            them, ``interval`` by their square.

    Returns:
        1 if everyone always agrees, 0 at the rate of chance, below 0 if worse; NaN without a question that two
        people answered, or if there is one answer only.

    Raises:
        DataError: The ratings are not (R, Q).
        ConfigError: There is no such level.
    """
    if level not in _LEVELS:
        raise unknown_name("level", level, _LEVELS)
    answers = _ratings(ratings)
    answers = answers[:, (~np.isnan(answers)).sum(axis=0) >= 2]
    values = np.unique(answers[~np.isnan(answers)])
    if len(values) < 2:
        return float("nan")
    given = (answers.T[:, :, None] == values).sum(axis=1).astype(np.float64)  # (Q, V)
    weighted = given / (given.sum(axis=1, keepdims=True) - 1)
    coincidences = weighted.T @ given - np.diag(weighted.sum(axis=0))
    margins = coincidences.sum(axis=1)
    distance = _distances(values, margins, level)
    expected = (np.outer(margins, margins) * distance).sum() / (margins.sum() - 1)
    return float(1 - (coincidences * distance).sum() / expected)


def share(held: ArrayLike, *, level: float = 0.95) -> Interval | None:
    """How often something held, with the exact binomial interval.

    Serves the share of answers for the item shown first, of repeated questions answered the same way, of attention
    checks passed, and of ties.

    Args:
        held: (n,) 1 where it held, 0 where not, NaN where it does not apply.
        level: Of the interval.

    Returns:
        The share; None where nothing applies.
    """
    values = np.asarray(held, dtype=np.float64)
    values = values[~np.isnan(values)]
    return clopper_pearson(int(values.sum()), len(values), level=level) if len(values) else None


def intransitive_triples(better: ArrayLike) -> tuple[int, int]:
    """Circles among three items: the first is better than the second, that than the third, that than the first.

    Args:
        better: (K, K) whether the row item was found better than the column item.

    Returns:
        Number of circles, and of triples of which all three pairs were decided.

    Raises:
        DataError: The table is not square, or an item is better and worse than another.
    """
    wins = np.asarray(better, dtype=np.int64)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise DataError(f"the table of decided pairs must be (K, K), got {wins.shape}")
    if (wins & wins.T).any():
        raise DataError("an item cannot be better and worse than another; take the majority of repeated answers first")
    decided = wins | wins.T
    # A circle is counted from each of its items, a triple in both directions as well.
    return int(np.trace(wins @ wins @ wins)) // 3, int(np.trace(decided @ decided @ decided)) // 6


def disagreement(ratings: ArrayLike) -> Values:
    """Share of pairs of answers to a question that differ, per answer: what asking again may settle soonest.

    A question that two people answered differently comes before one that was split two against two, which has had
    its chance.

    Args:
        ratings: (R, Q) answer of each of R people to each question, NaN where there is none.

    Returns:
        (Q,) in [0, 0.5]; 0 for fewer than two answers.

    Raises:
        DataError: The ratings are not (R, Q).
    """
    answers = _ratings(ratings)
    values = np.unique(answers[~np.isnan(answers)])
    given = (answers.T[:, :, None] == values).sum(axis=1)
    people = given.sum(axis=1)
    same = (given * (given - 1)).sum(axis=1)
    pairs = np.maximum(people * (people - 1), 1)
    return np.where(people >= 2, (1 - same / pairs) / np.maximum(people, 1), 0.0)


def too_fast(seconds: ArrayLike, *, floor: float) -> NDArray[np.bool_]:
    """Answers that were given faster than the items can be looked at.

    Args:
        seconds: (n,) time of each answer, NaN where it was not taken.
        floor: Seconds that looking takes at least.

    Returns:
        (n,) whether the answer is suspicious; never where there is no time.
    """
    return np.asarray(seconds, dtype=np.float64) < floor


def _ratings(ratings: Any) -> Values:
    try:
        answers = np.asarray(ratings, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"ratings must be (R, Q), as many questions for each person: {error}") from error
    if answers.ndim != 2:
        raise DataError(f"ratings must be (R, Q), got shape {answers.shape}")
    return answers


def _beyond_chance(observed: float, chance: float) -> float:
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def _distances(values: Values, margins: Values, level: Level) -> Values:
    """Squared differences (V, V) between answers that have been given `margins` times."""
    if level == "interval":
        return (values[:, None] - values) ** 2
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    # Ranks between two answers, with half of each of their own.
    place = np.cumsum(margins) - margins / 2
    return (place[:, None] - place) ** 2
