"""What questions of a run are about, and where its labels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.data.episodes import EpisodeStore
from robopref.labelers.people.settings import LabelSettings
from robopref.records import Item, Query

Values = NDArray[np.float64]
CANDIDATES = "candidates"  # name of the dataset of a run's candidates


@dataclass(frozen=True)
class Subject:
    """What questions are about.

    Attributes:
        source: Name of the dataset of the items.
        dataset: The dataset.
        pool: All that could be asked.
        rewards: Finds out what happens in each step of an item, (T,), for those who know it.
        outcomes: Tries candidates out, (S, N); None for items that are no candidates.
    """

    source: str
    dataset: EpisodeStore
    pool: Sequence[Query]
    rewards: Callable[[], Callable[[Item], Values]]
    outcomes: Callable[[], Values] | None = None


def label_database(folder: Path, settings: object) -> str:
    """Where the labels of a run are.

    Args:
        folder: The run folder.
        settings: Of the labeler.

    Returns:
        Path or URL.
    """
    url = settings.database if isinstance(settings, LabelSettings) else None
    return url or str(folder / "labels.sqlite")


def guide(context: Context, dataset: EpisodeStore) -> NDArray[np.float32] | None:
    """The target shape of the task, if it has one, to be drawn beside what was recorded in that task.

    Args:
        context: Of the run.
        dataset: What is shown; a shape in the plane is drawn at the height of its points.

    Returns:
        (V, 3), m.
    """
    if "env" not in context.config or dataset.attrs.get("task") != context.pool.task.spec.id:
        return None
    shape = getattr(context.pool.task.env, "outline", None)
    if shape is None:
        return None
    if shape.shape[1] == 3:
        return shape.astype(np.float32)
    height = np.median(dataset.array("points", 0, 1)[0, :, 2])
    return np.column_stack([shape, np.full(len(shape), height)]).astype(np.float32)
