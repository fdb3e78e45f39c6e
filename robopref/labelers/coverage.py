"""How much of a motion can be traced to demonstrations: a ready metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError

Arrays = Mapping[str, NDArray[Any]]
_BLOCK = 4096  # demonstrated steps at a time


class DemoCoverage:
    """Share of a motion's steps that lie near a demonstrated one: how much of it can be traced to demonstrations.

    Args:
        library: (N, C) features of demonstrated steps.
        radius: A step is covered if some demonstrated one is no farther, in the unit of the features.
        features: Features (T, C) of an item's arrays.

    Raises:
        ConfigError: The library is empty or no matrix of finite numbers, or the radius is not positive.
    """

    def __init__(
        self,
        library: NDArray[Any],
        radius: float,
        features: Callable[[Arrays], NDArray[Any]],
    ) -> None:
        self.library = np.asarray(library, dtype=np.float64)
        if self.library.ndim != 2 or not self.library.size or not np.isfinite(self.library).all():
            raise ConfigError(f"demonstrations must be finite numbers (N, C), got shape {self.library.shape}")
        if not radius > 0:
            raise ConfigError(f"radius of coverage must be positive, got {radius}")
        self.radius, self.features = radius, features

    def distances(self, arrays: Arrays) -> NDArray[np.float64]:
        """Distance of each step to the nearest demonstrated one, (T,).

        Raises:
            DataError: The features do not fit those of the demonstrations.
        """
        steps = np.asarray(self.features(arrays), dtype=np.float64)
        if steps.ndim != 2 or steps.shape[1] != self.library.shape[1] or not len(steps):
            raise DataError(
                f"features must be (T, {self.library.shape[1]}) as of the demonstrations, got {steps.shape}"
            )
        nearest = np.full(len(steps), np.inf)
        for start in range(0, len(self.library), _BLOCK):
            apart = steps[:, None] - self.library[None, start : start + _BLOCK]
            nearest = np.minimum(nearest, np.linalg.norm(apart, axis=2).min(axis=1))
        return nearest

    def __call__(self, arrays: Arrays) -> float:
        """The share, in [0, 1]."""
        return float((self.distances(arrays) <= self.radius).mean())


class StepFeatures:
    """A few numbers that describe each step of an item, for comparing steps by distance.

    A cloud (P, 3) or (P, 3+C) is described by its mean and its spread along the axes, anything else by all of its
    values. An item with one cloud and several actions, as a candidate is, has that cloud in all of its steps.

    Args:
        keys: Arrays (T, ...) that count, such as ``points`` and ``path``, which are both in metres.
    """

    def __init__(self, keys: Sequence[str] = ("points", "path")) -> None:
        if not keys:
            raise ConfigError("features of a step need at least one array")
        self.keys = tuple(keys)

    def __call__(self, arrays: Arrays) -> NDArray[np.float64]:
        """Features (T, C).

        Raises:
            DataError: An array is missing, or they have different numbers of steps.
        """
        missing = [key for key in self.keys if key not in arrays]
        if missing:
            raise DataError(f"an item has no {', '.join(missing)}; it has {', '.join(arrays)}")
        parts = [self._described(key, np.asarray(arrays[key], dtype=np.float64)) for key in self.keys]
        steps = max(map(len, parts))
        wrong = {key: len(part) for key, part in zip(self.keys, parts, strict=True) if len(part) not in (1, steps)}
        if wrong:
            raise DataError(f"arrays of an item must have {steps} steps or one, got {wrong}")
        return np.concatenate([np.broadcast_to(part, (steps, part.shape[1])) for part in parts], axis=1)

    @staticmethod
    def _described(key: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if key != "points":
            return values.reshape(len(values), -1)
        values = values[..., :3]  # colours are not in metres
        return np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)
