"""The human labels of inverse preference learning (Hejna and Sadigh 2023): one npz with the segments themselves.

``obs_1 obs_2 action_1 action_2`` are (N, T, ...), ``label`` is (N,): the probability that the second segment is better,
0.5 for a tie.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.claims import check_claim
from robopref.data.label_formats.exchanged_labels import Labels, Naming, Segment, answered_pairs, steps
from robopref.errors import DataError
from robopref.files import replacing
from robopref.records import Feedback, Item, Preference, Query

_NAME = "inverse-preference-learning"
_KEYS = {"state": "obs", "action": "action"}  # ours and theirs


def read(path: Path, naming: Naming) -> Labels:
    """Read a file; the dataset is named after it unless `naming` names it.

    Returns:
        One query and one answer a row, and the segments, two a row, with the keys ``state`` and ``action``.

    Raises:
        DataError: The file is missing or damaged, or a label is not in [0, 1].
    """
    arrays = _arrays(path)
    source, (count, length) = naming.source or path.stem, arrays["obs_1"].shape[:2]
    queries, feedback, segments = list[Query](), list[Feedback](), list[Segment]()
    for row in range(count):
        label = float(arrays["label"][row])
        if not 0 <= label <= 1:
            raise DataError(
                f"{path}: label {row} must be in [0, 1] with 0.5 for a tie, got {label} (-1 is a tie in other formats)"
            )
        first = 2 * row * length
        items = (Item(source, first, first + length), Item(source, first + length, first + 2 * length))
        queries.append(Query(f"{source}/{row}", "pair", items))
        feedback.append(Feedback(queries[-1].id, Preference(1 - label), naming.labeler))
        segments += [{own: arrays[f"{theirs}_{k}"][row] for own, theirs in _KEYS.items()} for k in (1, 2)]
    return Labels(queries, feedback, {source: segments})


def write(path: Path, labels: Labels, segment: Callable[[Item], Segment]) -> None:
    """Write a file, one row an answer.

    Args:
        path: The file; one that exists is replaced.
        labels: What to write.
        segment: Looks up the ``state`` and ``action`` of an item.

    Raises:
        DataError: The format cannot hold a label, the segments are of differing shapes, or the file cannot be written.
    """
    rows = [(*steps(query, _NAME), 1 - p) for query, _, p in answered_pairs(labels, _NAME)]
    if not rows:
        raise DataError(f"there is no answered pair to export to {_NAME}")
    arrays: dict[str, NDArray[Any]] = {"label": np.array([label for _, _, label in rows], dtype=np.float64)}
    for k in (0, 1):
        found = [segment(row[k]) for row in rows]  # type: ignore[arg-type]
        for own, theirs in _KEYS.items():
            lacking = [row[k] for row, one in zip(rows, found, strict=True) if own not in one]
            if lacking:
                raise DataError(f"{_NAME} needs {own!r} of every segment; {lacking[0]} has none")
            shapes = {one[own].shape for one in found}
            if len(shapes) > 1:
                raise DataError(f"{_NAME} holds segments of one shape, got {own!r} of {sorted(shapes)}")
            arrays[f"{theirs}_{k + 1}"] = np.stack([one[own] for one in found])
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    names = [f"{theirs}_{k}" for theirs in _KEYS.values() for k in (1, 2)]
    try:
        with zipfile.ZipFile(path) as archive:
            held = [(one.file_size, one.compress_size) for one in archive.infolist()]
        check_claim(path, "what it holds", sum(size for size, _ in held), sum(size for _, size in held))
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in [*names, "label"] if name not in file.files]
            if missing:
                raise DataError(f"{path}: no {', '.join(missing)}; it holds {', '.join(file.files)}")
            arrays = {name: file[name] for name in [*names, "label"]}
    except OSError as error:
        raise DataError(f"{path}: cannot read ({error.strerror or error}); expected an npz file") from error
    except (ValueError, EOFError, KeyError, AttributeError, MemoryError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not an npz file of numbers ({error})") from error
    rows, length = arrays["obs_1"].shape[:2] if arrays["obs_1"].ndim >= 3 else (0, 0)
    fits = all(arrays[name].shape[:2] == (rows, length) and arrays[name].ndim >= 3 for name in names)
    if odd := [name for name, array in arrays.items() if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8]:
        raise DataError(f"{path}: {odd[0]} must hold bool, int or float numbers, got {arrays[odd[0]].dtype}")
    if not all(np.isfinite(arrays[name]).all() for name in names):
        raise DataError(f"{path}: the segments hold numbers that are not finite; leave their rows out")
    for theirs in _KEYS.values():
        kinds = [(array.dtype, array.shape[2:]) for array in (arrays[f"{theirs}_1"], arrays[f"{theirs}_2"])]
        if fits and kinds[0] != kinds[1]:
            raise DataError(f"{path}: {theirs}_1 and {theirs}_2 must be of one type and size, got {kinds}")
    if not fits or arrays["label"].shape != (rows,) or not rows * length:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise DataError(f"{path}: expected (N, T, ...) segments and (N,) labels, got {shapes}")
    return arrays
