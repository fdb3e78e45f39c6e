"""What else an embedding is for, on SIRL's grid robot: choosing what to ask, and persons who want different things.

The embedding is that of 1,000 answers of which two of three ways are alike. Four heads on it, which begin apart, are
asked about in batches of ten pairs: at random, by mutual information alone, or so that the pairs of a batch differ in
the embedding (``selector=embedded``); judged is the mean of the four on other pairs. Then eight persons, of whom four
want the opposite of what the others want, answer 25 pairs each: a mixture of two prototypes in linear coordinates of
the embedding, a mixture from scratch, and one head for all are judged on pairs as these persons would answer them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.records import Record, across_seeds
from benchmarks.worlds import alike
from benchmarks.worlds.alike import HEAD, LEARN, SIZE, TESTED, World
from benchmarks.worlds.grid_robot import ways
from robopref.data.labels.answer_context import LABELER
from robopref.items import Comparisons, context_code
from robopref.learning.embedding_training import EmbeddingData, from_similarity
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.objectives.similarity import triplet
from robopref.protocols import Selector
from robopref.querying.candidate_queries import RandomSelector
from robopref.querying.selectors.informed import InformedSelector, embedded_selector
from robopref.records import Item, Query
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import Embedding, embedding_for_items
from robopref.rewards.mixture import MixtureReward
from robopref.scores import PairTarget

WAYS, TRIPLETS, POOL, BATCH, ASKED, MEMBERS, WIDTH = 4500, 1000, 500, 10, 40, 4, 16
PEOPLE, PAIRS, JUDGED = 8, 25, 500
MIXTURE = RewardFit(bradley_terry, FitConfig(400, 1e-2, weight_decay=1e-2, ema=0.98, log_every=400), Batches(size=64))
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    path, features = ways(WAYS, np.random.default_rng(2000 + seed))
    world, rng = World(path[:, None], alike.standardised(features)), np.random.default_rng(seed)
    learnt, tested = np.arange(WAYS - TESTED), WAYS - TESTED + np.arange(TESTED)
    told = alike.triplets(world, learnt, TRIPLETS, rng)
    torch.manual_seed(seed)
    alone = world.items(learnt[:, None])
    embedding = embedding_for_items(alone, size=SIZE)
    from_similarity(
        embedding, EmbeddingData(lambda: told, lambda: alone, dict), LEARN, objective=partial(triplet, margin=0.1)
    )
    weights = alike.drawn_weights(world, rng)
    found: dict[str, Any] = {}
    pool = alike.compared(learnt, POOL, rng)
    test = alike.pairs(world, alike.compared(tested, JUDGED, rng), weights)
    for name in ("random", "information", "embedded"):
        found[name] = _asked(name, world, embedding, weights, pool, test, seed)
    return found | _people(world, embedding, weights, learnt, tested, rng, seed)


def _asked(
    name: str,
    world: World,
    embedding: Embedding,
    weights: Values,
    pool: NDArray[np.int64],
    test: Comparisons,
    seed: int,
) -> list[float]:
    """Accuracy after each batch of questions; the first one is the same for all."""
    points = alike.points(embedding, world, np.arange(len(world.steps)))
    queries = {Query(f"{k}", "pair", (_item(one), _item(two))): k for k, (one, two) in enumerate(pool.tolist())}
    chosen, curve = list(range(BATCH)), list[float]()
    while True:
        data = alike.pairs(world, pool[chosen], weights)
        heads = [_head(embedding, data, 100 * seed + member) for member in range(MEMBERS)]
        curve.append(_right(heads, test))
        if len(chosen) >= ASKED:
            return curve
        rest = [query for query, k in queries.items() if k not in set(chosen)]
        selector = _selector(name, _judged(heads, world), lambda item: points[item.start], seed + len(chosen))
        chosen += [queries[query] for query in selector.select(rest, BATCH)]


def _head(embedding: Embedding, data: Comparisons, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return fit_members(lambda _: EmbeddingReward(embedding, WIDTH), [0], data, HEAD, seed=seed).members[0]


def _selector(name: str, judged: Callable[[Item], Values], embed: Callable[[Item], Values], seed: int) -> Selector:
    if name == "random":
        return RandomSelector(seed)
    return InformedSelector(judged) if name == "information" else embedded_selector(judged, embed=embed)


def _item(index: int) -> Item:
    return Item("grid", index, index + 1)


@torch.no_grad()
def _judged(heads: list[nn.Module], world: World) -> Callable[[Item], Values]:
    every = world.items(np.arange(len(world.steps))[:, None])
    scores = np.stack([head.score(every).value[:, 0].double().numpy() for head in heads])  # type: ignore[operator]
    return lambda item: scores[:, item.start]


@torch.no_grad()
def _right(heads: list[nn.Module], test: Comparisons) -> float:
    scores = [head.score(test.items) for head in heads]  # type: ignore[operator]
    mean = replace(scores[0], value=torch.stack([one.value for one in scores]).mean(0))
    return float(pair_agreement(mean, test.target))


def _people(
    world: World, embedding: Embedding, weights: Values, learnt: NDArray[np.int64], tested: NDArray[np.int64],
    rng: np.random.Generator, seed: int,
) -> dict[str, float]:  # fmt: skip
    """Accuracy for persons of opposite wishes, of what is learnt from all of their answers."""
    signs = {f"person {k}": 1.0 if k < PEOPLE // 2 else -1.0 for k in range(PEOPLE)}
    data = _answered(world, signs, weights, alike.compared(learnt, PEOPLE * PAIRS, rng))
    test = _answered(world, signs, weights, alike.compared(tested, PEOPLE * PAIRS, rng))

    def on_embedding() -> MixtureReward:
        made = MixtureReward.on_embedding(data.items, embedding=partial(embedding_for_items, size=SIZE))
        made.begin_with(embedding)
        made.meet(signs)
        return made

    def from_scratch() -> MixtureReward:
        made = MixtureReward.for_items(data.items)
        made.meet(signs)
        return made

    makers: dict[str, Callable[[], nn.Module]] = {
        "mixture on the embedding": on_embedding, "mixture from scratch": from_scratch,
        "one head for all": lambda: EmbeddingReward(embedding, WIDTH),
    }  # fmt: skip
    found: dict[str, float] = {}
    for name, make in makers.items():
        torch.manual_seed(seed)
        fitted = fit_members(lambda _, make=make: make(), [0], data, MIXTURE, seed=seed).members
        found[name] = _right(fitted, test)
    return found


def _answered(world: World, signs: dict[str, float], weights: Values, index: NDArray[np.int64]) -> Comparisons:
    """Pairs of each person in turn, as each answers them."""
    told, names = alike.pairs(world, index, weights), [name for name in signs for _ in range(len(index) // len(signs))]
    assert isinstance(told.target, PairTarget)
    turned = torch.tensor([signs[name] < 0 for name in names])[:, None, None]
    p = torch.where(turned, 1 - told.target.p, told.target.p)  # what does not count stays a half
    codes = torch.tensor([context_code(name) for name in names])
    items = replace(told.items, context={LABELER: codes})
    return Comparisons(items, replace(told.target, p=p))


def records(found: list[dict[str, Any]]) -> list[Record]:
    """The claims that the seeds' figures make."""
    curves = {name: np.array([seed[name] for seed in found]) for name in ("random", "information", "embedded")}
    made = [
        across_seeds(f"accuracy after {BATCH * (k + 1)} pairs, {name}", curve[:, k].tolist())
        for name, curve in curves.items()
        for k in range(curve.shape[1])
    ]
    for other in ("random", "information"):
        for k in (1, 3):
            gain = (curves["embedded"][:, k] - curves[other][:, k]).tolist()
            target = ">= 0" if other == "random" else ""
            made.append(across_seeds(f"accuracy after {BATCH * (k + 1)} pairs, embedded less {other}", gain, target))
    names = ("mixture on the embedding", "mixture from scratch", "one head for all")
    told = f"{PEOPLE} persons of opposite wishes, {PAIRS} pairs each"
    made += [across_seeds(f"{told}: accuracy of {name}", [seed[name] for seed in found]) for name in names]
    for other, target in (("mixture from scratch", ""), ("one head for all", ">= 0.1")):
        gain = [seed["mixture on the embedding"] - seed[other] for seed in found]
        made.append(across_seeds(f"{told}: mixture on the embedding less {other}", gain, target))
    return made
