"""FeatureReach: of 16 actions that are carried out, which one is chosen by a sentence that nobody has answered by.

Candidates are held for six steps in states of a demonstrator. What matters of one is how far the cup is from the goal
then, how high over the table it went, how much it was tilted, and how near it came to the laptop and to the person. A
principle asks for more or less of one, and then of another: 80 in all, of which 54 are in training, each list of six
candidates ranked for one of them, with mistakes. In other states, principles that were not in training choose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds
from robopref.items import Comparisons, Items, context_code
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.listwise import plackett_luce
from robopref.rewards.principled import PrincipledReward
from robopref.rewards.segment import SegmentReward
from robopref.robots.sim import SimTask, TaskSpec, start
from robopref.scores import PairTarget

STATES, HELD_OUT, CANDIDATES, LENGTH = 100, 40, 16, 6
TRAINED, LISTS, LISTED, NOISE, SECOND = 54, 24, 6, 0.1, 0.4
FIT = RewardFit(plackett_luce, FitConfig(600, 2e-3, weight_decay=1e-2, ema=0.99), Batches(size=64))
# What more and what less of it is called, and what a number of it is: columns of what is measured.
ATTRIBUTES = {
    "distance to the goal": ("stay away from the goal", "come close to the goal", 100.0, "cm"),
    "height over the table": ("carry it high over the table", "carry it low over the table", 30.0, "cm"),
    "tilt": ("tilt the cup", "keep the cup upright", 1.0, "1 - cos"),
    "nearness to the laptop": ("go over the laptop", "keep away from the laptop", 100.0, "% of 0.2 m"),
    "nearness to the person": ("go near the person", "keep away from the person", 100.0, "% of 0.35 m"),
}
NAMES = tuple(ATTRIBUTES)
CLAUSES = tuple((place, sign) for place in range(len(NAMES)) for sign in (1, -1))
WISHES = tuple((one, two) for one in CLAUSES for two in CLAUSES if one[0] != two[0])
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    task = SimTask(TaskSpec("envs:robopref/FeatureReach-v0", {"state": True, "points": False}))
    states, actions, seen = tried(task, seed, rng)
    task.close()
    scaled = (seen - seen.mean((0, 1))) / seen.std((0, 1)).clip(1e-6)
    order = rng.permutation(len(WISHES))
    data, said = _ranked(states, actions, scaled, [WISHES[place] for place in order[:TRAINED]], rng)
    torch.manual_seed(seed)
    reward = PrincipledReward.for_items(data.items)
    reward.meet(said)
    (reward,) = fit_members(lambda _: reward, [0], data, FIT, seed=seed).members
    reward.eval()
    (fixed,) = fit_members(lambda _: SegmentReward.for_items(data.items), [0], data, FIT, seed=seed).members
    items, test = _items(states[STATES:], actions[STATES:]), slice(STATES, None)
    gains: dict[str, list[float]] = {"told": [], "fixed": [], "best": []}
    chosen: dict[str, list[float]] = {}
    with torch.no_grad():
        same = fixed.score(items).value.numpy()
        for place in order[TRAINED:]:
            wish = WISHES[place]
            reward.choose(_said(wish))
            scores, worth = reward.score(items).value.numpy(), _worth(scaled[test], wish)
            mean = worth.mean()
            gains["told"] += [float(_of(worth, scores).mean() - mean)]
            gains["fixed"] += [float(_of(worth, same).mean() - mean)]
            gains["best"] += [float(worth.max(1).mean() - mean)]
            (column, sign), _ = wish
            got = _of(seen[test, :, column], scores).mean() * ATTRIBUTES[NAMES[column]][2]
            chosen.setdefault(f"{NAMES[column]} {'more' if sign > 0 else 'less'}", []).append(float(got))
    found = {name: float(np.mean(values)) for name, values in {**gains, **chosen}.items()}
    return found | {f"{name} any": float(seen[test, :, k].mean() * ATTRIBUTES[name][2]) for k, name in enumerate(NAMES)}


def tried(task: SimTask, seed: int, rng: np.random.Generator) -> tuple[Values, Values, Values]:
    """States (S, 14), actions (S, N, 4), and what came of each (S, N, 5), see `ATTRIBUTES`."""
    states, actions, seen = [], [], []
    for index in range(STATES + HELD_OUT):
        moment = start(task, 20_000 * (seed + 1) + index, warm_up=12)
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
            seen.append([info["goal_distance"], *np.mean(way, axis=0)])
    return np.array(states), np.array(actions), np.reshape(seen, (len(states), CANDIDATES, len(NAMES)))


def _said(wish: Any) -> str:
    return "; then ".join(ATTRIBUTES[NAMES[column]][0 if sign > 0 else 1] for column, sign in wish)


def _worth(scaled: Values, wish: Any) -> Values:
    """What is wanted of each candidate, (..., N) of (..., N, 5)."""
    return sum(share * sign * scaled[..., column] for share, (column, sign) in zip((1, SECOND), wish, strict=True))


def _items(states: Values, actions: Values) -> Items:
    steps = {
        "state": torch.as_tensor(states, dtype=torch.float32)[:, None, None],
        "action": torch.as_tensor(actions, dtype=torch.float32)[:, :, None],
    }
    return Items(steps, torch.ones(*actions.shape[:2], 1))


def _ranked(
    states: Values, actions: Values, scaled: Values, wishes: Any, rng: np.random.Generator
) -> tuple[Comparisons, list[str]]:
    """Lists of candidates, each ranked for one principle."""
    asked = [wish for wish in wishes for _ in range(LISTS)]
    row = rng.integers(STATES, size=len(asked))
    picked = np.array([rng.choice(CANDIDATES, LISTED, replace=False) for _ in asked])
    there = scaled[row[:, None], picked]
    worth = np.array([_worth(some, wish) for some, wish in zip(there, asked, strict=True)])
    worth = worth + NOISE * rng.standard_normal(worth.shape)
    p = torch.as_tensor(0.5 + 0.5 * np.sign(worth[:, :, None] - worth[:, None]), dtype=torch.float32)
    items, said = _items(states[row], actions[row[:, None], picked]), [_said(wish) for wish in asked]
    codes = torch.tensor([context_code(text) for text in said])
    asked_of = torch.triu(torch.ones(LISTED, LISTED), diagonal=1).expand_as(p).clone()
    return Comparisons(Items(items.steps, items.weight, {"instruction": codes}), PairTarget(p, asked_of)), said


def _of(values: Values, scores: Values) -> Values:
    return values[np.arange(len(values)), scores.argmax(1)]


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Any, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    made = [
        over("unseen principles: share of the best candidate's gain over a random one",
             lambda seed: seed["told"] / seed["best"], ">= 0.5"),
        over("unseen principles: the same of a fixed reward", lambda seed: seed["fixed"] / seed["best"], "<= 0.1"),
    ]  # fmt: skip
    for name, (more, less, _, unit) in ATTRIBUTES.items():
        there = [seed for seed in found if f"{name} more" in seed and f"{name} less" in seed]
        values = [seed[f"{name} more"] - seed[f"{name} less"] for seed in there]
        made.append(
            across_seeds(f"{name} of the chosen action: “{more} …” minus “{less} …”", values, ">= 0", unit=unit)
        )
        made += [
            across_seeds(
                f"{name} of the chosen action: “{text} …”", [seed[f"{name} {way}"] for seed in there], unit=unit
            )
            for way, text in (("more", more), ("less", less))
        ]
        made.append(over(f"{name} of any action", lambda seed, n=name: seed[f"{n} any"], unit=unit))
    return made
