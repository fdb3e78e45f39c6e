"""What a task reports while a run's candidates are carried out, on disk; goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.candidate_store import GROWN
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.labelers.subject import Session
from robopref.learning.candidate_files import Stage
from robopref.learning.collect import open_store
from robopref.robots.measures import measured
from robopref.robots.sim import SimPool

_BLOCK = 10


def measured_candidates(
    path: Path, pool: SimPool, candidates: EpisodeStore, stage: Stage = Session.stage
) -> dict[str, NDArray[np.float64]]:
    """What is reported after each action of every candidate.

    Args:
        path: Episode store of the measures, to create or continue.
        pool: Runs the task.
        candidates: As `robopref.learning.candidate_files.store_candidates` stores them.
        stage: Shows a bar.

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
            rows = list(pool.map(measured, list(zip(snapshots[block], chunks[block], strict=True))))
            store.append({name: np.stack([row[name] for row in rows]) for name in (store.keys or rows[0])})
            bar(first + len(rows), len(chunks))
    found = {name: np.asarray(store.array(name), np.float64) for name in store.keys}
    for name, values in found.items():
        if values.shape != chunks.shape[:3]:
            raise DataError(
                f"{path} is damaged: {name} must be {chunks.shape[:3]}, got {values.shape}; remove it, so that the "
                "candidates are measured again"
            )
    return found
