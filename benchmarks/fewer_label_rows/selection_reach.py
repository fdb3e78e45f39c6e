"""Which pairs of actions to ask about, where rewards see actions, an embedding of them, or what came of them.

On FeatureReach (``TASKS=FeatureReach,rope`` adds rope, five processor minutes a seed), eight chunks of a demonstrator
with noise are carried out in each of 120 states. What a person wants is drawn for each seed: a weight for the progress
of the task, and one for each number that the task reports, in the mean over the chunk. Three kinds of rewards learn
from pairs of chunks of a state, 15 at a time: networks r(s, a) from scratch, heads on an embedding of s and a from
1,000 answers of which two of three are alike by these numbers, and networks r(s') of the state that a chunk leads to.
Of each kind four are asked about at random or by mutual information, and judged is the mean of the four on all pairs of
40 other states.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds, keep, labels_ratio
from benchmarks.worlds import alike
from benchmarks.worlds.alike import LEARN, SIZE, World
from robopref.errors import unknown_name
from robopref.items import Comparisons, Items
from robopref.learning.collect import draw_states
from robopref.learning.embedding_training import EmbeddingData, from_similarity
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.similarity import triplet
from robopref.querying.candidate_queries import RandomSelector
from robopref.querying.selectors.informed import InformedSelector
from robopref.records import Item, Query
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import Embedding, embedding_for_items
from robopref.rewards.segment import SegmentReward
from robopref.robots.reported import featured
from robopref.robots.sim import SimPool, TaskSpec, carried_out, demonstrate_chunk

SEEDS = 6
KEPT = Path("runs/bench-fewer-labels/selection_reach")
STATES, HELD_OUT, CANDIDATES, TRIPLETS = 80, 40, 8, 1000
BATCH, ASKED, MEMBERS, WIDTH = 15, 60, 4, 16
KINDS, WAYS = ("actions", "embedding", "outcomes"), ("random", "information")
_STATE = {"points": False, "state": True}
# Of each task, the actions of a chunk, and the steps of the demonstrator before it, at most.
SETTINGS = {
    "FeatureReach": (TaskSpec("envs:robopref/FeatureReach-v0", _STATE), 6, 12),
    "rope": (TaskSpec("envs:robopref/RopeShaping-v0", _STATE, 8), 1, 4),
}
TASKS = [name for name in os.environ.get("TASKS", "FeatureReach").split(",") if name]
for _name in TASKS:
    if _name not in SETTINGS:
        raise unknown_name("TASKS", _name, SETTINGS)
HEAD = RewardFit(bradley_terry, FitConfig(150, 5e-2, weight_decay=1e-2, ema=0.95, log_every=150), Batches(size=32))
SCRATCH = RewardFit(bradley_terry, FitConfig(400, 3e-3, weight_decay=1e-2, ema=0.98, log_every=400), Batches(size=32))
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    """Of every task, accuracies after each batch by kind of reward and way to ask."""
    return {task: keep(KEPT / f"{task}-{seed}.json", partial(_measured, task, seed)) for task in TASKS}


def _measured(task: str, seed: int) -> dict[str, Any]:
    before, after = _worlds(task, seed)
    rng = np.random.default_rng(seed)
    weights = alike.drawn_weights(before, rng)
    learnt = np.arange(STATES * CANDIDATES)
    told, alone = alike.triplets(before, learnt, TRIPLETS, rng), before.items(learnt[:, None])
    torch.manual_seed(seed)
    embedding = embedding_for_items(alone, size=SIZE)
    from_similarity(
        embedding, EmbeddingData(lambda: told, lambda: alone, dict), LEARN, objective=partial(triplet, margin=0.1)
    )
    return {
        f"{kind} {way}": _asked(kind, way, after if kind == "outcomes" else before, embedding, weights, seed)
        for kind in KINDS
        for way in WAYS
    }


def _worlds(task: str, seed: int) -> tuple[World, World]:
    """Chunks as a state and actions, and as the state that they lead to; both with what people go by."""
    spec, horizon, warm_up = SETTINGS[task]
    with SimPool(spec) as pool:
        moments = draw_states(pool, "preferences", count=STATES + HELD_OUT, seed=seed, warm_up=warm_up)
        best = np.stack(
            list(pool.map(demonstrate_chunk, [(one.snapshot, horizon, k) for k, one in enumerate(moments)]))
        )
        rng = np.random.default_rng([seed, 5])
        size = rng.uniform(0, 1.5, (len(moments), CANDIDATES, 1, 1))
        chunks = best[:, None] + size * rng.normal(size=(len(moments), CANDIDATES, *best.shape[1:]))
        chunks = chunks.clip(-1, 1).astype(np.float32)
        jobs = [(moment.snapshot, row) for moment, row in zip(moments, chunks, strict=True)]
        ends, told = list(pool.map(carried_out, jobs)), list(pool.map(featured, jobs))
    columns = [np.concatenate([progress for progress, _ in ends])]
    columns += [np.concatenate([np.nanmean(one[name], 1) for one in told]) for name in told[0]]
    features = np.stack([column for column in columns if column.std() > 1e-9], axis=1)
    state = np.repeat(np.stack([one.observation["state"] for one in moments]), CANDIDATES, axis=0)
    done = np.concatenate([observed["state"] for _, observed in ends])
    both = np.concatenate([state, chunks.reshape(len(state), -1)], axis=1)
    values = alike.standardised(features)
    return World(_scaled(both), values), World(_scaled(done), values)


def _scaled(values: NDArray[Any]) -> Values:
    """Items of one step, in units of each number's standard deviation."""
    values = np.asarray(values, np.float64)
    return ((values - values.mean(0)) / np.maximum(values.std(0), 1e-6))[:, None]


