"""Moving labels between a label database, with the segments beside it, and files of any format."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robopref.data.containment import dataset_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats import (
    deployment_events,
    imitation_pairs,
    inverse_preference_learning,
    label_studio,
    parquet,
    preference_transformer,
    takeovers,
    uni_rlhf,
)
from robopref.data.label_formats.deployment_events import RATED, add_events, event_sources
from robopref.data.label_formats.exchanged_labels import Labels, Naming, Segment
from robopref.data.labels.counted import counted_feedback
from robopref.data.labels.feedback_records import read_lines, write_lines
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.errors import DataError, unknown_name
from robopref.files import replacing, require_file
from robopref.records import Feedback, Item, Query

Lookup = Callable[[Item], Segment]


def _read_jsonl(path: Path, naming: Naming) -> Labels:
    del naming
    records = [record for _, record in read_lines(path)]
    queries = [record for record in records if isinstance(record, Query)]
    return Labels(queries, [record for record in records if isinstance(record, Feedback)])


def _write_jsonl(path: Path, labels: Labels) -> None:
    write_lines(path, [*labels.queries, *labels.feedback])


def _alone(write: Callable[[Path, Labels], None]) -> Callable[[Path, Labels, Lookup], None]:
    """A writer of a format that does not hold the segments themselves."""
    return lambda path, labels, segment: write(path, labels)


READERS: Mapping[str, Callable[[Path, Naming], Labels]] = {
    "jsonl": _read_jsonl,
    "parquet": parquet.read,
    "preference-transformer": preference_transformer.read,
    "uni-rlhf": uni_rlhf.read,
    "inverse-preference-learning": inverse_preference_learning.read,
    "label-studio": label_studio.read,
    "imitation": imitation_pairs.read,
    "events": deployment_events.read,
    "takeovers": takeovers.read,
}
WRITERS: Mapping[str, Callable[[Path, Labels, Lookup], None]] = {
    "jsonl": _alone(_write_jsonl),
    "parquet": _alone(parquet.write),
    "preference-transformer": _alone(preference_transformer.write),
    "uni-rlhf": _alone(uni_rlhf.write),
    "inverse-preference-learning": inverse_preference_learning.write,
    "label-studio": _alone(label_studio.write),
}

# What says of every answer whose it is.
_SIGNED = ("jsonl", "parquet", "label-studio")


@dataclass(frozen=True)
class Exported:
    """What an export was made of.

    Attributes:
        queries: How many questions there were to write.
        answers: How many answers.
        left_out: Answers that do not count, and were left out as the format does not say whose an answer is.
    """

    queries: int
    answers: int
    left_out: int


def read_labels(path: Path, kind: str, naming: Naming) -> Labels:
    """Read a file.

    Args:
        path: The file, or folder.
        kind: Name of the format.
        naming: What the file does not say.

    Returns:
        What it holds.

    Raises:
        ConfigError: There is no such format.
        DataError: The file is damaged.
        DependencyError: The format needs a package that is not installed.
    """
    if kind not in READERS:
        raise unknown_name("format", kind, READERS)
    require_file(path)
    if _is_gzip(path):
        raise DataError(f"{path} is packed by gzip; unpack it first, such as with gunzip")
    return READERS[kind](path, naming)


def add_labels(
    database: FeedbackStore, folder: Path, labels: Labels, kind: str, correction: TraceCorrection | None = None
) -> tuple[int, int]:
    """Add what the database does not hold; adding the same again adds nothing.

    Args:
        database: Where queries and answers go.
        folder: Where the segments go, if there are any: one episode each, in ``<source>.zarr``.
        labels: The labels.
        kind: Name of the format that they came in.
        correction: Of what events say; None takes every act as it is.

    Returns:
        How many queries and answers were added.

    Raises:
        DataError: The labels do not fit what is there.
    """
    with _taken_back(folder, labels.segments):
        # Items must never refer to segments that are not there.
        for source, segments in labels.segments.items():
            _store(folder / f"{source}.zarr", segments, kind)
        queries, answers = database.join(labels.queries, labels.feedback, labels.origins)
    for source, found in labels.events.items():
        with _taken_back(folder, [*event_sources(folder, source, found), f"{source}-{RATED}"]):
            asked, answered = add_events(database, folder, source, found, correction=correction)
        queries, answers = queries + asked, answers + answered
    return queries, answers


@contextlib.contextmanager
def _taken_back(folder: Path, sources: Iterable[str]) -> Generator[None]:
    """Remove the datasets that were made meanwhile if their labels are refused."""
    made = [path for source in sources if not (path := folder / f"{source}.zarr").exists()]
    try:
        yield
    except DataError:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise


def export_labels(
    database: FeedbackStore,
    folder: Path,
    path: Path,
    kind: str,
    *,
    answers: bool = True,
    labelers: Collection[str] = (),
) -> Exported:
    """Write what a database holds to a file.

    Formats that do not say whose an answer is get the answers that count, as rewards learn from them, see
    `robopref.data.labels.counted.counted_feedback`; the others get all.

    Args:
        database: Queries and answers.
        folder: Holds the datasets of the items, ``<source>.zarr``, for formats that hold the segments themselves.
        path: The file, or folder.
        kind: Name of the format.
        answers: Whether to write the answers; without, the questions are as if nobody had been asked.
        labelers: Whose answers to write; none leaves it to the format.

    Returns:
        What was written.

    Raises:
        ConfigError: There is no such format.
        DataError: The format cannot hold a label, or not say that labelers of several kinds gave them, nobody has a
            name that was given, a segment is not there, or the file cannot be written.
        DependencyError: The format needs a package that is not installed.
    """
    if kind not in WRITERS:
        raise unknown_name("format", kind, WRITERS)
    feedback = database.feedback() if answers else []
    count = labelers or kind not in _SIGNED
    counting = counted_feedback(feedback, labelers, database.database.where) if answers and count else feedback
    labels = Labels(database.queries(), counting)
    stores: dict[str, EpisodeStore] = {}

    def segment(item: Item) -> Segment:
        if item.source not in stores:
            stores[item.source] = _open(folder, item.source)
        store = stores[item.source]
        return {key: store.array(key, item.start, item.stop) for key in store.keys}

    WRITERS[kind](path, labels, segment)
    return Exported(len(labels.queries), len(counting), len(feedback) - len(counting))


def _is_gzip(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError:  # its reader says so
        return False


def _open(folder: Path, source: str) -> EpisodeStore:
    path = dataset_of(folder, source)
    if path is None:
        raise DataError(f"{source[:200]!r} is no name of a dataset in {folder}; items name theirs without slashes")
    if not path.exists():
        raise DataError(f"{path}: no such dataset, but queries have items in it")
    return EpisodeStore.open(path)


def _store(path: Path, segments: Sequence[Segment], kind: str) -> None:
    """Make a dataset of segments, unless it is there already."""
    if path.exists():
        store = EpisodeStore.open(path)
        whole = {key: np.concatenate([segment[key] for segment in segments]) for key in segments[0]}
        if set(whole) != set(store.keys) or any(not np.array_equal(store.array(key), whole[key]) for key in whole):
            raise DataError(f"{path} holds other segments than the file; choose another source=<name>")
        return
    shutil.rmtree(path.with_suffix(".part"), ignore_errors=True)  # what older versions left when they were stopped
    with replacing(path) as unfinished:
        store = EpisodeStore.create(unfinished, {"format": kind})
        for segment in segments:
            store.append(segment)
