"""Features of items as numbers: of every item each, and by how much the items of every answered pair differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.data.episodes.recorded_views import Lookup
from robopref.errors import ConfigError, DataError
from robopref.explanation.grammar import DURATION, SHOWN_FIRST, Applied, Feature, Named, Selected, Series
from robopref.explanation.measures import MEASURES, SUMMARIES, scalars, vectors
from robopref.explanation.score_test import PairedAnswers
from robopref.protocols import Progress

Arrays = Mapping[str, NDArray[Any]]
_LOOKING = ("person", "unknown")  # kinds of labelers who may have been shown items
_LEAST = 1e-9  # size of all differences in a feature together, below which it is rounding
_ALIKE = 0.9999  # cosine of two features' differences, from which on they are one


@dataclass(frozen=True)
class FeatureTable:
    """Answers with F features that vary, no two of which are the same.

    Attributes:
        features: F of them.
        answers: With their differences, (R, F).
        left_out: Other features, and why they are none of these.
        same: By the name of some of these the feature in their place, of which items have as much.
    """

    features: tuple[Feature, ...]
    answers: PairedAnswers
    left_out: tuple[tuple[str, str], ...] = ()
    same: Mapping[str, str] = field(default_factory=dict[str, str])

    def joined(self, others: FeatureTable) -> FeatureTable:
        """These features and, after them, those of another table of the same answers that are none of these."""
        both = np.concatenate([self.answers.difference, others.answers.difference], axis=1)
        found = _distinct((*self.features, *others.features), replace(self.answers, difference=both))
        kept, standing = {feature.name for feature in found.features}, dict(found.same)
        standing |= {**self.same, **{name: found.same.get(at, at) for name, at in others.same.items()}}
        left = {**dict(self.left_out), **dict(others.left_out), **dict(found.left_out)}
        return replace(
            found,
            left_out=tuple(one for one in left.items() if one[0] not in kept),
            same={name: at for name, at in standing.items() if name not in kept},
        )


def feature_table(
    answers: Answers, lookup: Lookup, features: Sequence[Feature], progress: Progress | None = None
) -> FeatureTable:
    """Lay out features of answered pairs.

    Args:
        answers: The answers; those that count nothing are left out.
        lookup: Arrays of an item by name.
        features: Which.
        progress: Told how many items are done of how many.

    Returns:
        The table. Answers to one question, or about candidates of one state, are of one cluster.
    """
    answers = answers[answers.weight > 0]
    used = np.unique(answers.item)
    values = np.full((len(answers.items), len(features)), np.nan)
    for done, index in enumerate(used.tolist()):
        item = answers.items[index]
        arrays = lookup(item)
        computed: dict[str, NDArray[np.float64]] = {}
        values[index] = [
            np.nan if feature.name == SHOWN_FIRST
            else float(item.stop - item.start) if feature.name == DURATION
            else _value(feature, arrays, computed)
            for feature in features
        ]  # fmt: skip
        if progress is not None:
            progress(done + 1, len(used))
    difference = values[answers.item[:, 0]] - values[answers.item[:, 1]]
    for column, feature in enumerate(features):
        if feature.name == SHOWN_FIRST:
            difference[:, column] = _shown_first(answers)
    paired = PairedAnswers(difference, answers.p, answers.weight, _clusters(answers))
    return _distinct(tuple(features), paired)


def evaluate(feature: Feature, arrays: Arrays) -> float:
    """A feature of one item, other than of how long it is and which was shown first.

    Args:
        feature: Which.
        arrays: Of the item, (T, ...) by name.

    Raises:
        DataError: The arrays are of other forms, or lack a channel, or the item has no step.
    """
    return _value(feature, arrays, {})


def series_of(series: Series, arrays: Arrays) -> NDArray[np.float64]:
    """What a series is over an item, (T,).

    Raises:
        DataError: The arrays are of other forms, or lack a channel.
    """
    return scalars(_series(series, arrays, {}), str(series))


def channels_of(series: Series, arrays: Arrays) -> int:
    """Numbers of each step of a series; zero if the arrays do not fit it."""
    try:
        return vectors(_series(series, arrays, {})).shape[1]
    except DataError:
        return 0


def require_fitting(features: Sequence[Feature], arrays: Arrays, where: str) -> None:
    """Require that features can be told of items with such arrays, before any long work.

    Args:
        features: Which.
        arrays: Of one item.
        where: What named the features, for messages.

    Raises:
        ConfigError: One cannot.
    """
    for feature in features:
        try:
            evaluate(feature, arrays)
        except DataError as error:
            raise ConfigError(f"{where}: {feature.name}: {error}") from error


def _value(feature: Feature, arrays: Arrays, computed: dict[str, NDArray[np.float64]]) -> float:
    if feature.summary is None:
        return 0.0
    (inner,) = feature.summary.inner
    return SUMMARIES[feature.summary.function](scalars(_series(inner, arrays, computed), str(inner)))


def _series(series: Series, arrays: Arrays, computed: dict[str, NDArray[np.float64]]) -> NDArray[Any]:
    if isinstance(series, Selected):
        return _selected(series, arrays)
    name = str(series)
    if name not in computed:
        if isinstance(series, Named):
            computed[name] = _series(series.series, arrays, computed)
        else:
            computed[name] = _applied(series, arrays, computed)
    return computed[name]


def _applied(series: Applied, arrays: Arrays, computed: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return MEASURES[series.function].function(*(_series(one, arrays, computed) for one in series.inner))


def _selected(series: Selected, arrays: Arrays) -> NDArray[Any]:
    if series.name not in arrays:
        raise DataError(f"the items have no {series.name}; they have {', '.join(arrays)}")
    array = arrays[series.name]
    if array.dtype.kind not in "biuf" or not array.size:
        raise DataError(f"{series.name} holds {'no step' if not array.size else array.dtype}, not numbers")
    if series.start is None or series.stop is None:
        return array
    rows = array.reshape(len(array), -1)
    if series.stop > rows.shape[1]:
        raise DataError(f"{series.name} has {rows.shape[1]} channels, 0 to {rows.shape[1] - 1}, so {series} is none")
    return rows[:, series.start : series.stop]


def _shown_first(answers: Answers) -> NDArray[np.float64]:
    """(R,) 1 if the first item was shown first, -1 if the second was, 0 if neither was shown to anybody.

    Of people, and of files that do not say whose answers they hold, the order in which was asked stands for that in
    which items were shown, where nobody recorded it.
    """
    looked = np.isin(answers.kind.astype(np.str_), _LOOKING)
    return np.where(np.isnan(answers.shown), looked.astype(np.float64), answers.shown)


def _clusters(answers: Answers) -> NDArray[np.int64]:
    numbers: dict[object, int] = {}
    found = np.zeros(len(answers), np.int64)
    for row, (one, two) in enumerate(answers.item.tolist()):
        first, second = answers.items[one], answers.items[two]
        candidates = first.candidate is not None and second.candidate is not None
        key = (first.source, first.start) if candidates and first.start == second.start else frozenset((one, two))
        found[row] = numbers.setdefault(key, len(numbers))
    return found


def _distinct(features: tuple[Feature, ...], answers: PairedAnswers) -> FeatureTable:
    """Keep what is finite and varies, and of several that are the same the first."""
    kept, left_out, same = list[int](), dict[str, str](), dict[str, str]()
    units: list[NDArray[np.float64]] = []
    for column, feature in enumerate(features):
        row = answers.difference[:, column]
        if not np.isfinite(row).all():
            left_out[feature.name] = "it is not finite for all items"
            continue
        size = float(np.linalg.norm(row))
        if not size > _LEAST:
            left_out[feature.name] = "the items of no pair differ in it"
            continue
        cosines = [float(other @ row) / size for other in units]
        place = next((k for k, cosine in enumerate(cosines) if abs(cosine) > _ALIKE), None)
        if place is None:
            kept.append(column)
            units.append(row / size)
            continue
        name = features[kept[place]].name
        if name != feature.name:
            left_out[feature.name] = f"it is {name}{' again' if cosines[place] > 0 else ' the other way round'}"
            same |= {feature.name: name} if cosines[place] > 0 else {}
    found = replace(answers, difference=answers.difference[:, kept])
    return FeatureTable(tuple(features[column] for column in kept), found, tuple(left_out.items()), same)
