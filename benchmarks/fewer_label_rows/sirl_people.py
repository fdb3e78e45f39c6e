"""Real people's segments: a network from scratch, a head on an autoencoder of them, and one on an untrained network.

The files are those of `human_labels.py`, 100 pairs each (HUMAN_PREFERENCES=<folder>). Nobody was asked which of these
segments are alike, so that an embedding of such answers cannot be compared on them; of those that need no answers, an
autoencoder and an untrained network can. Five folds a seed, strict answers only; all learn from 25 pairs of a fold's
four fifths, and from all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.human_labels import FOLDS, KEYS, STEPS, TASKS, WIDTH, load, pooled
from benchmarks.records import Record
from robopref.data.labels.segment_pairs import averaged
from robopref.data.labels.triplets import Triplets
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.embedding_autoencoder import from_reconstruction
from robopref.learning.embedding_training import EmbeddingData, EmbeddingFit, untrained
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import Embedding, embedding_for_items
from robopref.rewards.segment import SegmentReward

SIZE, FEW, ALL = 6, 25, 80
WAYS = {"scratch": "a network from scratch", "autoencoder": "a head on an autoencoder",
        "untrained": "a head on an untrained network"}  # fmt: skip
ALONE = EmbeddingFit(FitConfig(300, 4e-3, weight_decay=1e-3, ema=0.98, log_every=300), Batches(size=16))


def measure(seed: int) -> dict[str, Any]:
    """By way of learning, pairs and task: whether each strict answer was predicted, as plain values."""
    folder = os.environ.get("HUMAN_PREFERENCES")
    if not folder:
        raise ConfigError(
            "say where the labels are: HUMAN_PREFERENCES=<folder of <task>_train.npz> make bench-fewer-labels"
        )
    found: dict[str, Any] = {}
    for task in TASKS:
        pairs = averaged(load(Path(folder) / f"{task}_train.npz"))
        made = {name: _embedding(pairs, method, seed)
                for name, method in (("autoencoder", from_reconstruction), ("untrained", untrained))}  # fmt: skip
        for some in (FEW, ALL):
            for way in WAYS:
                found[f"{way} {some} {task}"] = _validated(pairs, made.get(way), some, seed)
    return found


def _embedding(pairs: Comparisons, method: Callable[..., Any], seed: int) -> Embedding:
    torch.manual_seed(seed)
    embedding = embedding_for_items(pairs.items, size=SIZE, width=WIDTH)

    def nothing() -> Triplets:
        raise AssertionError

    method(embedding, EmbeddingData(nothing, lambda: pairs.items, dict), ALONE)
    return embedding


def _validated(pairs: Comparisons, embedding: Embedding | None, some: int, seed: int) -> list[float]:
    lean = (2 * pairs.target.p[:, 0, 1] - 1).numpy()  # type: ignore[union-attr]
    right, order = np.zeros(len(lean)), np.random.default_rng(seed).permutation(len(lean))
    for fold in range(FOLDS):
        held_out = np.sort(order[fold::FOLDS])
        seen = pairs[torch.as_tensor(np.setdiff1d(order, held_out, assume_unique=True)[:some])]
        torch.manual_seed(seed * FOLDS + fold)
        channels = sum(value.shape[-1] for value in seen.items.steps.values())
        reward: nn.Module = (
            SegmentReward(list(KEYS), channels, members=2, width=WIDTH)
            if embedding is None
            else EmbeddingReward(embedding)
        )
        rate = 1e-3 if embedding is None else 2e-2
        config = FitConfig(STEPS, rate, 0.01, ema=0.95, log_every=STEPS, save_every=STEPS)
        train_reward(reward, seen, bradley_terry, config, seed=seed, batches=Batches(16))
        with torch.no_grad():
            value = reward.score(pairs[torch.as_tensor(held_out)].items).value
        margin = (value[:, 0] - value[:, 1]).numpy()
        right[held_out] = 0.5 + 0.5 * np.sign(margin) * np.sign(lean[held_out])
    return right[lean != 0].tolist()


def records(found: list[dict[str, Any]]) -> list[Record]:
    made: list[Record] = []
    for some in (FEW, ALL):
        rows = {
            way: [np.mean([one[f"{way} {some} {task}"] for one in found], axis=0) for task in TASKS] for way in WAYS
        }
        told = f"{some} pairs"
        made += [_mean(f"mean of tasks, {told}: answers of people predicted by {said}", rows[way])
                 for way, said in WAYS.items()]  # fmt: skip
        for way in ("autoencoder", "untrained"):
            gains = [one - other for one, other in zip(rows[way], rows["scratch"], strict=True)]
            made.append(_mean(f"mean of tasks, {told}: gain of {WAYS[way]} over from scratch", gains, "> 0"))
    return made


def _mean(claim: str, rows: list[np.ndarray], target: str = "") -> Record:
    value = float(np.mean([one.mean() for one in rows]))
    low, high = pooled(rows)
    return Record(
        claim, round(value, 4), round(low, 4), round(high, 4), target, low > 0 if target else None, "share",
        sum(map(len, rows)),
    )  # fmt: skip
