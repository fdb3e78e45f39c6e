"""Which persons want nearly the same, by the weights that a reward has learnt of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PersonPlace:
    """Where a person stands among others.

    Attributes:
        name: Of the person.
        weights: (K,) of the prototypes, summing to 1.
        nearest: Name of who wants most nearly the same; empty if there is nobody else.
        distance: To that person: half the sum of absolute differences of weights, in [0, 1].
    """

    name: str
    weights: tuple[float, ...]
    nearest: str
    distance: float


def person_places(weights: Mapping[str, Sequence[float]]) -> list[PersonPlace]:
    """Where persons stand, those who want the same prototype most beside each other.

    Args:
        weights: (K,) of each by name.
    """
    names, table = list(weights), np.array(list(weights.values()), np.float64)
    if len(names) < 2:
        return [PersonPlace(name, tuple(table[0].tolist()), "", 0.0) for name in names]
    apart = 0.5 * np.abs(table[:, None] - table[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(1)
    return [
        PersonPlace(names[i], tuple(table[i].tolist()), names[nearest[i]], float(apart[i, nearest[i]]))
        for i in _order(table)
    ]


def _order(table: NDArray[np.float64]) -> list[int]:
    """Rows by the prototype that is wanted most, and within that by how much it is."""
    return np.lexsort((-table.max(1), table.argmax(1))).tolist()
