"""How long each stage takes, in memory that does not grow."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from robopref.motion import Event, Plan, Reading, Step

_LOWEST, _PER_DOUBLING, _DOUBLINGS = 1e-6, 16, 26  # from a microsecond to a minute, 4 % apart


class Timing:
    """Counts the times of plans and ticks by stage, as a subscriber."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._last: float | None = None

    def on_reset(self, reading: Reading) -> None:
        """The first period begins with the first command."""
        self._last = None

    def on_plan(self, plan: Plan) -> None:
        """Count the stages of a plan."""
        self._add(plan.seconds)

    def on_step(self, step: Step) -> None:
        """Count the stages of a tick, and the time since the command before."""
        self._add(step.seconds)
        if self._last is not None:
            self._add({"period": step.reading.time - self._last})
        self._last = step.reading.time

    def on_event(self, event: Event) -> None:
        """Events take no time."""

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """The counts stay."""

    def quantile(self, stage: str, share: float) -> float:
        """A quantile of the times of a stage.

        Args:
            stage: Name of the stage.
            share: In [0, 1]; 0.5 is the median.

        Returns:
            Seconds, to within 4 %; NaN for a stage that was never seen.
        """
        counts = self._counts.get(stage)
        if counts is None:
            return math.nan
        place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
        return _LOWEST * 2 ** ((min(place, len(counts) - 1) + 0.5) / _PER_DOUBLING)

    def summary(self) -> dict[str, dict[str, float]]:
        """Median and 99th percentile in seconds, and the number of times, by stage."""
        return {
            stage: {"median": self.quantile(stage, 0.5), "p99": self.quantile(stage, 0.99), "n": int(counts.sum())}
            for stage, counts in self._counts.items()
        }

    def _add(self, seconds: Mapping[str, float]) -> None:
        for stage, value in seconds.items():
            counts = self._counts.setdefault(stage, np.zeros(_PER_DOUBLING * _DOUBLINGS, np.int64))
            place = int(_PER_DOUBLING * math.log2(max(value, _LOWEST) / _LOWEST))
            counts[min(place, len(counts) - 1)] += 1
