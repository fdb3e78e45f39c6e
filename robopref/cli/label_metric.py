"""`robopref label labeler=metric`: a number answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.cli.label_subject import Subject
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.data.geometry import optional_geometry
from robopref.data.segments import Lookup
from robopref.errors import ConfigError, DataError
from robopref.labelers.batch import Tally
from robopref.labelers.coverage import DemoCoverage, StepFeatures
from robopref.labelers.metric import MetricLabeler, matched_pairs
from robopref.labelers.metric_settings import MetricSettings
from robopref.records import Item, Query

_ROWS = 512  # answers at a time


def measuring(context: Context, settings: MetricSettings, subject: Subject) -> tuple[MetricLabeler, Subject]:
    """A metric and what it is asked.

    Args:
        context: Of the run.
        settings: Which metric, and how items are matched.
        subject: What others would be asked about.

    Returns:
        The labeler, and the subject with pairs matched among its items, if these are wanted.

    Raises:
        ConfigError: There is nothing to compare with.
        DataError: No items match.
    """
    metric = settings.metric or _coverage(context, settings)
    what = "coverage" if settings.metric is None else repr(settings.metric)
    labeler = MetricLabeler(
        metric, _lookup(subject.dataset), gap=settings.gap, controls=settings.controls, name=settings.name,
        version=f"{what} {settings.radius:g}" if settings.metric is None else what,
    )  # fmt: skip
    if not settings.matched:
        return labeler, subject
    pool = matched_pairs(
        labeler, _groups(subject.pool), most=settings.most, instruction=subject.pool[0].instruction
    )  # fmt: skip
    if not pool:
        raise DataError(
            "no two items differ in the metric and are alike in the controls; raise labeler.controls.<name>."
            "tolerance, lower labeler.gap, or ask about all with labeler.matched=false"
        )
    return labeler, replace(subject, pool=pool)


def ask_metric(
    context: Context, labeler: MetricLabeler, store: FeedbackStore, choose: Callable[[], Sequence[Query]]
) -> None:
    """Answer questions by a metric.

    Args:
        context: Of the run.
        labeler: Answers.
        store: Where questions and answers are.
        choose: What to ask.
    """
    tally, asked = Tally(), choose()
    with context.stage("Measure", "queries", resumes=True) as bar:
        for first in range(0, len(asked), _ROWS):
            answers = [labeler.label(query) for query in asked[first : first + _ROWS]]
            store.add_all(answers)
            for given in answers:
                tally.add(given)
            bar(tally.done, len(asked))
    missing = "".join(f", {count} {reason}" for reason, count in tally.abstentions.items())
    context.console.print(
        f"{tally.answers} answers, {tally.ties} ties{missing}: {store.database.where}", soft_wrap=True
    )


def _groups(queries: Sequence[Query]) -> list[list[Item]]:
    """Items that may be paired: the candidates of a state with each other, and segments with all segments."""
    groups: dict[tuple[str, int | None], dict[Item, None]] = {}
    for query in queries:
        for item in query.items:
            state = None if item.candidate is None else item.start
            groups.setdefault((item.source, state), {})[item] = None
    return [list(group) for group in groups.values()]


def _lookup(store: EpisodeStore) -> Lookup:
    """Arrays of an item: those of the dataset, with the ``action`` and the ``path`` of its anchors."""
    geometry = optional_geometry(store)

    def arrays(item: Item) -> Mapping[str, NDArray[Any]]:
        found = {key: store.array(key, item.start, item.stop) for key in store.keys if key != "candidates"}
        if item.candidate is not None:
            found["action"] = store.array("candidates", item.start, item.stop)[0, item.candidate]
        if geometry is not None and "action" in found:
            chunk = found["action"].reshape(-1, geometry.matrix.shape[2])
            felt = None if geometry.origin is None else found["proprio"]
            if item.candidate is None:
                found["path"] = geometry.anchors(chunk[:, None], felt)[:, 0]
            else:
                found["path"] = geometry.anchors(chunk, None if felt is None else felt[0])
        return found

    return arrays


def _coverage(context: Context, settings: MetricSettings) -> DemoCoverage:
    named = settings.demonstrations
    if named is None and not (context.folder / "demos.zarr").exists():
        raise ConfigError(
            f"{context.folder} has no demonstrations to compare with; name a store of them with labeler.demonstrations="
            "<folder>, or a metric of your own with labeler.metric="
        )
    demonstrations = context.demonstrations if named is None else EpisodeStore.open(named)
    features = StepFeatures(settings.features)
    lookup = _lookup(demonstrations)
    ends = [0, *demonstrations.episode_ends.tolist()]
    episodes = [Item("demonstrations", a, b) for a, b in itertools.pairwise(ends)]
    if not episodes:
        raise ConfigError(f"{demonstrations.path} holds no demonstration")
    return DemoCoverage(np.concatenate([features(lookup(item)) for item in episodes]), settings.radius, features)
