"""FeatureReach: some people mind the laptop, others the tilt of the cup, and each gets actions chosen for them.

Forty people order pairs of candidate actions, each held for six steps, in states of a demonstrator. All want the cup
at the goal; twenty mind a way over the laptop twice as much, and twenty a tilted cup. A mixture (PAL) and one reward
for all learn from the same 100 pairs of each, answered with errors. In other states, of 16 candidates each chooses the
best: what that brings is what the person wants of it, in standard deviations over candidates.

A tenth of the pairs stops the reward for all. The wishes overlap, and the mixture fits held-out answers well before it
tells people apart, so that nothing is held out to stop it: that, and for how long it trains, was chosen on seed 0, on
which nothing here is measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds
from envs.feature_reach import FEATURES
from robopref.items import Comparisons, Items, context_code
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.segment import SegmentReward
from robopref.robots.sim import SimTask, TaskSpec, start
from robopref.scores import PairTarget

GROUP, PAIRS, CERTAINTY = 20, 100, 3.0
STATES, HELD_OUT, CANDIDATES, LENGTH = 180, 60, 16, 6
MINDED = {"laptop": FEATURES.index("laptop"), "upright": FEATURES.index("upright")}
FIT = RewardFit(bradley_terry, FitConfig(1500, 2e-3, weight_decay=1e-2, ema=0.99), Batches(size=64))
FOR_ALL = RewardFit(bradley_terry, FitConfig(1000, 1e-3, weight_decay=1e-2, ema=0.99), Batches(size=64), 0.1)
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    seed += 1
    rng = np.random.default_rng(seed)
    task = SimTask(TaskSpec("envs:robopref/FeatureReach-v0", {"state": True, "points": False}))
    states, actions, gone, seen = _tried(task, seed, rng)
    task.close()
    scale = lambda values: values / values.reshape(-1).std()  # noqa: E731
    worth = {name: scale(-0.5 * scale(gone) - scale(seen[..., column])) for name, column in MINDED.items()}
    train, test = slice(0, STATES), slice(STATES, None)
    data, names = _answered(states[train], actions[train], {name: one[train] for name, one in worth.items()}, rng)
    torch.manual_seed(seed)
    mixture = MixtureReward.for_items(data.items)
    mixture.meet(names)
    (mixture,) = fit_members(lambda _: mixture, [0], data, FIT, seed=seed).members
    (pooled,) = fit_members(lambda _: SegmentReward.for_items(data.items), [0], data, FOR_ALL, seed=seed).members
    items = _items(states[test], actions[test])
    found: dict[str, Any] = {}
    for group, values in worth.items():
        mean = values[test].mean(1)
        taken = [_chosen(values[test], _scores(mixture, items, name)) for name in names if name.startswith(group)]
        found[f"{group} own"] = float((np.mean(taken, axis=0) - mean).mean())
        found[f"{group} pooled"] = float((_chosen(values[test], _scores(pooled, items)) - mean).mean())
        found[f"{group} best"] = float((values[test].max(1) - mean).mean())
    first = mixture.persons.every()[:, 0].detach().numpy() > 0.5
    right = np.array([name.startswith("laptop") for name in names]) == first
    return found | {"grouped": float(max(right.mean(), 1 - right.mean()))}


def _tried(task: SimTask, seed: int, rng: np.random.Generator) -> tuple[Values, Values, Values, Values]:
    """States (S, 14), actions (S, N, 4), how far the cup is from the goal after each, and mean features on the way."""
    states, actions, gone, seen = [], [], [], []
    for index in range(STATES + HELD_OUT):
        moment = start(task, 10_000 * seed + index, warm_up=12)
        states.append(moment.observation["state"])
        held = rng.uniform(-1, 1, (CANDIDATES, 4))
        held[:4] = np.clip(task.demonstrate(rng) + 0.3 * rng.standard_normal((4, 4)), -1, 1)
        actions.append(held)
        for action in held.astype(np.float32):
            task.rewind(moment.snapshot, index)
            info: dict[str, Any] = {}
            way: list[Any] = []
            for _ in range(LENGTH):
                _, _, over, _, info = task.env.step(action)
                way.append(info["features"])
                if over:
                    break
            gone.append(info["goal_distance"])
            seen.append(np.mean(way, axis=0))
    shape = (STATES + HELD_OUT, CANDIDATES)
    return np.array(states), np.array(actions), np.reshape(gone, shape), np.reshape(seen, (*shape, len(FEATURES)))


def _items(states: Values, actions: Values) -> Items:
    steps = {
        "state": torch.as_tensor(states, dtype=torch.float32)[:, None, None],
        "action": torch.as_tensor(actions, dtype=torch.float32)[:, :, None],
    }
    return Items(steps, torch.ones(*actions.shape[:2], 1))


def _answered(
    states: Values, actions: Values, worth: dict[str, Values], rng: np.random.Generator
) -> tuple[Comparisons, list[str]]:
    """Pairs of candidates of a state, answered by every person with errors."""
    names = [f"{group} {index}" for group in worth for index in range(GROUP)]
    row = rng.integers(len(states), size=(len(names), PAIRS))
    pair = np.array([rng.choice(CANDIDATES, 2, replace=False) for _ in range(row.size)]).reshape(*row.shape, 2)
    better = []
    for person, name in enumerate(names):
        values = worth[name.split()[0]][row[person][:, None], pair[person]]
        odds = CERTAINTY * (values[:, 0] - values[:, 1]) / 2**0.5
        better.append(rng.random(PAIRS) < 1 / (1 + np.exp(-odds)))
    p = torch.full((row.size, 2, 2), 0.5)
    p[:, 0, 1] = torch.as_tensor(np.concatenate(better), dtype=torch.float32)
    weight = torch.zeros(row.size, 2, 2)
    weight[:, 0, 1] = 1
    flat, chosen = row.reshape(-1), pair.reshape(-1, 2)
    items = _items(states[flat], actions[flat[:, None], chosen])
    codes = torch.tensor([context_code(name) for name in names]).repeat_interleave(PAIRS)
    return Comparisons(Items(items.steps, items.weight, {"labeler": codes}), PairTarget(p, weight)), names


@torch.no_grad()
def _scores(reward: Any, items: Items, name: str | None = None) -> Values:
    if name is not None:
        reward.choose({name: 1.0})
    return reward.score(items).value.numpy()


def _chosen(values: Values, scores: Values) -> Values:
    return values[np.arange(len(values)), scores.argmax(1)]


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Any, target: str = "", unit: str = "std of a candidate's worth") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    made = []
    for group, who in (("laptop", "those who mind the laptop"), ("upright", "those who mind the tilt")):
        gain = lambda seed, g=group: seed[f"{g} own"] - seed[f"{g} pooled"]  # noqa: E731
        made += [
            over(f"{who}: gain of actions chosen for them over those of one reward for all", gain, ">= 0"),
            over(f"{who}: gain of one reward for all over a random candidate",
                 lambda seed, g=group: seed[f"{g} pooled"]),
            over(f"{who}: gain of the best candidate over a random one", lambda seed, g=group: seed[f"{g} best"]),
            over(f"{who}: share of the best candidate's gain, chosen for them",
                 lambda seed, g=group: seed[f"{g} own"] / seed[f"{g} best"], unit="share"),
        ]  # fmt: skip
    return [*made, over("people in their group", lambda seed: seed["grouped"], unit="share")]
