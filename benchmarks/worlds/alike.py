"""What the rows of similarity share: answers of which two of three are alike, preferences, embeddings and probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds
from robopref.data.labels.triplets import Triplets
from robopref.decisions import as_reward
from robopref.items import Comparisons, Items
from robopref.learning.embedding_autoencoder import from_reconstruction
from robopref.learning.embedding_training import (
    EmbeddingData,
    EmbeddingFit,
    FittedEmbedding,
    from_similarity,
    from_tasks,
    points_of,
    untrained,
)
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.objectives.similarity import odd_one_out, triplet
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import Embedding, embedding_for_items
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget

SIZE, WRONG, TASKS, FEW = 6, 0.05, 10, 10
TRIPLETS, PREFERENCES = (100, 500, 1000), (10, 25, 50, 100)
PROBED, TESTED = 500, 1000
LEARN = EmbeddingFit(FitConfig(600, 4e-3, weight_decay=1e-3, ema=0.98, log_every=600), Batches(size=64), held_out=0.1)
ALONE = EmbeddingFit(FitConfig(600, 4e-3, weight_decay=1e-3, ema=0.98, log_every=600), Batches(size=64))
# A step of which looks at all tasks.
TOGETHER = EmbeddingFit(FitConfig(300, 4e-3, weight_decay=1e-3, ema=0.98, log_every=300), Batches(size=32))
HEAD = RewardFit(bradley_terry, FitConfig(150, 5e-2, weight_decay=1e-2, ema=0.95, log_every=150), Batches(size=32))
SCRATCH = RewardFit(bradley_terry, FitConfig(400, 3e-3, weight_decay=1e-2, ema=0.98, log_every=400), Batches(size=32))
Values = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Items and what people go by.

    Attributes:
        steps: (N, T, C) numbers of the steps of each item.
        features: (N, F), each in units of its standard deviation.
    """

    steps: Values
    features: Values

    def items(self, index: NDArray[np.int64]) -> Items:
        """Items of (B, K) indices, each worth the mean of its steps."""
        steps = torch.as_tensor(self.steps[index], dtype=torch.float32)
        return Items({"state": steps}, torch.full(steps.shape[:3], 1 / steps.shape[2]))


