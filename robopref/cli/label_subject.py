"""What questions of a run are about, and where its labels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes import EpisodeStore
from robopref.labelling.settings import LabelSettings
from robopref.types import Item, Query

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
