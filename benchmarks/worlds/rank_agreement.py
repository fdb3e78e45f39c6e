"""Kendall's tau of rankings, without ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def kendall_tau(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Mean over lists of (concordant - discordant pairs) / pairs (Kendall 1938).

    Args:
        one: (L, K) values, by which K items of each list are ranked.
        two: (L, K) other values.
    """
    first, second = (np.triu(np.sign(values[:, :, None] - values[:, None]), 1) for values in (one, two))
    length = one.shape[1]
    return float((first * second).sum((1, 2)).mean() / (length * (length - 1) / 2))