def measured(world: World, seed: int) -> dict[str, Any]:
    """The figures of one world and seed, as plain values."""
    rng = np.random.default_rng(seed)
    count = len(world.steps)
    tested = np.arange(count - TESTED, count)
    probed = tested[0] - PROBED + np.arange(PROBED)
    learnt = np.arange(int(probed[0]))
    asked = triplets(world, learnt, max(TRIPLETS), rng)
    shuffled = Triplets(asked.items, asked.odd[torch.as_tensor(rng.permutation(len(asked)))], asked.weight)
    odd = asked.odd.numpy().copy()
    wrong = rng.permutation(len(odd))[: round(WRONG * len(odd))]
    odd[wrong] = (odd[wrong] + rng.integers(1, 3, len(wrong))) % 3
    erring = Triplets(asked.items, torch.as_tensor(odd), asked.weight)
    tasks = {str(k): pairs(world, compared(learnt, 100, rng), drawn_weights(world, rng)) for k in range(TASKS)}
    alone = world.items(learnt[:, None])
    by_hinge, by_chance = (
        partial(from_similarity, objective=one) for one in (partial(triplet, margin=0.1), odd_one_out)
    )
    found: dict[str, Any] = {}
    made: dict[str, Embedding] = {}

    def learn(name: str, method: Callable[..., FittedEmbedding], how: EmbeddingFit, told: Triplets) -> None:
        torch.manual_seed(seed)
        made[name] = embedding_for_items(alone, size=SIZE)
        data = EmbeddingData(lambda: told, lambda: alone, lambda: tasks)
        fitted = method(made[name], data, how)
        if fitted.accuracy is not None:
            found[f"{name}: held-out answers"] = fitted.accuracy
        found[f"{name}: error"] = _probe(world, partial(points, made[name], world), probed, tested)

    for some in TRIPLETS:
        learn(f"{some} answers", by_hinge, LEARN, asked[torch.arange(some)])
    learn("likelihood", by_chance, LEARN, asked)
    learn("shuffled", by_hinge, LEARN, shuffled)
    learn("5 % wrong", by_hinge, LEARN, erring)
    learn("autoencoder", from_reconstruction, ALONE, asked)
    learn("untrained", untrained, ALONE, asked)
    learn("shared", from_tasks, TOGETHER, asked)
    found["principal components: error"] = _probe(world, partial(_components, world, learnt), probed, tested)
    best = made[f"{TRIPLETS[-1]} answers"]
    weights = drawn_weights(world, rng)
    test = pairs(world, compared(tested, 500, rng), weights)
    chosen = compared(learnt, max(PREFERENCES), rng)
    for some in PREFERENCES:
        data = pairs(world, chosen[:some], weights)
        found[f"{some} pairs: scratch"] = _accuracy(
            lambda d=data: SegmentReward.for_items(d.items), data, SCRATCH, test, seed
        )
        for name, one in (("similarity", best), ("autoencoder", made["autoencoder"]), ("shuffled", made["shuffled"])):
            found[f"{some} pairs: {name}"] = _accuracy(lambda o=one: EmbeddingReward(o), data, HEAD, test, seed)
    few = pairs(world, chosen[:FEW], weights)
    found[f"{FEW} pairs: shared"] = _accuracy(lambda: EmbeddingReward(made["shared"]), few, HEAD, test, seed)
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    """The claims that the seeds' figures make."""

    def over(claim: str, values: Any, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    most, variance = f"{TRIPLETS[-1]} answers", "share of the features' variance"

    def error(claim: str, name: str, target: str = "") -> Record:
        return over(claim, lambda seed: seed[f"{name}: error"], target, variance)

    made = [
        *(error(f"features from {some} answers: error of a linear probe", f"{some} answers") for some in TRIPLETS),
        *(error(f"features from {told}: error of a linear probe", name) for name, told in (
            ("likelihood", f"{TRIPLETS[-1]} answers by their likelihood"), ("shuffled", "shuffled answers"),
            ("5 % wrong", f"{TRIPLETS[-1]} answers, 5 % wrong"), ("autoencoder", "an autoencoder"),
            ("untrained", "an untrained network"), ("principal components", "principal components"),
            ("shared", f"the shared trunk of {TASKS} tasks of 100 pairs"),
        )),
        *(over(f"error of {told} minus that from {most}",
               lambda seed, n=name: seed[f"{n}: error"] - seed[f"{most}: error"], ">= 0", variance)
          for name, told in (("autoencoder", "an autoencoder"), ("untrained", "an untrained network"),
                             ("shuffled", "shuffled answers"), ("principal components", "principal components"))),
        over(f"error with 5 % wrong answers minus that from {most}",
             lambda seed: seed["5 % wrong: error"] - seed[f"{most}: error"], unit=variance),
        over(f"held-out answers told by the embedding from {most} (chance is 0.33)",
             lambda seed: seed[f"{most}: held-out answers"]),
        over("held-out answers told by the embedding from shuffled answers",
             lambda seed: seed["shuffled: held-out answers"], "<= 0.40"),
    ]  # fmt: skip
    for some in PREFERENCES:
        made += [
            over(f"a new task from {some} pairs: accuracy of {told}",
                 lambda seed, n=name, s=some: seed[f"{s} pairs: {n}"])
            for name, told in (
                ("similarity", f"a head on the embedding from {most}"), ("scratch", "a reward from scratch"),
                ("autoencoder", "a head on an autoencoder"), ("shuffled", "a head on shuffled answers"),
            )
        ]  # fmt: skip
        made.append(over(
            f"a new task from {some} pairs: accuracy of a head on the embedding minus that from scratch",
            lambda seed, s=some: seed[f"{s} pairs: similarity"] - seed[f"{s} pairs: scratch"],
            ">= 0" if some in (FEW, 50) else "",
        ))  # fmt: skip
    made.append(over(
        f"a new task from {FEW} pairs: accuracy of a head on the shared trunk of {TASKS} tasks",
        lambda seed: seed[f"{FEW} pairs: shared"],
    ))  # fmt: skip
    return made


def standardised(values: Values) -> Values:
    """Columns in units of their standard deviation."""
    return (values - values.mean(0)) / values.std(0)


def triplets(world: World, among: NDArray[np.int64], count: int, rng: np.random.Generator) -> Triplets:
    index = np.array([rng.choice(among, 3, replace=False) for _ in range(count)])
    seen = world.features[index]
    near = np.stack([np.linalg.norm(seen[:, i] - seen[:, j], axis=-1) for i, j in ((1, 2), (0, 2), (0, 1))], axis=1)
    return Triplets(world.items(index), torch.as_tensor(near.argmin(1)), torch.ones(count))


def drawn_weights(world: World, rng: np.random.Generator) -> Values:
    drawn = rng.standard_normal(world.features.shape[1])
    return drawn / np.linalg.norm(drawn)


def compared(among: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.array([rng.choice(among, 2, replace=False) for _ in range(count)])


def pairs(world: World, index: NDArray[np.int64], weights: Values) -> Comparisons:
    worth = world.features[index] @ weights
    p, counted = torch.full((len(index), 2, 2), 0.5), torch.zeros(len(index), 2, 2)
    p[:, 0, 1] = torch.as_tensor(worth[:, 0] > worth[:, 1], dtype=torch.float32)
    counted[:, 0, 1] = 1
    return Comparisons(world.items(index), PairTarget(p, counted))


def points(embedding: Embedding, world: World, index: NDArray[np.int64]) -> Values:
    return points_of(embedding, world.items(index[:, None]))[:, 0].double().numpy()


def _components(world: World, learnt: NDArray[np.int64], index: NDArray[np.int64]) -> Values:
    """The first principal components of an item's mean step."""
    means = world.steps.mean(1)
    means = standardised(means[:, means.std(0) > 1e-9])
    _, _, axes = np.linalg.svd(means[learnt] - means[learnt].mean(0), full_matrices=False)
    return means[index] @ axes[:SIZE].T


def _probe(
    world: World, points: Callable[[NDArray[np.int64]], Values], probed: NDArray[np.int64], tested: NDArray[np.int64]
) -> float:
    """Mean squared error of features by a linear regression on points, where their variance is 1."""
    seen, test = points(probed), points(tested)
    centre, scale = seen.mean(0), max(float(seen.std()), 1e-9)
    ones = lambda values: np.column_stack([(values - centre) / scale, np.ones(len(values))])  # noqa: E731
    fit, *_ = np.linalg.lstsq(ones(seen), world.features[probed], rcond=None)
    return float(((ones(test) @ fit - world.features[tested]) ** 2).mean())


def _accuracy(make: Callable[[], Any], data: Comparisons, fit: RewardFit, test: Comparisons, seed: int) -> float:
    torch.manual_seed(seed)
    (reward,) = fit_members(lambda _: make(), [0], data, fit, seed=seed).members
    with torch.no_grad():
        scores = as_reward(reward).score(test.items)
    assert isinstance(test.target, PairTarget)
    return float(pair_agreement(scores, test.target))
