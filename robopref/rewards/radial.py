"""Radial features, under which a linear reward is a Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RadialFeatures:
    """Features under which a linear reward is a Gaussian process with a radial kernel (Chu and Ghahramani 2005).

    The features of x are ``k(x, anchors) K^-1/2``; at the anchors, and between them, the process is exact.

    Attributes:
        anchors: (M, F) items that span the features.
        length: Length scale of the kernel ``exp(-|x - y|^2 / (2 length^2))``.
    """

    anchors: Values
    length: float

    def __call__(self, items: Values) -> Values:
        """Features (..., M) of items (..., F)."""
        values, vectors = np.linalg.eigh(self._kernel(self.anchors) + 1e-6 * np.eye(len(self.anchors)))
        return self._kernel(items) @ (vectors / np.sqrt(values)) @ vectors.T

    def _kernel(self, items: Values) -> Values:
        square = (items**2).sum(-1)[..., None] + (self.anchors**2).sum(-1) - 2 * items @ self.anchors.T
        return np.exp(-np.maximum(square, 0) / (2 * self.length**2))
