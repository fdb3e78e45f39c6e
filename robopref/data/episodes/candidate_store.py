"""Candidate actions of states on disk, in a run folder that may be damaged, or come from somebody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError

CANDIDATES = "candidates"  # name of the dataset of a run's candidates
EXPLORED = "explored"  # name of that of candidates that were carried out without anybody who judged them
GROWN = "origin"  # attribute of a dataset that grows: tells it from others, as its content cannot
_BARE = {"candidates", "event", "episode", "step", "snapshot", "progress", "next_progress"}  # nothing that is observed
_FORMS = {"candidates": ("N", "H", "A"), "points": ("P", "3 or more"), "proprio": ("D",)}  # of each state


def open_candidates(path: Path) -> EpisodeStore:
    """Open a dataset of candidates, and see that it is one.

    Args:
        path: Its folder: S states, each with ``candidates`` (S, N, H, A), and what was observed: ``points`` (S, P, 3)
            or more values of each point, ``proprio`` (S, D), or whatever else the policy sees.

    Returns:
        The dataset, to read.

    Raises:
        DataError: There is none, or it is damaged: an array is missing, of another form, or not finite.
    """
    store = EpisodeStore.open(path)
    for name, form in _FORMS.items():
        if name != "candidates" and name not in store.keys and not _BARE.issuperset(store.keys):
            continue  # other parts are observed
        wrong = _wrong(store, name, form)
        if wrong:
            raise DataError(
                f"{path} is damaged: {wrong}; restore it from a copy, or remove it and its labels to draw anew"
            )
    return store


def _wrong(store: EpisodeStore, name: str, form: tuple[str, ...]) -> str:
    """What is wrong with an array; empty if nothing is."""
    if name not in store.keys:
        return f"it has no {name}, only {', '.join(store.keys) or 'no state'}"
    array = store.array(name)
    fits = array.dtype.kind in "fiu" and array.ndim == 1 + len(form)
    if not fits or (name != "proprio" and not array.size) or (name == "points" and array.shape[-1] < 3):
        return f"{name} must be numbers ({', '.join(form)}) in each state, got {array.dtype} {array.shape[1:]}"
    if not np.isfinite(array).all():
        return f"{name} of state {int(np.argwhere(~np.isfinite(array))[0][0])} is not finite"
    return ""