def _pairs(states: range) -> NDArray[np.int64]:
    """All pairs of candidates of some states."""
    return np.array([
        [CANDIDATES * state + k for k in pair] for state in states for pair in combinations(range(CANDIDATES), 2)
    ])  # fmt: skip


def _asked(kind: str, way: str, world: World, embedding: Embedding, weights: Values, seed: int) -> list[float]:
    """Accuracy after each batch of questions; the first one is the same for all."""
    pool, test = _pairs(range(STATES)), alike.pairs(world, _pairs(range(STATES, STATES + HELD_OUT)), weights)
    every = world.items(np.arange(len(world.steps))[:, None])
    queries = {Query(f"{k}", "pair", (_item(one), _item(two))): k for k, (one, two) in enumerate(pool.tolist())}
    chosen = np.random.default_rng([seed, 6]).permutation(len(pool))[:BATCH].tolist()
    curve = list[float]()
    while True:
        data = alike.pairs(world, pool[chosen], weights)
        judged = _members(kind, embedding, data, seed)
        curve.append(_right(judged(test.items).mean(0), test))
        if len(chosen) >= ASKED:
            return curve
        rest = [query for query, k in queries.items() if k not in set(chosen)]
        scores = judged(every)[..., 0]
        selector = (
            RandomSelector(seed + len(chosen)) if way == "random"
            else InformedSelector(lambda item, scores=scores: scores[:, item.start])
        )  # fmt: skip
        chosen += [queries[query] for query in selector.select(rest, BATCH)]


def _members(kind: str, embedding: Embedding, data: Comparisons, seed: int) -> Any:
    """Scores (E, B, K) of items by four rewards that learnt from the same pairs."""
    torch.manual_seed(seed)
    if kind == "embedding":
        heads = [
            fit_members(lambda _: EmbeddingReward(embedding, WIDTH), [0], data, HEAD, seed=100 * seed + k).members[0]
            for k in range(MEMBERS)
        ]

        @torch.no_grad()
        def judged(items: Items) -> Values:
            return np.stack([head.score(items).value.double().numpy() for head in heads])  # type: ignore[operator]

        return judged
    reward = fit_members(
        lambda _: SegmentReward.for_items(data.items, members=MEMBERS), [0], data, SCRATCH, seed=seed
    ).members[0]

    @torch.no_grad()
    def each(items: Items) -> Values:
        return reward.score_each(items).double().numpy()  # type: ignore[operator]

    return each


def _right(scores: Values, test: Comparisons) -> float:
    first = test.target.p[:, 0, 1].numpy() > 0.5  # type: ignore[union-attr]
    return float(((scores[:, 0] > scores[:, 1]) == first).mean())


def _item(index: int) -> Item:
    return Item("candidates", index, index + 1)


def records(found: list[dict[str, Any]]) -> list[Record]:
    """Accuracies, and the pairs that choosing them needs over those that random ones need."""
    made: list[Record] = []
    for task in TASKS:
        curves = {name: np.array([one[task][name] for one in found]) for name in found[0][task]}
        for kind in KINDS:
            random, asked = curves[f"{kind} random"], curves[f"{kind} information"]
            value, low, high = labels_ratio(asked, random, BATCH)
            claim = f"{task}, {kind}: pairs by information for the accuracy of {ASKED} random pairs, over those"
            made.append(
                Record(claim, round(value, 3), round(low, 3), round(high, 3), "<= 0.5", value <= 0.5,
                       "ratio", len(found))
            )  # fmt: skip
            for way, curve in (("random", random), ("information", asked)):
                made += [
                    across_seeds(f"{task}, {kind}: accuracy after {count} pairs, {way}",
                                 curve[:, count // BATCH - 1].tolist())
                    for count in (30, ASKED)
                ]  # fmt: skip
            gain = (asked[:, -1] - random[:, -1]).tolist()
            made.append(across_seeds(f"{task}, {kind}: accuracy after {ASKED} pairs, information less random", gain))
    return made
