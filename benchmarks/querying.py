"""How many answers it takes to learn a reward, by what is asked.

On a known linear reward: items have ten standard normal features, and answers follow Bradley-Terry. The learner is the
Bayesian linear reward with the right prior; it asks batches of five pairs out of a pool of 2,000, and is judged by how
many of 2,000 other pairs it orders as the true reward does.

On rope: the pairs are those of 8 candidate actions in each of 70 states, answered by what the actions achieve in
simulation, and pairs in 30 other states are held out. The learner is a Gaussian process, the scale of its weights
chosen by evidence, of actions (18 hand-made features of an action among the points) or of outcomes (13 moments of the
points after it). The candidates are those that `make bench-rope` leaves
behind: ROPE=<folder>, runs/bench-rope if it is not given. Without them these records are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.records import Record, labels_ratio, write
from robopref.data.episodes.store import EpisodeStore
from robopref.querying.candidate_queries import RandomSelector
from robopref.querying.selectors.information import disagreement, entropy, mutual_information, predictive_information
from robopref.querying.selectors.informed import InformedSelector
from robopref.records import ActionGeometry, Item, Query
from robopref.rewards.linear import LinearReward, fit_linear_by_evidence
from robopref.rewards.radial import RadialFeatures

SEEDS, FEATURES, POOL, TESTED = 6, 10, 2000, 2000
BATCH, MEMBERS = 5, 64
ROPE = Path(os.environ.get("ROPE", "runs/bench-rope"))
ROPE_SEEDS, SEEN, EQUAL, LENGTH = 6, 70, 0.003, 2.0


@dataclass(frozen=True)
class Task:
    """Something to learn: features (items, F), pairs to ask, answers to them, held-out pairs, and scales of weights."""

    features: np.ndarray
    pool: np.ndarray  # (N, 2) items
    answer: Callable[[int, int, np.random.Generator], float]
    tested: np.ndarray  # (M, F) differences of features
    truth: np.ndarray  # (M,) sign of the first item's advantage
    scales: tuple[float, ...]


Choice = Callable[[list[Query], np.ndarray, LinearReward, np.random.Generator], list[Query]]


def main() -> None:
    """Measure every way of asking and write the result."""
    torch.set_num_threads(1)
    records = []
    settings = {
        "clear answers": (partial(linear_task, strength=1.0), SEEDS, 200),
        "noisy answers": (partial(linear_task, strength=0.3), SEEDS, 200),
    }
    there = [seed for seed in range(ROPE_SEEDS) if (ROPE / f"seed-{seed}" / "outcomes.zarr").exists()]
    if there:
        settings["rope"] = (partial(rope_task, describe=action_features), len(there), 100)
        settings["rope, outcomes"] = (partial(rope_task, describe=outcome_features), len(there), 100)
    else:
        print(f"no candidates at {ROPE}; run make bench-rope, or say where they are: ROPE=<folder>")
    for setting, (make, seeds, budget) in settings.items():
        tasks, curves = [make(seed) for seed in range(seeds)], {}
        for name, choose in CHOICES.items():
            begun = time.monotonic()
            curves[name] = np.array([learn(task, choose, budget, seed) for seed, task in enumerate(tasks)])
            shown = curves[name].mean(0)[[1, 3, 9, 19, -1]].round(3)
            print(f"{setting} {name:<30} {shown} ({time.monotonic() - begun:.0f} s)", flush=True)
        records += [labels(setting, name, curves, budget) for name in CHOICES if name != "random"]
        records += [reached(setting, name, curves[name], budget) for name in CHOICES]
    for record in records:
        print(f"{record.value:6.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('querying', records)}")


def linear_task(seed: int, *, strength: float) -> Task:
    """A known linear reward; `strength` is the standard deviation of its weights."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=FEATURES) * strength
    features = rng.normal(size=(2 * POOL, FEATURES))
    tested = rng.normal(size=(TESTED, FEATURES)) - rng.normal(size=(TESTED, FEATURES))

    def answer(one: int, two: int, rng: np.random.Generator) -> float:
        return float(rng.random() < 1 / (1 + np.exp(-truth @ (features[one] - features[two]))))

    return Task(features, np.arange(2 * POOL).reshape(-1, 2), answer, tested, np.sign(tested @ truth), (strength,))


