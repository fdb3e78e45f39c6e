"""How many answers it takes to learn a known linear reward, by what is asked.

Items have ten standard normal features, the reward is linear, and answers follow Bradley-Terry. The learner is the
Bayesian linear reward with the right prior; it asks batches of five pairs out of a pool of 2,000, and is judged by how
many of 2,000 other pairs it orders as the true reward does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.records import Record, write
from robopref.querying.candidates import RandomSelector
from robopref.querying.selectors.information import disagreement, entropy, mutual_information
from robopref.querying.selectors.informed import InformedSelector
from robopref.rewards.linear import LinearReward, fit_linear
from robopref.types import Item, Query

SEEDS, FEATURES, POOL, TESTED = 10, 10, 2000, 2000
BATCH, BUDGET, MEMBERS = 5, 200, 64
# Standard deviation of the weights: a typical pair is answered rightly by nine in ten, or by seven in ten.
STRENGTHS = {"clear": 1.0, "noisy": 0.3}

Choice = Callable[[list[Query], np.ndarray, LinearReward, np.random.Generator], list[Query]]


def main() -> None:
    """Measure every way of asking and write the result."""
    torch.set_num_threads(1)
    records = []
    for answers, strength in STRENGTHS.items():
        curves = {}
        for name, choose in CHOICES.items():
            begun = time.monotonic()
            curves[name] = np.array([learn(choose, strength, seed) for seed in range(SEEDS)])
            print(f"{answers} {name:<40} {curves[name][:, 7::8].mean(0).round(3)} ({time.monotonic() - begun:.0f} s)")
        aim = curves["random"][:, -1].mean()
        records += [labels(answers, name, curves[name], curves["random"], aim) for name in CHOICES if name != "random"]
    for record in records:
        print(f"{record.value:6.2f} ({record.low:.2f} to {record.high:.2f}) {record.claim}")
    print(f"result: {write('querying', records)}")


def learn(choose: Choice, strength: float, seed: int) -> np.ndarray:
    """Accuracy after each batch, (BUDGET / BATCH,)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=FEATURES) * strength
    features = rng.normal(size=(2 * POOL, FEATURES))
    tested = rng.normal(size=(TESTED, FEATURES)) - rng.normal(size=(TESTED, FEATURES))
    items = [Item("drawn", i, i + 1) for i in range(2 * POOL)]
    pool = [Query(str(i), "pair", (items[2 * i], items[2 * i + 1])) for i in range(POOL)]
    first, second, p = list[np.ndarray](), list[np.ndarray](), list[float]()
    accuracy = []
    for _ in range(BUDGET // BATCH):
        reward = fit_linear(
            np.reshape(first, (-1, FEATURES)), np.reshape(second, (-1, FEATURES)), np.array(p), scale=strength
        )
        for query in choose(pool, features, reward, rng):
            one, two = (features[item.start] for item in query.items)
            first.append(one)
            second.append(two)
            p.append(float(rng.random() < 1 / (1 + np.exp(-truth @ (one - two)))))
            pool.remove(query)
        reward = fit_linear(np.array(first), np.array(second), np.array(p), scale=strength)
        accuracy.append(float((np.sign(tested @ reward.mean) == np.sign(tested @ truth)).mean()))
    return np.array(accuracy)


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


def labels(answers: str, name: str, curves: np.ndarray, chance: np.ndarray, aim: float) -> Record:
    """Answers needed for the accuracy that random pairs reach in the end, over those that random pairs need."""
    rng = np.random.default_rng(0)
    value = needed(curves.mean(0), aim) / needed(chance.mean(0), aim)
    rows = rng.integers(SEEDS, size=(2000, SEEDS))
    ratios = []
    for row in rows:
        reached = chance[row, -1].mean()
        ratios.append(needed(curves[row].mean(0), reached) / needed(chance[row].mean(0), reached))
    low, high = np.quantile(ratios, [0.025, 0.975])
    claim = f"{answers} answers: labels that {name} needs over those of random for the accuracy of random at {BUDGET}"
    target, holds = ("<= 0.5", value <= 0.5) if name == "mutual information" else ("", None)
    return Record(claim, float(value), float(low), float(high), target, holds, "ratio", SEEDS)


def needed(curve: np.ndarray, aim: float) -> float:
    """Labels after which a curve first reaches an accuracy, between batches by a straight line; the budget if never."""
    above = np.flatnonzero(curve >= aim)
    if not len(above):
        return float(BUDGET)
    k = int(above[0])
    before = curve[k - 1] if k else 0.5
    return BATCH * (k + (aim - before) / max(curve[k] - before, 1e-12))


CHOICES: dict[str, Choice] = {
    "random": by_chance,
    "entropy": informed(entropy, diverse=False),
    "disagreement": informed(disagreement, diverse=False),
    "mutual information": informed(mutual_information, diverse=False),
    "mutual information, diverse": informed(mutual_information, diverse=True),
}

if __name__ == "__main__":
    main()
