"""A reward that sentences turn, on planted attributes: principles that it never saw, negated, and in other words.

Eighty of 120 principles are in training, each in ten times ten wordings; a list of six items is ranked for one of
them, with mistakes. What is measured is Kendall's tau between the true ranking and that of the reward, on new lists. A
fixed reward learns from the same lists without the sentence.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.principles import TESTING, TRAINING, WISHES, PlantedItems, Values, Wish, as_items
from benchmarks.worlds.rank_agreement import kendall_tau
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.listwise import plackett_luce
from robopref.rewards.principled import PrincipledReward
from robopref.rewards.segment import SegmentReward

TRAINED, LISTS, LENGTH, NOISE, TESTS = 80, 24, 6, 0.1, 200
FIT = RewardFit(plackett_luce, FitConfig(600, 2e-3, weight_decay=1e-2, ema=0.99), Batches(size=64))
# Share of a sentence's vector that training does not see, by encoder.
ENCODERS = {"carried": 0.5, "minilm": 0.1, "words": 0.1}


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    world, order = PlantedItems(rng), rng.permutation(len(WISHES))
    seen, unseen = ([WISHES[place] for place in some] for some in (order[:TRAINED], order[TRAINED:]))
    wishes = [wish for wish in seen for _ in range(LISTS)]
    said = [wish.said(rng.choice(TRAINING, 2)) for wish in wishes]
    data = world.judged(wishes, said, world.lists(len(wishes), LENGTH, rng), rng, NOISE)
    fixed = fit_members(lambda _: SegmentReward.for_items(data.items), [0], data, FIT, seed=seed).members[0]
    tests = {
        "seen": _drawn(seen, rng), "unseen": _drawn(unseen, rng),
        "other words": _drawn([*seen, *unseen], rng, other=True),
    }  # fmt: skip
    lists = world.lists(TESTS, LENGTH, rng)
    found: dict[str, Any] = {"fixed": _tau(world, tests["unseen"][0], lists, _scores(fixed, lists))}
    for name in ENCODERS:
        if name != "words" and find_spec("all_minilm_l6_v2") is None:
            continue
        reward = _fitted(name, data, said, seed)
        for test, (asked, words) in tests.items():
            found[f"{name} {test}"] = _tau(world, asked, lists, _told(reward, lists, words))
        asked, _ = tests["unseen"]
        ways = rng.choice(TRAINING, (TESTS, 2))
        plain = _told(reward, lists, [wish.said(way) for wish, way in zip(asked, ways, strict=True)])
        turned = _told(reward, lists, [wish.opposite.said(way) for wish, way in zip(asked, ways, strict=True)])
        found[f"{name} negated"] = kendall_tau(plain, turned)
        found[f"{name} negated truth"] = _tau(world, asked, lists, turned)
        places = rng.permuted(np.tile(np.arange(LENGTH), (TESTS, 1)), axis=1)
        words = [wish.said(way) for wish, way in zip(asked, ways, strict=True)]
        moved = _told(reward, np.take_along_axis(lists, places[..., None], 1), words)
        again = np.take_along_axis(plain, places, 1)
        found[f"{name} permuted"] = float((moved.argsort(1) != again.argsort(1)).any(1).mean())
        found[f"{name} ms"] = _seconds(reward, world.lists(1, 64, rng), words[0]) * 1e3
    return found


def _drawn(wishes: Sequence[Wish], rng: np.random.Generator, *, other: bool = False) -> tuple[list[Wish], list[str]]:
    """Principles of the test lists, and how each is said."""
    asked = [wishes[place] for place in rng.integers(len(wishes), size=TESTS)]
    return asked, [wish.said(rng.choice(TESTING if other else TRAINING, 2)) for wish in asked]


def _fitted(sentences: Any, data: Any, said: Sequence[str], seed: int) -> PrincipledReward:
    torch.manual_seed(seed)
    made = PrincipledReward.for_items(data.items, sentences=sentences, dropout=ENCODERS[sentences])
    made.meet(said)
    return fit_members(lambda _: made, [0], data, FIT, seed=seed).members[0].eval()


@torch.no_grad()
def _scores(reward: Any, lists: Values) -> Values:
    return reward.score(as_items(lists)).value.double().numpy()


@torch.no_grad()
def _told(reward: PrincipledReward, lists: Values, words: Sequence[str]) -> Values:
    return reward.score_for(as_items(lists), reward.principles.of_texts(words)).value.double().numpy()


def _tau(world: PlantedItems, wishes: Sequence[Wish], lists: Values, scores: Values) -> float:
    """Mean Kendall tau of rankings and true ones."""
    return kendall_tau(world.worth(wishes, lists), scores)


def _seconds(reward: PrincipledReward, lists: Values, words: str) -> float:
    """Seconds of one processor that it takes to rank candidates by a principle that is chosen."""
    reward.choose(words)
    _scores(reward, lists)
    begun = time.process_time()
    for _ in range(20):
        _scores(reward, lists)
    return (time.process_time() - begun) / 20


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, key: str, target: str = "", unit: str = "Kendall tau") -> Record:
        return across_seeds(claim, [float(seed[key]) for seed in found], target, unit=unit)

    made = [over("unseen principles: a fixed reward", "fixed", "<= 0.1")]
    for name in ENCODERS:
        if f"{name} unseen" not in found[0]:
            continue
        aim = name == "carried"
        target = lambda text, aim=aim: text if aim else ""  # noqa: E731
        made += [
            over(f"unseen principles: {name}", f"{name} unseen", ">= 0.75"),
            over(f"seen principles: {name}", f"{name} seen"),
            over(f"in words that were not trained: {name}", f"{name} other words", target(">= 0.65")),
            over(f"negated principle against the plain one: {name}", f"{name} negated", "<= -0.7"),
            over(f"negated principle against the ranking that is true of the plain one: {name}",
                 f"{name} negated truth", "<= -0.7"),
            over(f"rankings that change when candidates change places: {name}", f"{name} permuted", "<= 0.02", "share"),
            over(f"ranking 64 candidates by a principle: {name}", f"{name} ms", "<= 100", "ms"),
        ]  # fmt: skip
    return made
