"""Questions about named features of items: which of these are shown as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.records import FEATURE_KINDS, Item, Query, QueryKind

Values = NDArray[np.float64]
_EDGE = 0.2  # share of the items, at either end of a feature, among which the two examples of it are found
_MOST = 64  # items of either end that are compared
_EXAMPLES = 5  # of a threshold


def feature_queries(
    features: Sequence[AskedFeature], items: Sequence[Item], values: Values, *, kind: QueryKind, instruction: str = ""
) -> list[Query]:
    """One question a feature.

    Whether a feature matters is asked beside an item with little of it and one with much, which are as alike in the
    other features as can be had. Examples of a threshold are spread over its scale.

    Args:
        features: F of them.
        items: I items, of which examples are taken; none is fine.
        values: (I, F) the features of the items, in their own units.
        kind: ``feature`` or ``threshold``.
        instruction: What items are to be judged by.

    Returns:
        The questions, in order of the features.

    Raises:
        ConfigError: The kind is another.
        DataError: The values are not one for each item and feature.
    """
    if kind not in FEATURE_KINDS:
        raise unknown_name("kind of query about a feature", kind, FEATURE_KINDS)
    if values.shape != (len(items), len(features)):
        raise DataError(f"expected values ({len(items)}, {len(features)}), got {values.shape}")
    choose = _opposites if kind == "feature" else _spread
    queries: list[Query] = []
    for place, feature in enumerate(features):
        shown = choose(features, values, place)
        told = replace(feature, values=tuple(float(values[row, place]) for row in shown))
        name = f"{feature.source}/{kind}/{feature.name}"
        queries.append(Query(name, kind, tuple(items[row] for row in shown), instruction, told))
    return queries


def ranged(feature: AskedFeature, values: Values) -> AskedFeature | None:
    """A feature whose scale goes from the least to the greatest value of items; None if they all have as much.

    Args:
        feature: Which.
        values: (I,) of the items.

    Raises:
        ConfigError: A value is not finite.
    """
    if not np.isfinite(values).all():
        raise ConfigError(f"feature {feature.name!r} is not finite for all items")
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    return replace(feature, low=low, high=high) if high - low > 1e-9 * max(1.0, abs(low), abs(high)) else None


def _opposites(features: Sequence[AskedFeature], values: Values, place: int) -> list[int]:
    """The two rows from either end of a feature that differ least in the others, for their scales."""
    if len(values) < 2:
        return []
    order = np.argsort(values[:, place], kind="stable")
    edge = max(1, min(_MOST, int(_EDGE * len(order))))
    ends = order[:edge], order[-edge:]
    scaled = values / np.array([feature.high - feature.low for feature in features])
    apart = np.abs(scaled[ends[0]][:, None] - scaled[ends[1]][None]).sum(axis=2)
    # In the feature itself they are to differ.
    apart -= 2 * np.abs(scaled[ends[0], place][:, None] - scaled[ends[1], place][None])
    low, high = np.unravel_index(int(apart.argmin()), apart.shape)
    return [int(ends[0][low]), int(ends[1][high])]


def _spread(features: Sequence[AskedFeature], values: Values, place: int) -> list[int]:
    """Rows whose values are nearest to evenly spaced ones, none twice, from the least on."""
    column, feature = values[:, place], features[place]
    inside = np.flatnonzero((column >= feature.low) & (column <= feature.high))
    if not len(inside):
        return []
    wanted = np.linspace(feature.low, feature.high, _EXAMPLES)
    found = {int(inside[np.abs(column[inside] - value).argmin()]) for value in wanted}
    return sorted(found, key=lambda row: (column[row], row))