def rope_task(seed: int, *, describe: Callable[[Path], np.ndarray]) -> Task:
    """Candidates of one seed of `make bench-rope`; what they achieve is the answer."""
    folder = ROPE / f"seed-{seed}"
    outcome = EpisodeStore.open(folder / "outcomes.zarr").array("outcome")
    raw = describe(folder)
    raw = (raw - raw.mean((0, 1))) / raw.std((0, 1)) / np.sqrt(raw.shape[-1])
    spread = RadialFeatures(raw[:SEEN].reshape(-1, raw.shape[-1])[::4], LENGTH)
    states, count = outcome.shape
    features, gained = spread(raw).reshape(states * count, -1), outcome.reshape(-1)
    one, two = np.triu_indices(count, 1)
    pairs = np.stack([np.add.outer(count * np.arange(states), one), np.add.outer(count * np.arange(states), two)], -1)
    held_out = pairs[SEEN:].reshape(-1, 2)
    better = gained[held_out[:, 0]] - gained[held_out[:, 1]]
    held_out, better = held_out[np.abs(better) > EQUAL], better[np.abs(better) > EQUAL]

    def answer(one: int, two: int, rng: np.random.Generator) -> float:
        del rng
        difference = gained[one] - gained[two]
        return 0.5 if abs(difference) <= EQUAL else float(difference > 0)

    tested = features[held_out[:, 0]] - features[held_out[:, 1]]
    return Task(features, pairs[:SEEN].reshape(-1, 2), answer, tested, np.sign(better), (1.0, 3.0, 10.0))


def outcome_features(folder: Path) -> np.ndarray:
    """Where the points are after an action, (S, K, 13); mirror images, which are worth the same, are described alike.

    Moments up to the third along both axes, and how far from either the points are: nothing says that a line is wanted.
    """
    after = EpisodeStore.open(folder / "outcomes.zarr").array("next_points")[..., :2].astype(np.float64)
    middle = after.mean(axis=2)
    apart, far = after - middle[:, :, None], np.quantile(np.abs(after), (0.1, 0.5, 0.9), axis=2)
    return np.concatenate(
        [
            np.abs(middle), after.std(axis=2), np.abs(apart.prod(axis=-1).mean(axis=2))[..., None],
            *far, np.abs((apart**3).mean(axis=2)),
        ], axis=-1,
    )  # fmt: skip


def action_features(folder: Path) -> np.ndarray:
    """Where an action picks and places relative to the points and to the line, (S, K, 18); the line is the x axis."""
    store = EpisodeStore.open(folder / "candidates.zarr")
    geometry = ActionGeometry.from_dict(store.attrs["geometry"])
    points, chunks = store.array("points")[..., :2], store.array("candidates")[:, :, 0]
    anchors = np.einsum("lca,ska->sklc", geometry.matrix, chunks) + geometry.offset
    pick, place = anchors[:, :, 0, :2], anchors[:, :, 1, :2]
    move, away = place - pick, np.linalg.norm(points[:, None] - pick[:, :, None], axis=-1)
    rows = [
        away.min(-1),
        np.linalg.norm(move, axis=-1),
        np.linalg.norm(pick - points.mean(1)[:, None], axis=-1),
        *np.abs(pick).transpose(2, 0, 1),
        *np.abs(place).transpose(2, 0, 1),
        *(np.abs(place) - np.abs(pick)).transpose(2, 0, 1),
    ]
    for reach in (0.02, 0.05, 0.1):
        # As if points near the pick moved along, and others stayed.
        near = np.exp(-(away**2) / (2 * reach**2))
        moved = points[:, None] + near[..., None] * move[:, :, None]
        nearer = np.abs(points[:, None, :, 1]).mean(-1) - np.abs(moved[..., 1]).mean(-1)
        rows += [near.max(-1), nearer, np.ptp(moved[..., 0], axis=-1) - np.ptp(points[..., 0], axis=-1)[:, None]]
    return np.stack(rows, -1).astype(np.float64)


