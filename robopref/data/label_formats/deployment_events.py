"""What events of a deployment say of candidates, as labels, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
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
from robopref.data.labels.outcome_credit import states_preference
from robopref.data.labels.rated_pairs import RatedPair, rated_pairs
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query, Rating

_RECORDED = "feedback.jsonl"  # of a deployment
_FORMAT = "events"  # what their datasets say that they are
_TOGETHER = 256  # steps that are written at a time
RATED = "rated"  # ends the name of the dataset of candidates that were compared by their ratings
_BAD = ("abort", "undo", "failure", "takeover")


def read(path: Path, naming: Naming) -> Labels:
    """Read a file of events, or that of a deployment's folder; their dataset is named after it unless `naming` does.

    Raises:
        DataError: The file cannot be read, or a line is no event.
    """
    source = naming.source or path.stem
    return Labels([], [], events={source: tuple(read_events(path / _RECORDED if path.is_dir() else path))})


def event_labels(
    event: DeploymentEvent, source: str, row: int, correction: TraceCorrection | None = None, most: float = 1.0
) -> list[tuple[Query, Feedback]]:
    """What an event says.

    Args:
        event: The event.
        source: Name of the dataset of events.
        row: Step of the dataset that holds the event's candidates, the correction last.
        correction: Weighs what it says, as the confidence of the answers; None takes it as it is.
        most: Largest weight of all events, which counts as a confidence of 1.

    Returns:
        Questions and the operator's answers. A candidate that was corrected loses to the correction; one that was
        accepted among several that the operator saw beats each of the others; everything else rates the executed one.
        Of what an operator let pass nothing is said.
    """
    if event.kind == "passed":
        return []
    timely = correction is None or correction.timely(event)

    def said(query: Query, answer: Preference | Rating, weight: float = 1.0) -> tuple[Query, Feedback]:
        version = f"{EVENT}{event.kind}"
        confidence = float(min(1.0, weight / most)) if timely else 0.0
        return query, Feedback(
            query.id, answer, event.operator, version, confidence, event.time, seconds=event.seconds
        )  # fmt: skip

    def item(index: int) -> Item:
        return Item(source, row, row + 1, index)

    name, executed = f"{source}/{event.id}", event.executed
    if pairs := _pairs(event):
        return [
            said(
                Query(f"{name}/pair/{one}-{two}", "pair", (item(one), item(two))), Preference(1.0),
                _weight(event, one, two, correction),
            )
            for one, two in pairs
        ]  # fmt: skip
    value = 0.0 if event.kind in _BAD else 1.0
    return [said(Query(f"{name}/rating/{executed}", "rating", (item(executed),)), Rating(value), most)]


def _pairs(event: DeploymentEvent) -> list[tuple[int, int]]:
    """Indices of the better and the worse candidate of each preference that an event states; the correction is last."""
    if not states_preference(event):
        return []
    if event.kind == "accept":
        return [(event.executed, index) for index in event.shown if index != event.executed]
    return [(len(event.candidates), event.executed)]


def _weight(event: DeploymentEvent, better: int, worse: int, correction: TraceCorrection | None) -> float:
    """What a preference counts; 1 where nothing is known of how the candidates came to their places."""
    weight = None if correction is None else correction.pair_weight(event, better, worse)
    return 1.0 if weight is None else weight


def _largest(events: Iterable[DeploymentEvent], correction: TraceCorrection | None) -> float:
    """The largest weight of a preference; 1 if there is none."""
    weights = (_weight(event, *pair, correction) for event in events for pair in _pairs(event))
    return max(weights, default=1.0)


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
    *,
    correction: TraceCorrection | None = None,
) -> tuple[int, int]:
    """Store events and what they say; an event that is there already adds nothing.

    What an answer counts, and what ratings say of two candidates, depends on all events. So those of a deployment that
    goes on are given anew, all of them, and answers that have changed by that take the place of the earlier ones.

    Args:
        database: Where questions and answers go.
        folder: Where the candidates go, in ``<source>.zarr``: one step an event, with its ``candidates``
            (N + 1, H, A), of which the last is the correction or, without one, the executed candidate again, and with
            what the events say was seen; see `event_sources`. Pairs of candidates of one scene that were rated go to
            ``<source>-rated.zarr``, one step a pair.
        source: Name of the dataset of events.
        events: The events; all with candidates of the same shape.
        attrs: What to remember about the dataset when it is made, such as the ``geometry`` of its actions.
        correction: Of what was shown how often, and when; None takes every act as it is.

    Returns:
        How many questions and answers were added.

    Raises:
        DataError: An event does not fit the others, or something cannot be written.
    """
    events, labels = list(events), list[tuple[Query, Feedback]]()
    most = _largest(events, correction)
    # Items must never refer to candidates that are not there.
    for name, some in event_sources(folder, source, events).items():
        rows = _rows(
            folder, name, [(event.id, partial(_row, event)) for event in some if event.kind != "passed"], attrs
        )
        labels += [pair for one in some for pair in event_labels(one, name, rows.get(one.id, 0), correction, most)]
    name, (pairs, _) = f"{source}-{RATED}", rated_pairs(events, correction)
    rows = _rows(folder, name, [(pair.id, partial(_pair_row, pair)) for pair in pairs], attrs)
    labels += [_rated_label(pair, name, rows[pair.id]) for pair in pairs]
    return database.add_answered(labels, EVENT)


def _rated_label(pair: RatedPair, source: str, row: int) -> tuple[Query, Feedback]:
    query = Query(f"{source}/{pair.id}", "pair", (Item(source, row, row + 1, 0), Item(source, row, row + 1, 1)))
    return query, Feedback(
        query.id, Preference(pair.p), pair.operator, f"{EVENT}{RATED}", pair.confidence, pair.time
    )  # fmt: skip


def _rows(
    folder: Path,
    source: str,
    wanted: Sequence[tuple[str, Callable[[], dict[str, NDArray[Any]]]]],
    attrs: Mapping[str, Any] | None,
) -> dict[str, int]:
    """Steps of a dataset by id, after those that are not there yet were added to it."""
    path = folder / f"{source}.zarr"
    if not wanted:
        return {}
    store = (
        EpisodeStore.open(path, "a")
        if path.exists()
        else EpisodeStore.create(path, {"format": _FORMAT, **(attrs or {})})
    )
    if len(store) and ("event" not in store.keys or store.array("event", 0, 0).dtype != np.uint64):
        raise DataError(f"{path} holds something else than events; give the events another name")
    rows = {f"{number:016x}": row for row, number in enumerate(store.array("event").tolist())} if len(store) else {}
    new = {name: make for name, make in wanted if name not in rows}
    names = iter(new.items())
    while some := list(islice(names, _TOGETHER)):
        made = [{"event": np.array(int(name, 16), np.uint64), **make()} for name, make in some]
        unlike = next((one for one in made if one.keys() != made[0].keys() or _shapes(one) != _shapes(made[0])), None)
        first = store.steps
        # What does not fit is appended alone, for the message.
        for part in [made] if unlike is None else [[one] for one in made]:
            store.append({key: np.stack([one[key] for one in part]) for key in part[0]})
        rows |= {name: first + place for place, (name, _) in enumerate(some)}
    return rows


def _shapes(row: Mapping[str, NDArray[Any]]) -> list[tuple[int, ...]]:
    return [row[key].shape for key in sorted(row)]


def _row(event: DeploymentEvent) -> dict[str, NDArray[Any]]:
    last = event.candidates[event.executed] if event.corrected is None else event.corrected
    return {
        "episode": np.array(event.episode, np.int64),
        "step": np.array(event.step, np.int64),
        "candidates": np.concatenate([event.candidates, last[None]]).astype(np.float32),
        **_seen(event),
    }


def _pair_row(pair: RatedPair) -> dict[str, NDArray[Any]]:
    return {"candidates": np.stack(pair.chunks).astype(np.float32), **_seen(pair.event)}


def _seen(event: DeploymentEvent) -> dict[str, NDArray[Any]]:
    seen = {"points": event.points, "proprio": event.proprio, **event.others}
    return {name: part for name, part in seen.items() if part is not None}
