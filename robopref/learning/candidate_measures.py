"""What a task reports while a run's candidates are carried out, on disk; goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.candidate_store import GROWN
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.labelers.subject import Session
from robopref.learning.candidate_files import Stage
from robopref.learning.collect import open_store
from robopref.robots.reported import Measures, measured
from robopref.robots.sim import SimPool

_BLOCK = 10
_KNOWN = "known_"  # before the name of a measure: whether it was reported; stores hold finite numbers only


def measured_candidates(
    path: Path,
    pool: SimPool,
    candidates: EpisodeStore,
    stage: Stage = Session.stage,
    *,
    measure: Callable[..., Measures] = measured,
) -> dict[str, NDArray[np.float64]]:
    """What is reported after each action of every candidate.

    Args:
        path: Episode store of the measures, to create or continue.
        pool: Runs the task.
        candidates: As `robopref.learning.candidate_files.store_candidates` stores them.
        stage: Shows a bar.
        measure: What is taken of what the task reports: `measured`, or `robopref.robots.reported.featured`.

    Returns:
        (S, N, H) of each number of the task's ``info``, see `measured`.

    Raises:
        DataError: The store is of other candidates, or damaged.
    """
    store = open_store(path, {"candidates": candidates.attrs.get(GROWN) or candidates.fingerprint()})
    snapshots, chunks = candidates.array("snapshot"), candidates.array("candidates")
    with stage("Measure the candidates", "states") as bar:
        for first in range(store.steps, len(chunks), _BLOCK):
            block = slice(first, first + _BLOCK)
            rows = list(pool.map(measure, list(zip(snapshots[block], chunks[block], strict=True))))
            told = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            store.append({name: np.nan_to_num(values, nan=0.0) for name, values in told.items()}
                         | {f"{_KNOWN}{name}": np.isfinite(values) for name, values in told.items()})  # fmt: skip
            bar(first + len(rows), len(chunks))
    found: dict[str, NDArray[np.float64]] = {}
    for known in (key for key in store.keys if key.startswith(_KNOWN)):
        name = known.removeprefix(_KNOWN)
        values, told = (np.asarray(store.array(key)) if key in store.keys else np.zeros(0) for key in (name, known))
        if values.shape == told.shape == chunks.shape[:3]:
            found[name] = np.where(told, values, np.nan).astype(np.float64)
        else:
            raise DataError(
                f"{path} is damaged: {name} must be {chunks.shape[:3]}, got {values.shape}; remove it, so that the "
                "candidates are measured again"
            )
    return found
