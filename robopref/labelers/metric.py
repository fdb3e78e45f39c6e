"""Preferences from any number that can be computed, between items that are alike otherwise; after Quote-Tuning.

Zhang et al. 2024 (Verifiable by Design) pair answers that differ in how much of them is quoted, but not in
length. Here a number of an item's arrays takes the place of the quoted share, such as `DemoCoverage`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import Lookup
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.records import Abstain, Answer, Feedback, Item, Preference, Query, QueryKind, Ranking, Rating

Metric = Callable[[Mapping[str, NDArray[Any]]], float]
Better = Literal["more", "less"]
NOT_ALIKE, GUARDED = "not alike", "worse by a guard"


@dataclass(frozen=True)
class Control:
    """Something that items of a pair have to be alike in.

    Attributes:
        metric: What it is.
        tolerance: Largest difference, as a share of the smaller value's size; 0 demands equality.
    """

    metric: Metric
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise ConfigError(f"tolerance of a control must not be negative, got {self.tolerance}")

    def alike(self, one: float, two: float) -> bool:
        """Whether two values differ by no more than the tolerance."""
        return abs(one - two) <= self.tolerance * min(abs(one), abs(two))


@dataclass(frozen=True)
class MetricGuard:
    """A second metric in which what is preferred must not be the worse one, as Quote-Tuning guards fluency.

    Attributes:
        metric: What it is; larger is better.
        worse: By how much what is preferred may be worse, in the unit of the metric.
    """

    metric: Metric
    worse: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.worse < float("inf"):
            raise ConfigError(f"worse of a guard must not be negative, got {self.worse}")


class MetricLabeler:
    """Answers pairs, rankings and ratings by a metric.

    Args:
        metric: Number of an item's arrays; larger is better.
        lookup: Arrays of an item by name.
        gap: A pair whose values differ by less is a tie.
        controls: What items have to be alike in, by name; a pair that is not gets an abstention.
        guards: What must not be the worse for what is preferred, by name; a pair in which it is gets an abstention.
        better: Whether more of the metric is better, or less.
        name: Recorded as the labeler.
        version: Recorded beside; say here which metric it is.
        pool: What it is asked in place of the questions that others are asked; None for these.

    Raises:
        ConfigError: `gap` is negative, or `better` is no such word.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking", "rating")

    def __init__(
        self,
        metric: Metric,
        lookup: Lookup,
        *,
        gap: float = 0.0,
        controls: Mapping[str, Control] | None = None,
        guards: Mapping[str, MetricGuard] | None = None,
        better: Better = "more",
        name: str = "metric",
        version: str = "",
        pool: Sequence[Query] | None = None,
    ) -> None:
        if not gap >= 0:
            raise ConfigError(f"gap of a metric must not be negative, got {gap}")
        if better not in get_args(Better):
            raise unknown_name("labeler.better", str(better), get_args(Better))
        self.metric, self.lookup, self.gap, self.name, self.better = metric, lookup, gap, name, better
        self.pool = pool
        self.controls, self.guards = dict(controls or {}), dict(guards or {})
        tolerances = {name: control.tolerance for name, control in self.controls.items()}
        told: tuple[object, ...] = (version, gap, sorted(tolerances.items()))
        if self.guards or better != "more":  # what was answered without either keeps its version
            told += (sorted((name, guard.worse) for name, guard in self.guards.items()), better)
        settings = repr(told)
        self.version = f"{version} {hashlib.sha256(settings.encode()).hexdigest()[:8]}".strip()
        self._known: dict[Item, tuple[float, dict[str, float]]] = {}

    def measure(self, item: Item) -> tuple[float, dict[str, float]]:
        """Value of an item, and the values of its controls and guards.

        Raises:
            DataError: One of them is not finite.
        """
        if item not in self._known:
            arrays = self.lookup(item)
            value = float(self.metric(arrays))
            others = {name: float(one.metric(arrays)) for name, one in (self.controls | self.guards).items()}
            if not np.isfinite([value, *others.values()]).all():
                raise DataError(f"the metric of {item} must be finite, got {value} with {others}")
            self._known[item] = value, others
        return self._known[item]

    def differing(self, one: Item, two: Item) -> list[str]:
        """Names of the controls in which two items are not alike."""
        a, b = self.measure(one)[1], self.measure(two)[1]
        return [name for name, control in self.controls.items() if not control.alike(a[name], b[name])]

    def harmed(self, one: Item, two: Item) -> list[str]:
        """Names of the guards by which the preferred one of two items is the worse, by more than it may be."""
        (first, a), (second, b) = self.measure(one), self.measure(two)
        if first == second:
            return []
        better, worse = (a, b) if (first > second) == (self.better == "more") else (b, a)
        return [name for name, guard in self.guards.items() if worse[name] - better[name] > guard.worse]

    def comparable(self, one: Item, two: Item) -> bool:
        """Whether two items are alike in the controls, and no guard speaks against preferring the better one."""
        return not self.differing(one, two) and not self.harmed(one, two)

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A pair, a ranking, or, for a metric in [0, 1], a rating. Controls are for pairs.

        Returns:
            A preference, a ranking, a rating or an abstention.

        Raises:
            ConfigError: The query is of another kind, or a rating of a metric beyond [0, 1].
        """
        values = np.array([self.measure(item)[0] for item in query.items])
        said = ", ".join(f"{value:.6g}" for value in values)
        answer: Answer
        if query.kind == "pair":
            answer = self._compare(query, values)
            if answer == Abstain(NOT_ALIKE):
                said += "; differ in " + ", ".join(self.differing(*query.items))
            elif answer == Abstain(GUARDED):
                said += "; worse in " + ", ".join(self.harmed(*query.items))
        elif query.kind == "ranking":
            answer = Ranking(ranks_of(values if self.better == "more" else -values, self.gap))
        elif query.kind == "rating":
            answer = Rating(float(values[0] if self.better == "more" else 1 - values[0]))
        else:
            raise unknown_name("kind of query for a metric", query.kind, self.kinds)
        return Feedback(query.id, answer, self.name, self.version, time=time.time(), rationale=said)

    def _compare(self, query: Query, values: NDArray[np.float64]) -> Answer:
        if self.differing(*query.items):
            return Abstain(NOT_ALIKE)
        if self.harmed(*query.items):
            return Abstain(GUARDED)
        difference = float(values[0] - values[1]) * (1 if self.better == "more" else -1)
        return Preference(0.5 if difference == 0 or abs(difference) < self.gap else float(difference > 0))


def matched_pairs(
    labeler: MetricLabeler, groups: Sequence[Sequence[Item]], *, most: int = 1, instruction: str = ""
) -> list[Query]:
    """Pairs of items that differ in the metric, are alike in the controls, and that no guard speaks against.

    Within a group, pairs are taken from the best item and the worst inwards, as Quote-Tuning does, and no item is in
    two pairs, so that the pairs are independent.

    Args:
        labeler: Measures; pairs differ by its gap at least.
        groups: Items to be paired with each other, such as the candidates of a state.
        most: Pairs of a group at most.
        instruction: What is compared.

    Returns:
        The pairs; those of a group in order of falling difference.

    Raises:
        ConfigError: `most` is not positive.
    """
    if most < 1:
        raise ConfigError(f"a group gives at least one pair, got most={most}")
    queries: list[Query] = []
    for group in groups:
        values = {item: labeler.measure(item)[0] for item in group}
        pairs = sorted(combinations(group, 2), key=lambda pair: -abs(values[pair[0]] - values[pair[1]]))
        used: set[Item] = set()
        for one, two in pairs:
            difference = abs(values[one] - values[two])
            if len(used) >= 2 * most or difference == 0 or difference < labeler.gap:
                break
            if used.isdisjoint((one, two)) and labeler.comparable(one, two):
                used.update((one, two))
                queries.append(Query(f"matched/{_name(one)}/{_name(two)}", "pair", (one, two), instruction))
    return queries


def duration(arrays: Mapping[str, NDArray[Any]]) -> float:
    """Steps of an item."""
    return float(len(next(iter(arrays.values()))))


def path_length(arrays: Mapping[str, NDArray[Any]]) -> float:
    """How far the anchors of an item's actions move, m: ``path`` (T, L, 3), from anchor to anchor and step to step."""
    if "path" not in arrays:
        raise DataError(
            f"the length of a path needs an array path (T, L, 3), got {', '.join(arrays)}; set labeler.controls=null"
        )
    points = np.asarray(arrays["path"], dtype=np.float64)
    return float(np.linalg.norm(np.diff(points.reshape(-1, 3), axis=0), axis=1).sum())


