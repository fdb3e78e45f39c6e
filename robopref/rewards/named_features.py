"""Features that have names, and rewards that are linear in them up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import Side
from robopref.errors import ConfigError, DataError, unknown_name

Values = NDArray[np.float64]


@dataclass(frozen=True)
class NamedFeatures:
    """F features of items, each with a scale on which rewards are linear.

    On its scale a feature is ``(value - low) / (high - low)``, so that a weight is what the whole range is worth, as
    log-odds of a preference. A feature with a side counts beyond a limit only: the excess ``max(0, u - limit)`` where
    too much is bad, the lack ``min(0, u - limit)`` where too little is. Either grows with the feature, so that a
    positive weight always says that more is better; a limit at the other end of the scale leaves it linear.

    Attributes:
        names: (F,) of the features.
        low: (F,) lower end of the scale, in the feature's own unit.
        high: (F,) upper end.
        sides: (F,) side on which the bad begins at a limit; None for a feature that has no limit.
    """

    names: tuple[str, ...]
    low: Values
    high: Values
    sides: tuple[Side | None, ...]

    def __post_init__(self) -> None:
        count = len(self.names)
        if not count:
            raise ConfigError("there is no feature, and questions about features need one; name some")
        if len(set(self.names)) < count:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ConfigError(f"two features are called {twice[:60]!r}; names of features have to differ")
        if self.low.shape != (count,) or self.high.shape != (count,) or len(self.sides) != count:
            raise ConfigError(
                f"{count} features need as many low, high and sides, got {self.low.shape}, {self.high.shape} and "
                f"{len(self.sides)}"
            )
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not (np.isfinite([low, high]).all() and low < high):
                raise ConfigError(
                    f"the scale of {name[:60]!r} must go from a lower to a higher number, got {low}, {high}"
                )

    @classmethod
    def standard(cls, names: Sequence[str]) -> NamedFeatures:
        """Features that are on their scale already, without limits."""
        count = len(names)
        return cls(tuple(names), np.zeros(count), np.ones(count), (None,) * count)

    def __len__(self) -> int:
        """Number of features."""
        return len(self.names)

    def place(self, name: str) -> int:
        """Index of a feature.

        Raises:
            ConfigError: There is none of this name.
        """
        if name not in self.names:
            raise unknown_name("feature", name[:80], self.names)
        return self.names.index(name)

    def scaled(self, values: Values) -> Values:
        """Values (..., F) in their own units on their scales, (..., F)."""
        values = np.asarray(values, dtype=np.float64)
        if values.shape[-1:] != (len(self),):
            raise DataError(f"expected values of {len(self)} features, got {values.shape}")
        return (values - self.low) / (self.high - self.low)

    @property
    def limited(self) -> tuple[int, ...]:
        """(L,) indices of the features that have a limit."""
        return tuple(place for place, side in enumerate(self.sides) if side is not None)


@dataclass(frozen=True)
class LinearRewards:
    """M rewards ``w . phi`` of the same features.

    Attributes:
        features: Of which.
        weights: (M, F) what the whole range of each feature is worth, as log-odds.
        limits: (M, F) on the scale; only those of features that have one count.
    """

    features: NamedFeatures
    weights: Values
    limits: Values

    def __len__(self) -> int:
        """Number of rewards."""
        return len(self.weights)

    def counted(self, items: Values) -> Values:
        """What of each feature counts.

        Args:
            items: (..., F) on the scale.

        Returns:
            (M, ..., F); (1, ..., F) if no feature has a limit.
        """
        counted = np.asarray(items, dtype=np.float64)[None]
        if not self.features.limited:
            return counted
        counted = np.repeat(counted, len(self), axis=0)
        shape = (-1, *(1,) * (counted.ndim - 2))
        for place in self.features.limited:
            beyond = counted[..., place] - self.limits[:, place].reshape(shape)
            clip = np.maximum if self.features.sides[place] == "high" else np.minimum
            counted[..., place] = clip(beyond, 0)
        return counted

    def score(self, items: Values) -> Values:
        """Rewards of items (..., F) on the scale, (M, ...)."""
        counted = self.counted(items)
        if len(counted) == 1:
            return np.moveaxis(counted[0] @ self.weights.T, -1, 0)
        return np.einsum("m...f,mf->m...", counted, self.weights)

    def __getitem__(self, rows: NDArray[np.int64]) -> LinearRewards:
        """Some of them."""
        return LinearRewards(self.features, self.weights[rows], self.limits[rows])
