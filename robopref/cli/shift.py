"""How a learnt reward does where the data are unlike what was labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.evaluation.reward_shift import LARGEST_LOSS, MEAN_LOSS, shift_report, shift_rows
from robopref.files import write_json
from robopref.querying.segment_queries import segment_queries
from robopref.records import Item
from robopref.rewards.labelled import step_features
from robopref.rewards.segment import SegmentReward


def report_shift(context: Context, store: EpisodeStore, reward: SegmentReward, name: str) -> None:
    """Print the report on shift, and keep it as ``shift.json``.

    Args:
        context: Of the run.
        store: A relabelled dataset.
        reward: The reward, which knows what it was trained on.
        name: Of the array of its rewards.
    """
    label, labelled = context.config.label, reward.labelled
    if labelled is None:
        return
    longest = int(np.diff(store.episode_ends, prepend=0).max())
    pairs = segment_queries(
        store.path.stem, store.episode_ends, length=min(int(label.segments.length), longest),
        count=int(context.config.relabel.pairs), seed=context.seed + 1_000_003,
    )  # fmt: skip

    def seen(item: Item) -> dict[str, NDArray[Any]]:
        return steps_of(store, reward.keys, item.start, item.stop)

    def array(key: str) -> Callable[[Item], NDArray[Any]]:
        return lambda item: store.array(key, item.start, item.stop).reshape(-1)

    truth = str(label.truth)
    report = shift_report(
        pairs,
        outside=lambda item: labelled.outside(step_features(*reward.parts(_tensors(seen(item))))).cpu().numpy(),
        reward=array(name),
        spread=(lambda item: reward.reward_each(seen(item), np.arange(item.stop - item.start)).std(0).cpu().numpy())
        if reward.count > 1
        else None,
        truth=array(truth) if truth in store.keys and truth != name else None,
    )
    print_table(context.console, "Where the reward is asked about what was not labelled", shift_rows(report))
    for warning in report.warnings:
        context.console.print(
            f"the reward {warning}; label segments of these data as well. For comparison: implicit rewards lost "
            f"{MEAN_LOSS:.0%} on average and {LARGEST_LOSS:.0%} at most (docs/offline.md)",
            soft_wrap=True,
        )
    write_json(context.folder / "shift.json", {**_known(asdict(report)), "warnings": list(report.warnings)})


def _tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    return {key: torch.as_tensor(value) for key, value in arrays.items()}


def _known(values: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(values, dict):
        return {key: _known(value) for key, value in values.items()}
    return None if isinstance(values, float) and not np.isfinite(values) else values
