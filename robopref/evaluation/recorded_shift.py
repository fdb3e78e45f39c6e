"""How a learnt reward does where recorded data are unlike what was labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.evaluation.reward_shift import ShiftReport, shift_report
from robopref.querying.segment_queries import segment_queries
from robopref.records import Item
from robopref.rewards.labelled import step_features
from robopref.rewards.segment import SegmentReward


def recorded_shift(
    store: EpisodeStore, reward: SegmentReward, name: str, *, length: int, pairs: int, truth: str, seed: int = 0
) -> ShiftReport:
    """Look at a relabelled dataset; see `shift_report`.

    Args:
        store: The dataset.
        reward: The reward, which knows what it was trained on.
        name: Of the array of its rewards.
        length: Steps of a segment, fewer where no episode has as many.
        pairs: Of segments to look at, at most.
        truth: Array of the true rewards; one that is not there is not gone by.
        seed: Of the choice of segments.

    Returns:
        The report.

    Raises:
        DataError: The reward does not know what it was trained on.
    """
    labelled = reward.labelled
    if labelled is None:
        raise DataError("the reward does not say which steps it was trained on; train it again")
    longest = int(np.diff(store.episode_ends, prepend=0).max())
    # Other segments than were labelled, which are drawn by seeds below a million.
    chosen = segment_queries(
        store.path.stem, store.episode_ends, length=min(length, longest), count=pairs, seed=seed + 1_000_003
    )

    def seen(item: Item) -> dict[str, NDArray[Any]]:
        return steps_of(store, reward.keys, item.start, item.stop)

    def array(key: str) -> Callable[[Item], NDArray[Any]]:
        return lambda item: store.array(key, item.start, item.stop).reshape(-1)

    def outside(item: Item) -> NDArray[Any]:
        arrays = {key: torch.as_tensor(value) for key, value in seen(item).items()}
        return labelled.outside(step_features(*reward.inputs(arrays))).cpu().numpy()

    def spread(item: Item) -> NDArray[Any]:
        return reward.reward_each(seen(item), np.arange(item.stop - item.start)).std(0).cpu().numpy()

    return shift_report(
        chosen, outside=outside, reward=array(name), spread=spread if reward.count > 1 else None,
        truth=array(truth) if truth in store.keys and truth != name else None,
    )  # fmt: skip
