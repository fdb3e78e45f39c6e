"""What a teacher who knows what comes of items says about their features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import DataError
from robopref.records import Abstain, Answer, Item, Query

Values = NDArray[np.float64]
NOT_KNOWN = "the task's reward says nothing of this feature"
_DEAD = 0.05  # share of the most that any feature is worth, below which one does not matter
_FITS = 0.5  # share of the outcomes' variance that features explain at least, for anything to be said of them
_GRID = 41  # limits that are tried


class FeatureTeacher:
    """Answers by the linear reward that comes nearest to the outcomes of items.

    Outcomes are fitted by least squares to features on their scales, ``(value - low) / (high - low)``. A feature
    matters if its whole scale is worth a twentieth at least of what that of the weightiest one is worth. For a
    threshold the feature counts beyond a limit only, which is the one under which the outcomes are fitted best.

    Args:
        described: F features.
        features: Gives those of an item, (F,) in their own units.
        outcome: What comes of an item.
        items: By which outcomes are fitted.

    Raises:
        DataError: There are too few items, or an outcome is not finite.
    """

    def __init__(
        self,
        described: Sequence[AskedFeature],
        features: Callable[[Item], Values],
        outcome: Callable[[Item], float],
        items: Sequence[Item],
    ) -> None:
        if len(items) < len(described) + 2:
            raise DataError(f"{len(described)} features are told from {len(described) + 2} items, got {len(items)}")
        self.described = tuple(described)
        low = np.array([feature.low for feature in described])
        span = np.array([feature.high for feature in described]) - low
        self._scaled: Values = (np.stack([features(item) for item in items]) - low) / span
        self._outcomes: Values = np.array([outcome(item) for item in items], dtype=np.float64)
        if not np.isfinite(self._outcomes).all():
            raise DataError("what comes of items must be finite for anything to be said of their features")
        self._weights, self._explained = self._fit(self._scaled)

    def answer(self, query: Query) -> Answer:
        """Answer a question about a feature.

        Args:
            query: A ``feature`` or a ``threshold`` query.

        Returns:
            The answer; an abstention if the feature is none of these, or these explain less than half of what comes of
            items.
        """
        names = [feature.name for feature in self.described]
        if query.feature is None or query.feature.name not in names or self._explained < _FITS:
            return Abstain(NOT_KNOWN)
        place = names.index(query.feature.name)
        return self._relevance(place) if query.kind == "feature" else self._threshold(place, query.feature)

    def _relevance(self, place: int) -> FeatureRelevance:
        weight, most = float(self._weights[place]), float(np.abs(self._weights).max())
        return FeatureRelevance(0 if abs(weight) < _DEAD * most or most == 0 else int(np.sign(weight)))

    def _threshold(self, place: int, feature: AskedFeature) -> Threshold:
        """The limit of the best fit; the end of the scale if what lies beyond is not bad."""
        column, below = self._scaled[:, place], feature.side == "low"
        best, found = self._fit(np.delete(self._scaled, place, axis=1))[1], None
        for limit in np.linspace(0, 1, _GRID):
            beyond = np.minimum(0, column - limit) if below else np.maximum(0, column - limit)
            weights, explained = self._fit(np.column_stack([np.delete(self._scaled, place, axis=1), beyond]))
            bad = weights[-1] > 0 if below else weights[-1] < 0
            if bad and explained > best + 1e-9:
                best, found = explained, float(limit)
        if found is None:
            return Threshold(feature.low if below else feature.high)
        return Threshold(min(feature.high, feature.low + found * (feature.high - feature.low)))

    def _fit(self, columns: Values) -> tuple[Values, float]:
        """Weights of columns, and the share of the outcomes' variance that they explain."""
        centred = columns - columns.mean(axis=0)
        outcomes = self._outcomes - self._outcomes.mean()
        whole = float(outcomes @ outcomes)
        if not centred.shape[1] or not whole > 0:
            return np.zeros(centred.shape[1]), 0.0
        weights: Values = np.linalg.lstsq(centred, outcomes, rcond=None)[0]
        left = outcomes - centred @ weights
        return weights, 1 - float(left @ left) / whole
