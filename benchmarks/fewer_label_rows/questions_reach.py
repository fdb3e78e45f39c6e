"""FeatureReach: pairs of actions, chosen by information about a reward of the task's own features, or at random.

In 90 states of a demonstrator eight actions are each held for six steps in simulation. What people want is drawn for
each seed: how far the cup is from the goal in the end, and the mean of the task's four features on the way (height,
tilt, laptop, person), each with its weight. The brief says that less distance is better, and nothing of the four. A
simulated person answers pairs of actions of a state with Bradley-Terry noise, in batches of five. Judged is how many
pairs of 30 other states what was learnt orders as the person would. With all kinds, questions whether a feature matters
may be asked as well.

What is simulated of a seed is kept in ``runs/bench-fewer-labels``.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds, keep, labels_ratio
from envs.feature_reach import FEATURES
from robopref.querying.briefs import Brief, KnownFeature
from robopref.querying.masked_tasks import SimulatedPerson
from robopref.querying.question_seconds import PRIOR_SECONDS
from robopref.querying.question_value import QuestionValue, open_rewards
from robopref.querying.selectors.diversity import greedy_dpp
from robopref.querying.selectors.typed import alike_answers
from robopref.records import QueryKind
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.rewards.weight_belief import WeightBelief
from robopref.robots.sim import SimTask, TaskSpec, start

SEEDS = 6
KEPT = Path("runs/bench-fewer-labels/questions_reach")
STATES, HELD_OUT, CANDIDATES, LENGTH = 90, 30, 8, 6
BUDGET, BATCH, SHORTLIST, SCALE = 60, 5, 40, 6.0
NAMES = ("goal", *FEATURES)
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    seed += 1  # on the first the weight of the goal was chosen, so that it does not decide most pairs alone
    tried = np.array(keep(KEPT / f"tried-{seed}.json", partial(_tried, seed))["values"])
    low, high = (np.quantile(tried.reshape(-1, len(NAMES)), share, axis=0) for share in (0.01, 0.99))
    features = NamedFeatures(NAMES, low, np.maximum(high, low + 1e-3), (None,) * len(NAMES))
    items, rng = features.scaled(tried), np.random.default_rng([seed, 7])
    # All want the cup at the goal; what else they want differs, and may be the other way round.
    weights = SCALE * np.concatenate([[-0.5], rng.standard_normal(len(FEATURES)) / 2])
    truth = LinearRewards(features, weights[None], np.zeros((1, len(NAMES))))
    curves = {name: _learnt(seed, truth, items, name).tolist() for name in ("random", "information", "all kinds")}
    return {"curves": curves}


def _tried(seed: int) -> dict[str, Any]:
    """Features (S, N, F) of actions that are held: distance to the goal in the end, the others on the way."""
    rng = np.random.default_rng(seed)
    task = SimTask(TaskSpec("envs:robopref/FeatureReach-v0", {"state": True, "points": False}))
    values: list[Any] = []
    for index in range(STATES + HELD_OUT):
        moment = start(task, 10_000 * seed + index, warm_up=12)
        held = rng.uniform(-1, 1, (CANDIDATES, 4))
        held[:2] = np.clip(task.demonstrate(rng) + 0.3 * rng.standard_normal((2, 4)), -1, 1)
        values.append([_held(task, moment.snapshot, index, action) for action in held.astype(np.float32)])
    task.close()
    return {"values": values}


def _held(task: SimTask, snapshot: Any, index: int, action: Any) -> list[float]:
    task.rewind(snapshot, index)
    way: list[Any] = []
    info: dict[str, Any] = {}
    for _ in range(LENGTH):
        _, _, over, _, info = task.env.step(action)
        way.append(info["features"])
        if over:
            break
    return [float(info["goal_distance"]), *np.mean(way, axis=0).tolist()]


def _learnt(seed: int, truth: LinearRewards, items: Values, name: str) -> Values:
    """Share of held-out pairs that are ordered rightly after each batch of questions."""
    rng, brief = np.random.default_rng([seed, 8]), Brief(features={"goal": KnownFeature(direction="less")})
    person, features = SimulatedPerson(truth, AnswerModel()), truth.features
    belief = WeightBelief.before(brief.prior(features, scale=SCALE / 2), person.model, draws=128, rng=rng)
    belief = belief.told(brief.answers(features), rng)
    pool = [TypedQuestion("pair", items[state, list(pair)])
            for state in range(STATES) for pair in combinations(range(CANDIDATES), 2)]  # fmt: skip
    if name == "all kinds":
        pool += [TypedQuestion("feature", np.zeros((0, len(NAMES))), place) for place in range(len(NAMES))]
    asked, curve = frozenset[tuple[QueryKind, int]](), list[float]()
    for _ in range(BUDGET // BATCH):
        value = QuestionValue(belief, brief, PRIOR_SECONDS, asked)
        places = rng.permutation(len(pool))[:BATCH].tolist() if name == "random" else _batch(value, pool, rng)
        chosen = [pool[place] for place in places]
        pool = [one for place, one in enumerate(pool) if place not in set(places)]
        asked |= {(one.kind, one.feature) for one in chosen if one.feature is not None}
        belief = belief.told([person.answer(one, rng) for one in chosen], rng, moves=3)
        curve.append(_ordered(belief, truth, items[STATES:]))
    return np.array(curve)


def _batch(value: QuestionValue, pool: list[TypedQuestion], rng: np.random.Generator) -> list[int]:
    """As `robopref.querying.selectors.typed.TypedSelector` chooses them."""
    values = value.of(pool, rng)
    listed = np.argsort(-values, kind="stable")[:SHORTLIST].tolist()
    rewards = open_rewards(value.belief, value.brief)
    alike = alike_answers([pool[place] for place in listed], rewards, value.belief.model)
    return [listed[place] for place in greedy_dpp(values[listed], alike, BATCH)]


def _ordered(belief: WeightBelief, truth: LinearRewards, items: Values) -> float:
    one, two = np.triu_indices(CANDIDATES, 1)
    judged, worth = belief.mean.score(items)[0], truth.score(items)[0]
    return float((np.sign(judged[:, one] - judged[:, two]) == np.sign(worth[:, one] - worth[:, two])).mean())


def records(found: list[dict[str, Any]]) -> list[Record]:
    curves = {name: np.array([one["curves"][name] for one in found]) for name in found[0]["curves"]}
    made: list[Record] = []
    for name in ("information", "all kinds"):
        value, low, high = labels_ratio(curves[name], curves["random"], BATCH)
        said = "pairs by information" if name == "information" else "questions of all kinds by information"
        claim = f"{said} for the accuracy of {BUDGET} random pairs, over those random pairs need"
        figures = (round(float(x), 3) for x in (value, low, high))
        made.append(Record(claim, *figures, "<= 0.5", value <= 0.5, "ratio", len(found)))
    return made + [
        across_seeds(f"held-out pairs ordered rightly after {count} questions, {name}", curve[:, count // BATCH - 1])
        for name, curve in curves.items()
        for count in (5, 20, BUDGET)
    ]
