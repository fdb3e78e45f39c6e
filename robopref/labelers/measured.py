"""Preferences by what a simulated task reports while candidates are carried out: force, time, clearance, ..."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labeler_kinds import Kind
from robopref.labelers.metric import ranks_of
from robopref.records import Answer, Feedback, Item, Preference, Query, QueryKind, Ranking

if TYPE_CHECKING:
    from robopref.labelers.subject import Subject

Values = NDArray[np.float64]
Over = Literal["mean", "max", "last", "sum"]


@dataclass(frozen=True)
class MeasuredSettings:
    """How candidates are compared by a number that the task reports.

    Called with a subject, it makes a labeler of the subject's candidates.

    Attributes:
        measure: Name of the number, in the task's ``info``.
        over: What of the actions of a candidate counts: their mean, the greatest, the last one, or the sum.
        better: Whether more of it is better, or less.
        scale: Differences are log-odds in this unit, of the measure, so that answers are shares and a reward learns the
            measure over the scale; None prefers the better one for certain.
        gap: Without a scale, measures that differ by less are ties.
        name: Recorded as the labeler.

    Raises:
        ConfigError: The measure is not named, or a number is out of range.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    measure: str | None = None
    over: Over = "mean"
    better: Literal["more", "less"] = "less"
    scale: float | None = None
    gap: float = 0.0
    name: str = "measured"

    def __post_init__(self) -> None:
        if self.measure is None:
            raise ConfigError("labeler.measure has to be given: a number that the task reports, such as contact_force")
        if self.over not in _OVER:
            raise unknown_name("labeler.over", str(self.over), _OVER)
        if self.better not in ("more", "less"):
            raise unknown_name("labeler.better", str(self.better), ("more", "less"))
        if not self.gap >= 0 or (self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0)):
            raise ConfigError(
                f"labeler.gap must not be negative and labeler.scale positive, got {self.gap} and {self.scale}"
            )

    @property
    def kinds(self) -> Collection[QueryKind]:
        """Of questions that it answers: shares are of pairs."""
        return ("pair", "ranking") if self.scale is None else ("pair",)

    def __call__(self, subject: Subject) -> MeasuredLabeler:
        """Make a labeler, for which all candidates are carried out.

        Raises:
            ConfigError: The items are no candidates of a simulated task, or that reports no such number.
        """
        return MeasuredLabeler(reduced(subject.measures(str(self.measure)), self.over), self)


class MeasuredLabeler:
    """Answers pairs and rankings of candidates by a measure of each.

    Args:
        values: (S, N) of the candidates of each state.
        settings: What of it is better, and by how much.
    """

    def __init__(self, values: Values, settings: MeasuredSettings) -> None:
        self.values, self.settings, self.name, self.kinds = values, settings, settings.name, settings.kinds
        said = repr((settings.over, settings.better, settings.scale, settings.gap))
        self.version = f"{settings.measure} {hashlib.sha256(said.encode()).hexdigest()[:8]}"

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A pair, or without a scale a ranking.

        Raises:
            ConfigError: The query is of another kind.
            DataError: An item is none of the candidates.
        """
        if query.kind not in self.kinds:
            raise unknown_name("kind of query for a measure", query.kind, self.kinds)
        values = np.array([self._of(item) for item in query.items])
        goodness = values if self.settings.better == "more" else -values
        answer: Answer
        if query.kind == "ranking":
            answer = Ranking(ranks_of(goodness, self.settings.gap))
        else:
            answer = Preference(self._share(float(goodness[0] - goodness[1])))
        said = ", ".join(f"{value:.6g}" for value in values)
        return Feedback(query.id, answer, self.name, self.version, time=time.time(), rationale=said)

    def _share(self, difference: float) -> float:
        if self.settings.scale is not None:
            return 0.5 * (1 + math.tanh(difference / self.settings.scale / 2))
        return 0.5 if difference == 0 or abs(difference) < self.settings.gap else float(difference > 0)

    def _of(self, item: Item) -> float:
        states, candidates = self.values.shape
        if item.candidate is None or not (0 <= item.start < states and 0 <= item.candidate < candidates):
            raise DataError(f"{item} is none of the {candidates} candidates of {states} states")
        return float(self.values[item.start, item.candidate])


def reduced(values: Values, over: Over) -> Values:
    """One number of each chunk.

    Args:
        values: (..., H) after each action; NaN after the end of the episode.
        over: Which.

    Raises:
        DataError: Nothing is reported of a chunk.
    """
    known = np.isfinite(values)
    if not known.any(-1).all():
        raise DataError("the task reports nothing of this measure for some candidates; choose another")
    return _OVER[over](values, known)


def _sum(values: Values, known: NDArray[np.bool_]) -> Values:
    return np.where(known, values, 0).sum(-1)


def _mean(values: Values, known: NDArray[np.bool_]) -> Values:
    return _sum(values, known) / known.sum(-1)


def _max(values: Values, known: NDArray[np.bool_]) -> Values:
    return np.where(known, values, -np.inf).max(-1)


def _last(values: Values, known: NDArray[np.bool_]) -> Values:
    place = known.shape[-1] - 1 - known[..., ::-1].argmax(-1)
    return np.take_along_axis(values, place[..., None], -1)[..., 0]


_OVER: dict[str, Callable[[Values, NDArray[np.bool_]], Values]] = {
    "mean": _mean, "max": _max, "last": _last, "sum": _sum,
}  # fmt: skip
