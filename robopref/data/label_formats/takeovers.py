"""Pairs around take-overs of a recorded deployment: what an operator did is better than what made them take over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query

_MARKS = ("operator", "taken_over")


def read(path: Path, naming: Naming) -> Labels:
    """Read the take-overs of a store; its items belong to a dataset of its name unless `naming` names another.

    Args:
        path: Store that `robopref deploy` recorded to, with ``operator`` and ``taken_over`` of every step.
        naming: What the store does not say; ``length`` is needed.

    Returns:
        One query and one answer a take-over: the ``length`` steps that the operator moved the robot by hand right after
        it, in the same episode, are better than as many before it, in which the policy acted. Take-overs without so
        many steps on both sides say nothing. The segments themselves are in the store.

    Raises:
        DataError: The store is missing, damaged, or says nothing of who acted; no length is given; or no take-over has
            so many steps on both sides.
    """
    if naming.length is None:
        raise DataError(f"{path}: how much before and after a take-over is compared is not said; give length=<steps>")
    store, length, source = EpisodeStore.open(path), naming.length, naming.source or path.stem
    operator, taken_over = (_mark(store, name) for name in _MARKS)
    steps = np.flatnonzero(taken_over)
    queries, feedback = list[Query](), list[Feedback]()
    for last in steps.tolist():
        episode = int(np.searchsorted(store.episode_ends, last, side="right"))
        begin, end = np.append(0, store.episode_ends)[episode : episode + 2].tolist()
        start, middle, stop = last + 1 - length, last + 1, last + 1 + length
        if start < begin or stop > end or operator[start:middle].any() or not operator[middle:stop].all():
            continue
        items = (Item(source, middle, stop), Item(source, start, middle))
        queries.append(Query(f"{source}/takeover/{last}-{length}", "pair", items))
        feedback.append(Feedback(queries[-1].id, Preference(1.0), naming.labeler))
    if not queries:
        raise DataError(
            f"{path}: none of {len(steps)} take-overs has {length} steps of the policy before it and as many by hand "
            "after it; give a smaller length=<steps>, or recordings with others"
        )
    return Labels(queries, feedback)


def _mark(store: EpisodeStore, name: str) -> NDArray[np.bool_]:
    found = store.array(name) if name in store.keys else None
    if found is None or found.ndim != 1 or found.dtype != np.bool_:
        raise DataError(
            f"{store.path} has no {name}, true or false at every step; expected what robopref deploy records"
        )
    return found
