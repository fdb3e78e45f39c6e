"""Settings of ``labeler=metric``."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np

from robopref.data.episodes.store import EpisodeStore, no_dataset
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labeler_kinds import Kind
from robopref.labelers.arrays import arrays_of
from robopref.labelers.coverage import DemoCoverage, StepFeatures
from robopref.labelers.metric import Better, Control, Metric, MetricGuard, MetricLabeler, matched_pairs
from robopref.records import QUERY_ITEMS, Item, Query, QueryKind

if TYPE_CHECKING:
    from robopref.labelers.subject import Subject


@dataclass(frozen=True)
class MetricSettings:
    """How items are compared by a number.

    Called with a subject, it makes a labeler of the subject's items.

    Attributes:
        name: Recorded as the labeler.
        metric: Number of an item's arrays; None is the coverage by demonstrations.
        gap: Pairs that differ by less are ties.
        controls: What the items of a pair have to be alike in, by name; None for nothing.
        guards: What must not be the worse for what is preferred, by name; None for nothing.
        better: Whether more of the metric is better, or less.
        matched: Ask about matched pairs only, `most` a state or as many as ``label.budget`` says of a dataset, instead
            of the questions that others are asked.
        most: Matched pairs a state.
        radius: Of the coverage: how near a demonstrated step has to be, in the unit of the features.
        features: Of the coverage: arrays that steps are compared by.
        demonstrations: Of the coverage: episode store; None takes the run folder's.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    name: str = "metric"
    metric: Metric | None = None
    gap: float = 0.0
    controls: Mapping[str, Control] | None = None
    guards: Mapping[str, MetricGuard] | None = None
    better: Better = "more"
    matched: bool = True
    most: int = 4
    radius: float = 0.05
    features: Sequence[str] = ("points", "path")
    demonstrations: str | None = None

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise unknown_name("labeler.better", str(self.better), get_args(Better))
        if not (self.gap >= 0 and self.radius > 0 and self.most >= 1):
            raise ConfigError(
                f"labeler.gap must not be negative, radius positive and most at least 1, got {self.gap}, {self.radius} "
                f"and {self.most}"
            )

    @property
    def kinds(self) -> Collection[QueryKind]:
        """Of questions that it answers; matched pairs take the place of any others."""
        return tuple(QUERY_ITEMS) if self.matched else MetricLabeler.kinds

    def __call__(self, subject: Subject) -> MetricLabeler:
        """Make a labeler, with pairs matched among the items of a subject if these are wanted.

        Raises:
            ConfigError: There is nothing to compare with.
            DataError: No items match, or the metric of all of them is the same.
        """
        what = f"coverage {self.radius:g}" if self.metric is None else _described(self.metric)
        make = functools.partial(
            MetricLabeler, self.metric or self._coverage(subject.folder), subject.lookup(), gap=self.gap,
            controls=self.controls, guards=self.guards, better=self.better, name=self.name, version=what,
        )  # fmt: skip
        if not self.matched:
            return _told_apart(make(), subject.pool)
        pool = matched_pairs(
            make(), _groups(subject.pool), most=self.most, instruction=subject.pool[0].instruction
        )  # fmt: skip
        if not pool:
            raise DataError(
                "no two items differ in the metric, are alike in the controls and pass the guards; raise "
                "labeler.controls.<name>.tolerance, lower labeler.gap, or ask about all with labeler.matched=false"
            )
        return make(pool=pool)

    def _coverage(self, folder: Path) -> DemoCoverage:
        path = folder / "demos.zarr" if self.demonstrations is None else Path(self.demonstrations)
        if self.demonstrations is None and not path.exists():
            raise ConfigError(
                f"{folder} has no demonstrations to compare with; name a store of them with labeler.demonstrations="
                "<folder>, or a metric of your own with labeler.metric="
            )
        if not path.exists():
            raise no_dataset(path, "labeler.demonstrations")
        store, features = EpisodeStore.open(path), StepFeatures(self.features)
        arrays, ends = arrays_of(store), [0, *store.episode_ends.tolist()]
        episodes = [Item("demonstrations", begin, end) for begin, end in itertools.pairwise(ends)]
        if not episodes:
            raise ConfigError(f"{store.path} holds no demonstration")
        return DemoCoverage(np.concatenate([features(arrays(item)) for item in episodes]), self.radius, features)


def _told_apart(labeler: MetricLabeler, pool: Sequence[Query]) -> MetricLabeler:
    """A labeler that does not take all items that could be asked about for the same."""
    items = (item for query in pool for item in query.items)
    values = (labeler.measure(item)[0] for item in items)
    if len(pool) > 1 and all(one == two for one, two in itertools.pairwise(values)):  # ends at the first that differs
        raise DataError(
            f"by {labeler.name} all items are worth {labeler.measure(pool[0].items[0])[0]:g}, so "
            "that nothing could be learnt from the answers; choose "
            "what they differ in with labeler.metric, such as labeler.metric.array and labeler.metric.equals"
        )
    return labeler


def _described(value: object) -> str:
    """A metric, or a setting of it, in words that are the same in every process."""
    if isinstance(value, functools.partial):
        given = [*map(_described, value.args), *(f"{k}={_described(v)}" for k, v in sorted(value.keywords.items()))]
        return f"{_described(value.func)}({', '.join(given)})" if given else _described(value.func)
    named: Any = type(value) if type(value).__repr__ is object.__repr__ else value
    return f"{named.__module__}.{named.__qualname__}" if hasattr(named, "__qualname__") else repr(value)


def _groups(queries: Sequence[Query]) -> list[list[Item]]:
    """Items that may be paired: the candidates of a state with each other, and segments with all segments."""
    groups: dict[tuple[str, int | None], dict[Item, None]] = {}
    for query in queries:
        for item in query.items:
            state = None if item.candidate is None else item.start
            groups.setdefault((item.source, state), {})[item] = None
    return [list(group) for group in groups.values()]