def share_equal(arrays: Mapping[str, NDArray[Any]], *, array: str, equals: float) -> float:
    """Share of an item's steps at which a recorded number has a value, such as that of who acted.

    As ratings of single steps, learnt by cross-entropy, they make a reward the log odds of a step being demonstrated:
    what a discriminator of inverse reinforcement learning estimates (Fu et al. 2018, equation 4). Preferences between
    segments do so only if no two are of one kind, since ties pull log odds together.

    Args:
        arrays: Of the item.
        array: Name of the array, one number a step.
        equals: The value.

    Raises:
        DataError: There is no such array, or it has more than one number a step.
    """
    if array not in arrays:
        raise DataError(f"labeler.metric.array={array} is not recorded; recorded are {', '.join(arrays)}")
    values = np.asarray(arrays[array], dtype=np.float64)
    if values.size != len(values):
        raise DataError(f"labeler.metric.array={array} must have one number a step, got {list(values.shape[1:])}")
    return float((values.reshape(-1) == equals).mean())


def final_progress(arrays: Mapping[str, NDArray[Any]], *, levels: int | None = None) -> float:
    """How far a task was in the end of an item: the last ``next_progress``, or ``progress``.

    Args:
        arrays: Of the item.
        levels: Steps of a scale from 0 to 1, to the nearest of which it is rounded; None leaves it.

    Raises:
        DataError: Neither is recorded.
    """
    for name in ("next_progress", "progress"):
        if name in arrays:
            value = float(np.asarray(arrays[name]).reshape(-1)[-1])
            return value if levels is None else round(value * (levels - 1)) / (levels - 1)
    raise DataError(f"the progress of an item needs an array next_progress or progress, got {', '.join(arrays)}")


def ranks_of(values: NDArray[np.float64], gap: float) -> tuple[int, ...]:
    """Ranks from the largest value; neighbours closer than the gap share one.

    Args:
        values: (K,).
        gap: Of neighbours.
    """
    order = np.argsort(-values, kind="stable")
    steps = -np.diff(values[order])
    ranks = np.concatenate([[0], np.cumsum((steps > 0) & (steps >= gap))])
    found = np.empty(len(values), dtype=np.int64)
    found[order] = ranks
    return tuple(int(rank) for rank in found)


def _name(item: Item) -> str:
    candidate = "" if item.candidate is None else f"-{item.candidate}"
    return f"{item.source}/{item.start}-{item.stop}{candidate}"
