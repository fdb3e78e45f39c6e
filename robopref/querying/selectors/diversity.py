"""Batches of questions that differ from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError

Values = NDArray[np.float64]


def similarity(differences: Values) -> Values:
    """How alike pairs are, whichever item of a pair comes first: squared cosines.

    Args:
        differences: (N, D) embedding of the first item of each pair less that of the second.

    Returns:
        (N, N) in [0, 1], one on the diagonal.
    """
    norms = np.linalg.norm(differences, axis=1, keepdims=True)
    unit = differences / np.where(norms > 0, norms, 1)
    alike = (unit @ unit.T) ** 2
    np.fill_diagonal(alike, 1)
    return alike


def greedy_dpp(values: Values, alike: Values, count: int) -> list[int]:
    """Choose a batch that is both worth asking and diverse.

    Greedy maximum of the determinant of ``L_ij = v_i alike_ij v_j`` (a determinantal point process; Chen et al. 2018),
    by one row of a Cholesky factor a choice.

    Args:
        values: (N,) what each answer tells, not negative.
        alike: (N, N) similarity, one on the diagonal.
        count: How many to choose at most.

    Returns:
        Indices in the order of choice; fewer than asked for if there are no more that differ.

    Raises:
        DataError: The shapes do not fit, or a value is negative.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or alike.shape != (len(values), len(values)) or (values < 0).any():
        raise DataError(f"expected (N,) values from 0 and (N, N) similarities, got {values.shape} and {alike.shape}")
    factor = np.zeros((0, len(values)))
    left = np.ones(len(values))  # of each item's diagonal, after the chosen ones are taken out
    chosen: list[int] = []
    while len(chosen) < min(count, len(values)):
        gain = np.where(left > 1e-9, values**2 * left, 0)
        gain[chosen] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        row = (alike[best] - factor.T @ factor[:, best]) / np.sqrt(left[best])
        factor = np.vstack([factor, row])
        left = np.maximum(left - row**2, 0)
        chosen.append(best)
    return chosen
