"""What events of a deployment say of candidates, as labels, and no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.containment import dataset_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.labels.assignments import EVENT
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import DeploymentEvent, read_events
from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query, Rating

_RECORDED = "feedback.jsonl"  # of a deployment
_FORMAT = "events"  # what their datasets say that they are
_GOOD, _BAD = ("reuse", "success"), ("abort", "undo", "failure")


def read(path: Path, naming: Naming) -> Labels:
    """Read a file of events, or that of a deployment's folder; their dataset is named after it unless `naming` does.

    Raises:
        DataError: The file cannot be read, or a line is no event.
    """
    source = naming.source or path.stem
    return Labels([], [], events={source: tuple(read_events(path / _RECORDED if path.is_dir() else path))})


def event_labels(event: DeploymentEvent, source: str, row: int) -> list[tuple[Query, Feedback]]:
    """What an event says.

    Args:
        event: The event.
        source: Name of the dataset of events.
        row: Step of the dataset that holds the event's candidates, the correction last.

    Returns:
        Questions and the operator's answers. A candidate that was corrected loses to the correction; one that was
        accepted among several that the operator saw beats each of the others; everything else rates the executed one.
    """
    executed, correction = event.executed, len(event.candidates)
    others = [index for index in event.shown if index != executed]
    if event.kind in ("correct", "takeover") and event.corrected is not None:
        pairs = [(correction, executed)]
    else:
        pairs = [(executed, other) for other in others] if event.kind == "accept" else []

    def said(query: Query, answer: Preference | Rating) -> tuple[Query, Feedback]:
        return query, Feedback(query.id, answer, event.operator, labeler_version=f"event {event.kind}", time=event.time)

    def item(index: int) -> Item:
        return Item(source, row, row + 1, index)

    name = f"{source}/{event.id}"
    if pairs:
        return [
            said(Query(f"{name}/pair/{one}-{two}", "pair", (item(one), item(two))), Preference(1.0))
            for one, two in pairs
        ]
    value = 0.0 if event.kind in (*_BAD, "takeover") else 1.0
    return [said(Query(f"{name}/rating/{executed}", "rating", (item(executed),)), Rating(value))]


def event_sources(folder: Path, source: str, events: Iterable[DeploymentEvent]) -> dict[str, list[DeploymentEvent]]:
    """Events by the name of the dataset that takes them, as a dataset holds as many candidates in every step.

    Those with as many as the dataset of this name, or as the first event if there is none yet, go there, others into
    ``<source>-<number of candidates>``.

    Args:
        folder: Where the datasets are.
        source: Name of the dataset.
        events: The events.
    """
    path, found = folder / f"{source}.zarr", dict[str, list[DeploymentEvent]]()
    usual = None
    if path.exists() and len(store := EpisodeStore.open(path)) and "candidates" in store.keys:
        usual = store.array("candidates", 0, 1).shape[1] - 1
    for event in events:
        count = len(event.candidates)
        usual = count if usual is None else usual
        found.setdefault(source if count == usual else f"{source}-{count}", []).append(event)
    return found


def is_event_dataset(folder: Path, source: str) -> bool:
    """Whether items of a dataset of a run folder are candidates of events."""
    path = dataset_of(folder, source)
    return path is not None and path.exists() and EpisodeStore.open(path).attrs.get("format") == _FORMAT


def add_events(
    database: FeedbackStore,
    folder: Path,
    source: str,
    events: Iterable[DeploymentEvent],
    attrs: Mapping[str, Any] | None = None,
) -> tuple[int, int]:
    """Store events and what they say; an event that is there already adds nothing.

    Args:
        database: Where questions and answers go.
        folder: Where the candidates go, in ``<source>.zarr``: one step an event, with its ``candidates``
            (N + 1, H, A), of which the last is the correction or, without one, the executed candidate again, and with
            what the events say was seen; see `event_sources`.
        source: Name of the dataset of events.
        events: The events; all with candidates of the same shape.
        attrs: What to remember about the dataset when it is made, such as the ``geometry`` of its actions.

    Returns:
        How many questions and answers were added.

    Raises:
        DataError: An event does not fit the others, or something cannot be written.
    """
    counts = [
        _add_to(database, folder, name, some, attrs) for name, some in event_sources(folder, source, events).items()
    ]
    return sum(count[0] for count in counts), sum(count[1] for count in counts)


def _add_to(
    database: FeedbackStore,
    folder: Path,
    source: str,
    events: Iterable[DeploymentEvent],
    attrs: Mapping[str, Any] | None,
) -> tuple[int, int]:
    path = folder / f"{source}.zarr"
    store = (
        EpisodeStore.open(path, "a")
        if path.exists()
        else EpisodeStore.create(path, {"format": _FORMAT, **(attrs or {})})
    )
    if len(store) and ("event" not in store.keys or store.array("event", 0, 0).dtype != np.uint64):
        raise DataError(f"{path} holds something else than events; give the events another name")
    rows = {f"{number:016x}": row for row, number in enumerate(store.array("event").tolist())} if len(store) else {}
    labels: list[tuple[Query, Feedback]] = []
    # Items must never refer to candidates that are not there.
    for event in events:
        if event.id not in rows:
            store.append(_row(event))
            rows[event.id] = store.steps - 1
        labels += event_labels(event, source, rows[event.id])
    return database.add_answered(labels, EVENT)


def _row(event: DeploymentEvent) -> dict[str, NDArray[Any]]:
    last = event.candidates[event.executed] if event.corrected is None else event.corrected
    row: dict[str, Any] = {
        "event": np.array([int(event.id, 16)], np.uint64),
        "episode": np.array([event.episode], np.int64),
        "step": np.array([event.step], np.int64),
        "candidates": np.concatenate([event.candidates, last[None]]).astype(np.float32)[None],
    }
    seen = {"points": event.points, "proprio": event.proprio, **event.others}
    return row | {name: part[None] for name, part in seen.items() if part is not None}
