"""Real people: do peer review and cuts help a network that predicts answers of people, whole and cut short?

The files are those of `human_labels.py`, 100 pairs each (HUMAN_PREFERENCES=<folder>), of which nobody says who
answered, so that persons cannot be told apart. Five folds a seed, strict answers only; a cut is a stretch of both
segments of a held-out pair at random places, whose answer is taken to be that of the whole. Wrong are taken to be 20 %
of the answers, as people repeat their own .79 of the time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.human_labels import FOLDS, KEYS, STEPS, TASKS, WIDTH, interval, load, pooled
from benchmarks.records import Record
from robopref.data.filters.peer_review import PeerReview
from robopref.data.labels.segment_pairs import averaged
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.segment import SegmentReward

LENGTHS = (25, 35, 50)
BATCHES = {
    "plain": Batches(16),
    "cuts": Batches(16, cuts=LENGTHS),
    "review": Batches(16, filters=(PeerReview(noise=0.2),)),
    "review and cuts": Batches(16, cuts=LENGTHS, filters=(PeerReview(noise=0.2),)),
}
WHOLE = "whole"


def measure(seed: int) -> dict[str, Any]:
    """By way of training, task and length: whether each strict answer was predicted, as plain values."""
    folder = os.environ.get("HUMAN_PREFERENCES")
    if not folder:
        raise ConfigError("say where the labels are: HUMAN_PREFERENCES=<folder of <task>_train.npz> make bench-people")
    found: dict[str, Any] = {way: {} for way in BATCHES}
    for task in TASKS:
        pairs = averaged(load(Path(folder) / f"{task}_train.npz"))
        for way, batches in BATCHES.items():
            found[way][task] = validated(pairs, batches, seed)
    return found


def validated(pairs: Comparisons, batches: Batches, seed: int) -> dict[str, list[float]]:
    """Whether each strict answer was predicted by a reward that had not seen it, by length of the held-out segments."""
    lean = (2 * pairs.target.p[:, 0, 1] - 1).numpy()
    longest = pairs.items.weight.shape[2]
    lengths = {WHOLE: longest} | {str(length): length for length in LENGTHS if length < longest}
    right = {name: np.zeros(len(lean)) for name in lengths}
    order = np.random.default_rng(seed).permutation(len(lean))
    for fold in range(FOLDS):
        held_out = np.sort(order[fold::FOLDS])
        seen = pairs[torch.as_tensor(np.setdiff1d(order, held_out))]
        torch.manual_seed(seed * FOLDS + fold)
        channels = sum(value.shape[-1] for value in seen.items.steps.values())
        reward = SegmentReward(list(KEYS), channels, members=2, width=WIDTH)
        config = FitConfig(STEPS, 1e-3, 0.01, ema=0.95, log_every=STEPS, save_every=STEPS)
        train_reward(reward, seen, bradley_terry, config, seed=seed, batches=batches)
        generator = torch.Generator().manual_seed(seed)
        for name, length in lengths.items():
            items = pairs[torch.as_tensor(held_out)].items.cut(length, generator)
            with torch.no_grad():
                value = reward.score(items).value
            margin = (value[:, 0] - value[:, 1]).numpy()
            right[name][held_out] = 0.5 + 0.5 * np.sign(margin) * np.sign(lean[held_out])
    return {name: rows[lean != 0].tolist() for name, rows in right.items()}


def records(found: list[dict[str, Any]]) -> list[Record]:
    made: list[Record] = []
    names = (WHOLE, *map(str, LENGTHS))
    for name in names:
        told = "whole segments" if name == WHOLE else f"segments cut to {name} steps"
        rows = {way: _rows(found, way, name) for way in BATCHES}
        made += [_mean(f"mean of tasks: strict answers predicted, {way}, {told}", rows[way], "") for way in BATCHES]
        for way in ("cuts", "review", "review and cuts"):
            gains = {task: rows[way][task] - rows["plain"][task] for task in rows[way]}
            made.append(_mean(f"mean of tasks: gain of {way} over plain, {told}", gains, "> 0"))
    for name in (WHOLE, "25"):
        for way in ("plain", "cuts"):
            one = interval(_rows(found, way, name)["square"])
            told = "whole segments" if name == WHOLE else f"segments cut to {name} steps"
            made.append(Record(f"square: strict answers predicted, {way}, {told}", *one, "", None, "share", 72))
    return made


def _rows(found: list[dict[str, Any]], way: str, name: str) -> dict[str, np.ndarray]:
    """Of each task that has this length, the share of seeds in which each answer was predicted."""
    return {
        task: np.mean([one[way][task][name] for one in found], axis=0) for task in TASKS if name in found[0][way][task]
    }


def _mean(claim: str, rows: Mapping[str, np.ndarray], target: str) -> Record:
    value = float(np.mean([one.mean() for one in rows.values()]))
    low, high = pooled(list(rows.values()))
    holds = low > 0 if target else None
    rounded = partial(round, ndigits=4)
    return Record(
        claim, rounded(value), rounded(low), rounded(high), target, holds, "share", sum(map(len, rows.values()))
    )
