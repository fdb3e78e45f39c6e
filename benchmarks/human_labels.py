"""How well rewards predict what people prefer, from 100 pairs: cross-validated on the answers that are no ties.

The labels are the five files ``<task>_train.npz`` of Kim et al. (2023) as released with inverse preference learning
(Hejna and Sadigh 2023): HUMAN_PREFERENCES=<folder> make bench-human-labels. Everything runs on one core.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.records import Record, write
from robopref.data.label_formats import inverse_preference_learning
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.labels.segment_pairs import gather_segments, summary_features
from robopref.evaluation.intervals import Bootstrap
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.ties import davidson
from robopref.protocols import Objective
from robopref.records import Item
from robopref.rewards.linear import fit_linear_by_evidence
from robopref.rewards.radial import RadialFeatures
from robopref.rewards.segment import SegmentReward

TASKS = ("lift", "can", "square", "hopper", "walker2d")
FOLDS, REPEATS = 5, 5
STEPS, WIDTH = 100, 32
BOOTSTRAP = Bootstrap(0.95, 10_000, 0)

KEYS = ("state", "action")
Method = Callable[[Comparisons, Comparisons, int], np.ndarray]


def main() -> None:
    """Cross-validate every method on every task and write the result."""
    folder = os.environ.get("HUMAN_PREFERENCES")
    if not folder:
        sys.exit("say where the labels are: HUMAN_PREFERENCES=<folder of <task>_train.npz> make bench-human-labels")
    torch.set_num_threads(1)
    data = {task: load(Path(folder) / f"{task}_train.npz") for task in TASKS}
    right: dict[str, dict[str, np.ndarray]] = {name: {} for name in METHODS}
    for name, method in METHODS.items():
        begun = time.monotonic()
        for task, pairs in data.items():
            right[name][task] = cross_validate(method, pairs)
        shown = "  ".join(f"{task} {100 * right[name][task].mean():4.1f}" for task in TASKS)
        print(f"{name:<58} {shown}  ({time.monotonic() - begun:.0f} s)", flush=True)
    records = [accuracy(name, task, right[name][task]) for name in METHODS for task in TASKS]
    records += [together(name, right[name]) for name in METHODS]
    records += [gain(name, right[name], right[PLAIN]) for name in METHODS if name not in (PLAIN, PLACE)]
    print(f"result: {write('human_labels', records)}")


def load(path: Path) -> Comparisons:
    """Answered pairs of one task."""
    labels = inverse_preference_learning.read(path, Naming())
    (segments,) = labels.segments.values()
    length = len(segments[0]["action"])

    def lookup(item: Item) -> dict[str, np.ndarray]:
        return segments[item.start // length]

    return gather_segments(labels.queries, labels.feedback, lookup)


def cross_validate(method: Method, pairs: Comparisons) -> np.ndarray:
    """Share of repeats in which each strict answer was predicted by a model that had not seen it, (strict pairs,)."""
    lean = (2 * pairs.target.p[:, 0, 1] - 1).numpy()
    right = np.zeros((REPEATS, len(lean)))
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(len(lean))
        for fold in range(FOLDS):
            held_out = np.sort(order[fold::FOLDS])
            seen = np.setdiff1d(order, held_out)
            margin = method(pairs[torch.as_tensor(seen)], pairs[torch.as_tensor(held_out)], repeat * FOLDS + fold)
            right[repeat, held_out] = 0.5 + 0.5 * np.sign(margin) * np.sign(lean[held_out])
    return right.mean(axis=0)[lean != 0]


def place(seen: Comparisons, held_out: Comparisons, seed: int) -> np.ndarray:
    """Always the place, first or second, that was preferred more often; looks at no segment."""
    del seed
    return np.full(len(held_out), float((seen.target.p[:, 0, 1] - 0.5).sum()))


class AsRecorded(SegmentReward):
    """A reward of steps that are left as they are."""

    def standardise(self, items: Items) -> None:
        """Leave mean and spread."""


def network(
    seen: Comparisons,
    held_out: Comparisons,
    seed: int,
    *,
    members: int = 1,
    standardised: bool = True,
    objective: Objective | None = None,
    decay: float = 0.01,
    keep: float = 1.0,
    width: int = WIDTH,
) -> np.ndarray:
    """Margins of a reward network, or an ensemble, trained with these settings."""
    torch.manual_seed(seed)
    channels = sum(value.shape[-1] for value in seen.items.steps.values())
    reward = (SegmentReward if standardised else AsRecorded)(list(KEYS), channels, members=members, width=width)
    if standardised:
        # Mean in place of sum of the step rewards: a margin begins near zero however long the segments are.
        seen, held_out = (
            replace(part, items=replace(part.items, weight=part.items.weight / part.items.weight.shape[2]))
            for part in (seen, held_out)
        )
    if objective is None:
        lean = (2 * seen.target.p[:, 0, 1] - 1).abs()
        share = float((lean == 0).float().mean().clamp(0.05, 0.9))
        objective = partial(davidson, ties=share)
    config = FitConfig(STEPS, 1e-3, decay, ema=0.95, log_every=STEPS, save_every=STEPS)
    train_reward(reward, seen, objective, config, seed=seed, batches=Batches(16, keep=keep))
    with torch.no_grad():
        value = reward.score(held_out.items).value
    return (value[:, 0] - value[:, 1]).numpy()


def linear(
    seen: Comparisons,
    held_out: Comparisons,
    seed: int,
    *,
    features: str = "summary",
    lengths: tuple = (),
) -> np.ndarray:
    """Margins of a Bayesian linear reward of summary features, or of a Gaussian process where lengths are given."""
    del seed
    old, new = (_features(pairs, features) for pairs in (seen, held_out))
    flat = old.reshape(-1, old.shape[-1])
    mean, std = flat.mean(0), flat.std(0)
    kept = std > 1e-6
    # A difference of two features then has a size of about one, however many features there are.
    old, new = ((one[..., kept] - mean[kept]) / std[kept] / np.sqrt(kept.sum()) for one in (old, new))
    p = seen.target.p[:, 0, 1].numpy().astype(np.float64)
    tried = []
    for length in lengths or (None,):
        spread = RadialFeatures(old.reshape(-1, old.shape[-1]), length) if length else np.asarray
        rows = spread(old)
        tried.append((fit_linear_by_evidence(rows[:, 0], rows[:, 1], p, scales=(0.3, 1, 3, 10)), spread(new)))
    reward, rows = max(tried, key=lambda one: one[0].evidence)
    value = reward.score(rows)
    return value[:, 0] - value[:, 1]


def _features(pairs: Comparisons, kind: str) -> np.ndarray:
    steps = np.concatenate([pairs.items.part(key).numpy() for key in KEYS], axis=-1)
    summary = summary_features(steps, pairs.items.weight.numpy())
    return summary[..., : steps.shape[-1]] if kind == "mean" else summary


def accuracy(name: str, task: str, right: np.ndarray) -> Record:
    """Accuracy on one task."""
    found = interval(right)
    return Record(f"{task}: strict answers of people predicted by {name}", *found, "", None, "share", len(right))


def together(name: str, right: dict[str, np.ndarray]) -> Record:
    """Mean accuracy over tasks."""
    value = float(np.mean([rows.mean() for rows in right.values()]))
    drawn = pooled(list(right.values()))
    n = sum(len(rows) for rows in right.values())
    return Record(f"mean of tasks: strict answers predicted by {name}", value, *drawn, "", None, "share", n)


def gain(name: str, right: dict[str, np.ndarray], plain: dict[str, np.ndarray]) -> Record:
    """Mean gain over the plain network, paired by answer."""
    rows = [right[task] - plain[task] for task in right]
    value = float(np.mean([one.mean() for one in rows]))
    low, high = pooled(rows)
    n = sum(len(one) for one in rows)
    return Record(f"mean of tasks: gain of {name} over {PLAIN}", value, low, high, "> 0", low > 0, "share", n)


def interval(rows: np.ndarray) -> tuple[float, float, float]:
    """Mean of answers with a bootstrap interval over them."""
    found = BOOTSTRAP.interval(float(rows.mean()), BOOTSTRAP.means([rows[:, None]])[:, 0], len(rows))
    return found.mean, found.low, found.high


def pooled(tasks: list[np.ndarray]) -> tuple[float, float]:
    """Bootstrap interval of the mean of tasks: these tasks, other answers."""
    drawn = np.mean([BOOTSTRAP.means([rows[:, None]])[:, 0] for rows in tasks], axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


PLAIN = "a plain Bradley-Terry network"
PLACE = "the place preferred more often"
METHODS: dict[str, Method] = {
    PLACE: place,
    PLAIN: partial(network, standardised=False, objective=bradley_terry),
    "a network on standardised steps": partial(network, objective=bradley_terry, keep=0.2),
    "an ensemble, ties as halves": partial(network, members=5, objective=bradley_terry, keep=0.1),
    "an ensemble, ties modelled": partial(network, members=5, keep=0.1),
    "an ensemble, ties modelled, small and decayed": partial(network, members=5, keep=0.1, width=16, decay=1.0),
    "a linear reward of mean steps": partial(linear, features="mean"),
    "a linear reward of summary features": linear,
    "a Gaussian process of summary features": partial(linear, lengths=(0.5, 1.0, 2.0)),
}

if __name__ == "__main__":
    main()
