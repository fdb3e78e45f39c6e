"""Which starts are run on a robot, in what order, and whether a reward ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robopref.errors import ConfigError
from robopref.seeding import derive


@dataclass(frozen=True)
class Trial:
    """An episode that is to be run.

    Attributes:
        start: Number of the start, which is the seed of a simulation's.
        ranked: Whether the reward ranks; otherwise the first candidate that the safety filter lets through is taken.
    """

    start: int
    ranked: bool = True


def matched_trials(starts: int, seed: int) -> list[Trial]:
    """Every start twice in a row, with ranking and without, in random order.

    What drifts from trial to trial, such as a battery, a cloth that wears or an operator who learns, then falls on both
    alike.

    Args:
        starts: Number of starts.
        seed: Of the order within each start.

    Returns:
        The trials in order.

    Raises:
        ConfigError: No starts.
    """
    if starts < 1:
        raise ConfigError(f"starts must be at least 1, got {starts}")
    first = [bool(np.random.default_rng(derive(seed, "order of trials", k)).integers(2)) for k in range(starts)]
    return [Trial(k, ranked) for k in range(starts) for ranked in (first[k], not first[k])]