def learn(task: Task, choose: Choice, budget: int, seed: int) -> np.ndarray:
    """Accuracy after each batch, (budget / BATCH,)."""
    rng = np.random.default_rng(seed)
    items = [Item("drawn", i, i + 1) for i in range(len(task.features))]
    pool = {str(i): Query(str(i), "pair", (items[one], items[two])) for i, (one, two) in enumerate(task.pool.tolist())}
    first, second, p, accuracy = list[int](), list[int](), list[float](), list[float]()
    reward = fit(task, first, second, p)
    for _ in range(budget // BATCH):
        for query in choose(list(pool.values()), task.features, reward, rng):
            one, two = (item.start for item in query.items)
            first.append(one)
            second.append(two)
            p.append(task.answer(one, two, rng))
            del pool[query.id]
        reward = fit(task, first, second, p)
        accuracy.append(float((0.5 + 0.5 * np.sign(task.tested @ reward.mean) * task.truth).mean()))
    return np.array(accuracy)


def fit(task: Task, first: list[int], second: list[int], p: list[float]) -> LinearReward:
    """The posterior after these answers."""
    one, two = (task.features[np.array(rows, dtype=np.int64)] for rows in (first, second))
    return fit_linear_by_evidence(one, two, np.array(p), scales=task.scales)


def by_chance(pool: list[Query], features: np.ndarray, reward: LinearReward, rng: np.random.Generator) -> list[Query]:
    """Any."""
    del features, reward
    return list(RandomSelector(int(rng.integers(2**31))).select(pool, BATCH))


def informed(measure: Callable[[np.ndarray], np.ndarray], *, diverse: bool) -> Choice:
    """By what an answer tells."""

    def choose(pool: list[Query], features: np.ndarray, reward: LinearReward, rng: np.random.Generator) -> list[Query]:
        drawn = reward.draws(features, MEMBERS, rng)
        embed = (lambda item: features[item.start]) if diverse else None
        return list(InformedSelector(lambda item: drawn[:, item.start], measure, embed=embed).select(pool, BATCH))

    return choose


def labels(setting: str, name: str, curves: dict[str, np.ndarray], budget: int) -> Record:
    """Answers needed for the accuracy that random pairs reach in the end, over those that random pairs need."""
    asked, chance = curves[name], curves["random"]
    value, low, high = labels_ratio(asked, chance, BATCH)
    claim = f"{setting}: labels that {name} needs for the accuracy of {budget} random ones, over those random ones need"
    enough = len(chance) >= 5
    target, holds = ("<= 0.5, 5 seeds", value <= 0.5 and enough) if name == "mutual information" else ("", None)
    return Record(claim, *(round(float(x), 3) for x in (value, low, high)), target, holds, "ratio", len(chance))


def reached(setting: str, name: str, curves: np.ndarray, budget: int) -> Record:
    """Accuracy in the end."""
    rows = np.random.default_rng(0).integers(len(curves), size=(2000, len(curves)))
    low, high = np.quantile(curves[rows, -1].mean(axis=1), [0.025, 0.975])
    claim = f"{setting}: held-out pairs ordered rightly after {budget} labels chosen by {name}"
    value = curves[:, -1].mean()
    return Record(claim, *(round(float(x), 3) for x in (value, low, high)), "", None, "share", len(curves))


CHOICES: dict[str, Choice] = {
    "random": by_chance,
    "entropy": informed(entropy, diverse=False),
    "disagreement": informed(disagreement, diverse=False),
    "mutual information": informed(mutual_information, diverse=False),
    "mutual information, diverse": informed(mutual_information, diverse=True),
    "predictive information": informed(predictive_information, diverse=False),
    "predictive information, diverse": informed(predictive_information, diverse=True),
}

if __name__ == "__main__":
    main()
