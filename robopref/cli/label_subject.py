"""Where the labels of a run are, whose answers count, and what is drawn beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.data.episodes.store import EpisodeStore
from robopref.labelers.people.label_settings import LabelSettings
from robopref.robots.env_abilities import outline_of

CANDIDATES = "candidates"  # name of the dataset of a run's candidates


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
    shape = outline_of(context.pool.task.env)
    if shape is None:
        return None
    if shape.shape[1] == 3:
        return shape.astype(np.float32)
    height = np.median(dataset.array("points", 0, 1)[0, :, 2])
    return np.column_stack([shape, np.full(len(shape), height)]).astype(np.float32)
