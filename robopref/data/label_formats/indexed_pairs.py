"""Pairs of segments named by their first steps in a dataset, as both PreferenceTransformer and Uni-RLHF keep them.

Labels are 0 if the first segment is better, 1 if the second is, and -1 for a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.label_formats.exchanged_labels import Labels, Naming, answered_pairs, hard_code, steps
from robopref.data.label_formats.safe_pickle import dump_numbers, load_numbers
from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query

_P = {0.0: 1.0, 1.0: 0.0, -1.0: 0.5}
_EXACT = 2**53  # whole numbers that float64 tells apart
_CODES = {1.0: 0, 0.0: 1, 0.5: -1}


@dataclass(frozen=True)
class PairFiles:
    """The three files of a set of labels.

    Attributes:
        first: Pickle of the first steps of the first segments, (N,).
        second: The same of the second segments.
        label: Pickle of the labels, (N,), or (N, 2) with the share of each segment.
    """

    first: Path
    second: Path
    label: Path


@dataclass(frozen=True)
class IndexedPairs:
    """Answered pairs of one dataset.

    Attributes:
        source: Name of the dataset.
        length: Steps of every segment.
        first: (N,) first steps of the first segments.
        second: (N,) of the second segments.
        label: (N,) codes.
    """

    source: str
    length: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    label: Sequence[int]

    def write(self, files: PairFiles) -> None:
        """Write the three files.

        Raises:
            DataError: One of them cannot be written.
        """
        dump_numbers(files.first, self.first)
        dump_numbers(files.second, self.second)
        dump_numbers(files.label, list(self.label))


def read_indexed(files: PairFiles, naming: Naming) -> Labels:
    """Read answered pairs.

    Args:
        files: The three files.
        naming: Dataset, labeler and length, all given.

    Returns:
        One query and one answer a labelled row; the segments themselves are in the dataset.

    Raises:
        DataError: A file is missing or damaged, the files are of differing lengths, or a label is unknown.
    """
    if naming.length is None:
        raise DataError(f"{files.label.parent}: the steps of a segment are not in the file names; give length=<steps>")
    starts = [_starts(path) for path in (files.first, files.second)]
    label = load_numbers(files.label)
    # Some released files name more pairs than were labelled, the labelled ones first.
    if label.ndim not in (1, 2) or not len(starts[0]) == len(starts[1]) >= len(label):
        shapes = ", ".join(str(rows.shape) for rows in (*starts, label))
        raise DataError(f"{files.label.parent}: expected as many first steps of both and no more labels, got {shapes}")
    queries, feedback = list[Query](), list[Feedback]()
    for row, pair in enumerate(np.stack(starts, axis=1)[: len(label)].tolist()):
        items = tuple(Item(naming.source, start, start + naming.length) for start in pair)
        queries.append(Query(f"{naming.source}/{row}", "pair", items))
        p = _probability(label[row], f"{files.label}: row {row}")
        feedback.append(Feedback(queries[-1].id, Preference(p), naming.labeler))
    return Labels(queries, feedback)


def index_pairs(labels: Labels, holder: str) -> IndexedPairs:
    """Lay labels out as rows, one an answer.

    Args:
        labels: The labels.
        holder: Name of the format, for errors.

    Returns:
        The rows.

    Raises:
        DataError: The format cannot hold a label: one that is no pair of segments of one dataset and length, or whose
            answer is neither sure nor a tie; or there is none.
    """
    rows: list[tuple[Item, Item, int]] = []
    for query, _, p in answered_pairs(labels, holder):
        rows.append((*steps(query, holder), hard_code(query, p, holder, _CODES)))
    if not rows:
        raise DataError(f"there is no answered pair to export to {holder}")
    for name, found in (
        ("dataset", {item.source for row in rows for item in row[:2]}),
        ("length", {item.stop - item.start for row in rows for item in row[:2]}),
    ):
        if len(found) > 1:
            raise DataError(f"{holder} holds segments of one {name}, got {sorted(found)}")
    first, second = (np.array([row[k].start for row in rows], dtype=np.int64) for k in (0, 1))  # type: ignore[union-attr]
    item = rows[0][0]
    return IndexedPairs(item.source, item.stop - item.start, first, second, [row[2] for row in rows])


def _starts(path: Path) -> NDArray[np.int64]:
    found = load_numbers(path)
    if found.ndim != 1 or (found != np.round(found)).any() or (found < 0).any() or (found >= _EXACT).any():
        raise DataError(
            f"{path}: expected first steps, whole numbers from 0 to 2^53, (N,), got {found.ravel()[:5].tolist()} of "
            f"shape {found.shape}"
        )
    return found.astype(np.int64)


def _probability(label: NDArray[np.float64] | float, place: str) -> float:
    if np.ndim(label) == 0 and float(label) in _P:  # type: ignore[arg-type]
        return _P[float(label)]  # type: ignore[arg-type]
    shares = np.asarray(label, dtype=np.float64)
    if shares.shape == (2,) and np.isclose(shares.sum(), 1) and (shares >= 0).all():
        return float(shares[0])
    raise DataError(
        f"{place}: a label must be 0 (first is better), 1 (second is), -1 (tie) or shares that sum to 1, got {label}"
    )
