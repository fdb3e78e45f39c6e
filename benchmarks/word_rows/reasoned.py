"""A judge that scores by dimension before it answers, in three stages, beside one that answers at once.

300 pairs with scores, 3,000 with verdicts alone, of `benchmarks.worlds.judged_walks`. Whoever answers at once learns
from all 3,300 verdicts, by the same network up to its answer.
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

SCORED, JUDGED, HELD_OUT, CHAINS, ROUNDS, BATCH = 300, 3000, 2000, 4, 2, 128
COLD, SIFTED, HARD, DIRECT, READ = (
    FitConfig(steps, rate, ema=0.0) for steps, rate in ((250, 1e-2), (100, 3e-3), (100, 1e-3), (250, 1e-2), (100, 1e-2))
)
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
    known, judged, test = (
        RULE.pairs(SCORED, rng, scored=True), RULE.pairs(JUDGED, rng), RULE.pairs(HELD_OUT, rng, scored=True)
    )  # fmt: skip
    steps = {name: torch.cat([known.items.steps[name], judged.items.steps[name]]) for name in known.items.steps}
    every = JudgedPairs(
        Items(steps, torch.cat([known.items.weight, judged.items.weight])), torch.cat([known.first, judged.first])
    )
    found: dict[str, Any] = {}
    for name, worth in (("pair", False), ("worth", True)):
        torch.manual_seed(seed)
        made = AtOnce(_judge(every.items), worth=worth)
        _answering(made, every, DIRECT, seed)
        found[f"direct {name}"] = _right(made(test.items), test)
    torch.manual_seed(seed)
    judge = _judge(every.items)
    uncut = deepcopy(judge)
    cold_start(judge, known, COLD, seed=seed, batch=BATCH)
    _tell(found, "cold start", judge, test)
    found["read cold start"] = _read_at_once(judge, every, test, seed)
    _later_stages(found, judge, known, judged, test, seed)
    found["read hard"] = _read_at_once(judge, every, test, seed)
    found["swapped"] = swap_consistency(judge, test.items)
    _later_stages(found, uncut, None, judged, test, seed, before="no cold start, ")
    return found


def _judge(items: Items) -> DimensionalJudge:
    return DimensionalJudge.for_items(items, DIMENSIONS)


def _later_stages(
    found: dict[str, Any], judge: DimensionalJudge, known: JudgedPairs | None, judged: JudgedPairs, test: JudgedPairs,
    seed: int, *, before: str = "",
) -> None:  # fmt: skip
    for turn in range(ROUNDS):
        kept = sift(judge, judged, CHAINS, seed=seed + turn)
        learn_sifted(judge, judged, kept, known, SIFTED, seed=seed + turn, batch=BATCH)
    _tell(found, f"{before}sift", judge, test)
    hard = sift(judge, judged, CHAINS, seed=seed + ROUNDS).hard
    found[f"{before}hard pairs"] = len(hard)
    learn_hard(judge, judged, hard, HARD, seed=seed, batch=BATCH)
    _tell(found, f"{before}hard", judge, test)


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

    direct = max(("direct pair", "direct worth"), key=lambda name: np.mean([seed[name] for seed in found]))
    control = over("scores that order items rightly, all stages without the cold start", mean("no cold start, hard"))
    low, high = 0.4, 0.6
    return [
        over("verdicts after all stages minus the better of both that answer at once",
             lambda seed: seed["hard"] - seed[direct], ">= 0.03"),
        over("verdicts after the cold start", lambda seed: seed["cold start"]),
        over("verdicts after the sifting minus those after the cold start",
             lambda seed: seed["sift"] - seed["cold start"], ">= 0"),
        over("verdicts after the hard pairs minus those after the sifting",
             lambda seed: seed["hard"] - seed["sift"], ">= 0"),
        over("verdicts after all stages", lambda seed: seed["hard"]),
        over("scores that order items rightly, mean of four dimensions, after all stages", mean("hard"), ">= 0.85"),
        *(over(f"scores of {name} that order items rightly, after all stages",
               lambda seed, name=name: seed["hard dimensions"][name]) for name in DIMENSIONS),
        Record(control.claim, control.value, control.low, control.high, f"in [{low}, {high}]",
               low <= control.value <= high, "share", control.n),
        over("verdicts, all stages without the cold start", lambda seed: seed["no cold start, hard"]),
        over("verdicts of a classifier of pairs that answers at once", lambda seed: seed["direct pair"]),
        over("verdicts of a worth of each item that answers at once", lambda seed: seed["direct worth"]),
        over("verdicts read at once from what the judge sees, without its chain, after the cold start",
             lambda seed: seed["read cold start"]),
        over("verdicts read at once from what the judge sees, without its chain, after all stages",
             lambda seed: seed["read hard"]),
        over("verdicts that swapping the items turns", lambda seed: seed["swapped"], ">= 1"),
        over("pairs of which a chain was wrong after the sifting", lambda seed: seed["hard pairs"], unit="pairs"),
    ]  # fmt: skip
