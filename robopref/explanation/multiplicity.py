"""How small a chance has to be when many hypotheses are tested at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Correction = Literal["bonferroni", "bh"]


def passing(chances: NDArray[np.float64], level: float, correction: Correction, tested: int) -> NDArray[np.bool_]:
    """Which hypotheses pass.

    Args:
        chances: (F,) chance of a test's result, or a larger one, if its hypothesis is wrong.
        level: ``bonferroni``: chance that any wrong one passes; ``bh``: share of wrong ones among those that pass, to
            be expected (Benjamini and Hochberg 1995).
        correction: Which.
        tested: How many hypotheses were tested, F or more.

    Returns:
        (F,) flags.
    """
    if correction == "bonferroni":
        return chances * tested <= level
    order = np.argsort(chances, kind="stable")
    within = chances[order] * tested <= level * np.arange(1, len(chances) + 1)
    count = int(np.flatnonzero(within).max(initial=-1)) + 1
    passed = np.zeros(len(chances), bool)
    passed[order[:count]] = True
    return passed
