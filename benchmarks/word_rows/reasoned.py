"""A judge that scores by dimension before it answers, in three stages, beside some that answer at once.

300 pairs with scores, 3,000 with verdicts alone, of `benchmarks.worlds.judged_walks`. Whoever answers at once learns
from all 3,300 verdicts, by the same network up to its answer. Of the 3,000 verdicts one in five is wrong, as people's
are; beside that, all are right, or fewer of them are known.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.judged_walks import DIMENSIONS, WalkRule, walks
from robopref.items import Items
from robopref.learning.fit import FitConfig, fit
from robopref.learning.judge_accuracy import dimension_accuracy, swap_consistency, verdict_accuracy
from robopref.learning.judge_stages import JudgedPairs, cold_start, learn_hard, learn_sifted, sift
from robopref.rewards.dimensional_judge import DimensionalJudge
from robopref.scores import Loss

SCORED, JUDGED, HELD_OUT, CHAINS, ROUNDS, BATCH = 300, 3000, 2000, 4, 4, 128
# Verdicts to learn from, and which share of them is wrong.
TOLD = {
    "one in five wrong": (JUDGED, 0.2), "all right": (JUDGED, 0.0), "all right, 1,000 of them": (1000, 0.0),
    "all right, 300 of them": (300, 0.0),
}  # fmt: skip
COLD, SIFTED, HARD, READ = (
    FitConfig(steps, rate, ema=0.0) for steps, rate in ((400, 1e-2), (150, 5e-3), (120, 1e-2), (150, 1e-2))
)
# Who answers at once overfits what is wrong, so several lengths are tried, and the best counts.
DIRECT = {
    "a pair, 200 steps": (False, 200), "a worth, 200 steps": (True, 200), "a worth, 500 steps": (True, 500),
    "a worth, 1,500 steps": (True, 1500),
}  # fmt: skip
RULE = WalkRule(walks(8000, np.random.default_rng(0)))


class AtOnce(nn.Module):
    """Answers from what the judge sees, without scores: ``h(f_1, f_2) - h(f_2, f_1)``, or ``w(f_1) - w(f_2)``.

    Args:
        judge: Whose network up to the scores it has.
        worth: Whether each item has a worth of its own (Bradley and Terry 1952).
    """

    def __init__(self, judge: DimensionalJudge, *, worth: bool = False) -> None:
        super().__init__()
        self.judge, self.worth = judge, worth
        width = judge.scorer.in_features
        self.head = nn.Sequential(nn.Linear(width * (1 if worth else 2), width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, items: Items) -> Tensor:
        return self.of(self.judge.features(items))

    def of(self, features: Tensor) -> Tensor:
        one, two = features[:, 0], features[:, 1]
        if self.worth:
            return (self.head(one) - self.head(two))[:, 0]
        return (self.head(torch.cat([one, two], -1)) - self.head(torch.cat([two, one], -1)))[:, 0]


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    known, right, test = (
        RULE.pairs(SCORED, rng, scored=True), RULE.pairs(JUDGED, rng), RULE.pairs(HELD_OUT, rng, scored=True)
    )  # fmt: skip
    every = _together(known.items, right.items)
    torch.manual_seed(seed)
    begun = _judge(every)
    uncut = deepcopy(begun)
    cold_start(begun, known, COLD, seed=seed, batch=BATCH)
    found: dict[str, Any] = {}
    _tell(found, "cold start", begun, test)
    for told, (count, share) in TOLD.items():
        some, first = right.items[torch.arange(count)], right.first[:count]
        turned = torch.as_tensor(rng.random(count) < share)
        judged = JudgedPairs(some, torch.where(turned, 1 - first, first))
        verdicts = JudgedPairs(_together(known.items, some), torch.cat([known.first, judged.first]))
        for name, (worth, steps) in DIRECT.items():
            torch.manual_seed(seed)
            made = AtOnce(_judge(every), worth=worth)
            _answering(made, verdicts, FitConfig(steps, 1e-2, ema=0.0), seed)
            found[f"{told}, direct {name}"] = _right(made(test.items), test)
        judge = deepcopy(begun)
        _later_stages(found, told, judge, known, judged, test, seed)
        if share:
            found["read cold start"] = _read_at_once(begun, verdicts, test, seed)
            found["read hard"] = _read_at_once(judge, verdicts, test, seed)
            found["swapped"] = swap_consistency(judge, test.items)
            _later_stages(found, "no cold start", uncut, None, judged, test, seed)
    return found


def _together(one: Items, other: Items) -> Items:
    steps = {name: torch.cat([one.steps[name], other.steps[name]]) for name in one.steps}
    return Items(steps, torch.cat([one.weight, other.weight]))


def _judge(items: Items) -> DimensionalJudge:
    return DimensionalJudge.for_items(items, DIMENSIONS)


def _later_stages(
    found: dict[str, Any], name: str, judge: DimensionalJudge, known: JudgedPairs | None, judged: JudgedPairs,
    test: JudgedPairs, seed: int,
) -> None:  # fmt: skip
    learn_sifted(judge, judged, sift(judge, judged, CHAINS, seed=seed), known, SIFTED, seed=seed, batch=BATCH)
    _tell(found, f"{name}, sift", judge, test)
    for turn in range(ROUNDS):
        hard = sift(judge, judged, 2 * CHAINS, seed=seed + 1 + turn).hard
        found[f"{name}, hard pairs"] = len(hard)
        learn_hard(judge, judged, hard, known, HARD, seed=seed + turn, batch=BATCH)
    _tell(found, f"{name}, hard", judge, test)


def _tell(found: dict[str, Any], stage: str, judge: DimensionalJudge, test: JudgedPairs) -> None:
    found[stage] = verdict_accuracy(judge, test)
    found[f"{stage} dimensions"] = dimension_accuracy(judge, test)


@torch.no_grad()
def _right(odds: Tensor, test: JudgedPairs) -> float:
    return float(((odds > 0) == (test.first > 0.5)).float().mean())


def _answering(made: AtOnce, pairs: JudgedPairs, config: FitConfig, seed: int, features: Tensor | None = None) -> None:
    def loss(module: nn.Module, generator: torch.Generator, _: float) -> Loss:
        some = torch.randint(len(pairs), (BATCH,), generator=generator)
        odds = module(pairs.items[some]) if features is None else made.of(features[some])
        total = binary_cross_entropy_with_logits(odds, pairs.first[some])
        return Loss(total, {"verdict": total.detach()})

    fit(made, loss, config, seed=seed)


def _read_at_once(judge: DimensionalJudge, pairs: JudgedPairs, test: JudgedPairs, seed: int) -> float:
    """How well the verdict is read from what the judge sees, by a head that knows all verdicts and no scores."""
    torch.manual_seed(seed)
    made = AtOnce(deepcopy(judge).requires_grad_(False))
    with torch.no_grad():
        features = judge.features(pairs.items)
    _answering(made, pairs, READ, seed, features)
    return _right(made(test.items), test)


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Any, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    def mean(name: str) -> Any:
        return lambda seed: np.mean(list(seed[f"{name} dimensions"].values()))

    made: list[Record] = []
    for wrong in TOLD:
        told = f"verdicts to learn from {wrong}"
        best = max(DIRECT, key=lambda name, w=wrong: np.mean([seed[f"{w}, direct {name}"] for seed in found]))
        made += [
            over(f"{told}: right verdicts after all stages minus those of the best that answers at once ({best})",
                 lambda seed, w=wrong, b=best: seed[f"{w}, hard"] - seed[f"{w}, direct {b}"], ">= 0.03"),
            over(f"{told}: right verdicts after the sifting minus those after the cold start",
                 lambda seed, w=wrong: seed[f"{w}, sift"] - seed["cold start"], ">= 0"),
            over(f"{told}: right verdicts after the hard pairs minus those after the sifting",
                 lambda seed, w=wrong: seed[f"{w}, hard"] - seed[f"{w}, sift"], ">= 0"),
            over(f"{told}: right verdicts after all stages", lambda seed, w=wrong: seed[f"{w}, hard"]),
            over(f"{told}: scores that order items rightly, mean of four dimensions, after all stages",
                 mean(f"{wrong}, hard"), ">= 0.85"),
            *(over(f"{told}: right verdicts of who answers at once by {name}",
                   lambda seed, w=wrong, name=name: seed[f"{w}, direct {name}"]) for name in DIRECT),
        ]  # fmt: skip
    first = next(iter(TOLD))
    control = over("scores that order items rightly, all stages without the cold start", mean("no cold start, hard"))
    low, high = 0.4, 0.6
    return [
        *made,
        over("right verdicts after the cold start", lambda seed: seed["cold start"]),
        over("scores that order items rightly, mean of four dimensions, after the cold start", mean("cold start")),
        *(over(f"scores of {name} that order items rightly, after all stages",
               lambda seed, name=name: seed[f"{first}, hard dimensions"][name]) for name in DIMENSIONS),
        Record(control.claim, control.value, control.low, control.high, f"in [{low}, {high}]",
               low <= control.value <= high, "share", control.n),
        over("right verdicts, all stages without the cold start", lambda seed: seed["no cold start, hard"]),
        over("right verdicts read at once from what the judge sees, without its chain, after the cold start",
             lambda seed: seed["read cold start"]),
        over("right verdicts read at once from what the judge sees, without its chain, after all stages",
             lambda seed: seed["read hard"]),
        over("verdicts that swapping the items turns", lambda seed: seed["swapped"], ">= 1"),
        over("pairs of which a chain was wrong before the last stage ended",
             lambda seed: seed[f"{first}, hard pairs"], unit="pairs"),
    ]  # fmt: skip
