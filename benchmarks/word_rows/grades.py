"""Grades of rollouts of WallStop: how they are learnt, what reasons and drawn groups add, and what force is needed for.

Each seed has rollouts of its own (`benchmarks.worlds.graded_stops`), 24 starts to learn from and 20 to judge by, six
variants each. All graders have the same network up to the head, as many steps and the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.graded_stops import REASONS, VARIANTS, Rollout, rated, rollouts, same_looking
from robopref.evaluation.grade_metrics import grade_report
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.grade_chains import imitate_reasons
from robopref.learning.held_out import item_scores
from robopref.learning.preference import Batches, train_reward
from robopref.nets.grade_heads import CumulativeGrades, FreeGrades, ReasonedGrades
from robopref.objectives.grades import grade_likelihood, grade_sampling, linear_reward, nonlinear_reward
from robopref.protocols import Objective
from robopref.rewards.ordinal import OrdinalReward

LEARNT, JUDGED, RATE = 24, 20, 8000
FIT, IMAGES, COLD = FitConfig(300, 3e-3, ema=0.99), FitConfig(120, 3e-3, ema=0.99), FitConfig(80, 3e-3, ema=0.0)
FELT, HEARD, SEEN = ("state", "force"), ("state", "audio"), ("image",)
DRAWN = partial(grade_sampling, entropy=0.01)
NONLINEAR, LINEAR, HITS, TWO = "nonlinear", "linear", "hits alone", "two draws"
OBJECTIVES: dict[str, Objective] = {
    NONLINEAR: DRAWN, LINEAR: partial(DRAWN, reward=linear_reward), TWO: partial(DRAWN, samples=2),
    HITS: partial(DRAWN, reward=partial(nonlinear_reward, sharpness=20.0)),
}  # fmt: skip
ORDINAL, LIKELY = "ordinal regression", "likelihood of unordered grades"
REASONED = partial(ReasonedGrades, dimensions=REASONS)


def measure(seed: int) -> dict[str, Any]:
    learnt, judged = rollouts(LEARNT, 2 * seed), rollouts(JUDGED, 2 * seed + 1)
    known = learnt[: len(learnt) // 3]  # of which reasons are known
    found: dict[str, Any] = {"pairs": len(same_looking(judged))}

    def tell(name: str, reward: nn.Module, keys: Sequence[str], *, last: int | None = None) -> None:
        found[name] = _figures(reward, judged, keys, last)

    def trained(
        head: Any, objective: Objective, keys: Sequence[str] = FELT, some: Sequence[Rollout] = learnt,
        begin: Callable[[OrdinalReward], None] | None = None, fit: FitConfig = FIT, last: int | None = None,
    ) -> OrdinalReward:  # fmt: skip
        torch.manual_seed(seed)
        data = rated(some, keys, last=last)
        reward = OrdinalReward.for_items(data.items, head=head, width=16, rate=RATE)
        if begin is not None:
            begin(reward)
        train_reward(reward, data, objective, fit, seed=seed, batches=Batches(32))
        return reward

    tell(ORDINAL, trained(CumulativeGrades, grade_likelihood), FELT)
    tell(LIKELY, trained(FreeGrades, grade_likelihood), FELT)
    for name, objective in OBJECTIVES.items():
        tell(name, trained(FreeGrades, objective), FELT)
    tell("heard", trained(CumulativeGrades, grade_likelihood, HEARD), HEARD)
    tell("seen", trained(CumulativeGrades, grade_likelihood, SEEN, fit=IMAGES, last=3), SEEN, last=3)

    def imitated(reward: OrdinalReward) -> None:
        imitate_reasons(reward, _known(known), torch.tensor([one.scores for one in known]), COLD, seed=seed)

    def begun(reward: OrdinalReward) -> None:
        train_reward(reward, _known(known), grade_likelihood, COLD, seed=seed, batches=Batches(32))

    tell("reasoned", trained(REASONED, DRAWN, begin=imitated), FELT)
    tell("reasoned uncalled", trained(REASONED, DRAWN), FELT)
    tell("begun", trained(FreeGrades, DRAWN, begin=begun), FELT)
    # As many rollouts: all variants of a third of the starts, or two of each.
    rng = np.random.default_rng(seed)
    count = len(VARIANTS)
    spread = [learnt[count * start + k] for start in range(LEARNT) for k in rng.permutation(count)[: count // 3]]
    tell("whole groups", trained(FreeGrades, DRAWN, some=known), FELT)
    tell("parts of groups", trained(FreeGrades, DRAWN, some=spread), FELT)
    return found


def _known(some: Sequence[Rollout]) -> Comparisons:
    return rated(some, FELT)


def _figures(reward: nn.Module, judged: Sequence[Rollout], keys: Sequence[str], last: int | None) -> dict[str, float]:
    data = rated(judged, keys, last=last)
    with torch.no_grad():
        grades = item_scores(reward, data.items).grades
    assert grades is not None  # for the type checker: every head gives them
    given = grades[:, 0].exp().numpy()
    report = grade_report(
        [one.grade for one in judged], given, policies=[" ".join(VARIANTS[one.variant]) for one in judged]
    )
    expected, likeliest = given @ np.arange(1, 6), 1 + given.argmax(1)
    pairs = same_looking(judged)
    alike = sorted({index for pair in pairs for index in pair})
    return {
        "exact": report.exact, "error": report.error, "gross": 1 - report.within_one, "pairs": report.pair_accuracy,
        "tau": report.tau, "gap": report.gap, "known gap": report.known_gap,
        "won": float(np.mean([abs(known - said) for known, said in report.win_rates.values()])),
        "alike": float(np.mean([likeliest[index] == judged[index].grade for index in alike])),
        "alike pairs": float(np.mean([0.5 + 0.5 * np.sign(expected[one] - expected[two]) for one, two in pairs])),
    }  # fmt: skip


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, name: str, figure: str, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(seed[name][figure]) for seed in found], target, unit=unit)

    def more(claim: str, name: str, other: str, figure: str = "exact", target: str = "") -> Record:
        differences = [float(seed[name][figure] - seed[other][figure]) for seed in found]
        return across_seeds(claim, differences, target, unit="share")

    every = (ORDINAL, LIKELY, *OBJECTIVES)
    return [
        more("exact grades by nonlinear rewards minus those by linear ones", NONLINEAR, LINEAR, target=">= 0.1"),
        more("exact grades by nonlinear rewards minus those by ordinal regression", NONLINEAR, ORDINAL, target=">= 0"),
        more("exact grades by nonlinear rewards minus those by likelihood of unordered grades", NONLINEAR, LIKELY),
        more("exact grades by nonlinear rewards minus those by rewards of hits alone", NONLINEAR, HITS),
        more("two or more grades away: by nonlinear rewards minus by rewards of hits alone", NONLINEAR, HITS, "gross",
             target="<= 0"),
        more("exact grades by nonlinear rewards of eight draws minus of two", NONLINEAR, TWO),
        more("exact grades with reasons that were imitated first minus with grades that were", "reasoned", "begun"),
        more("exact grades with reasons that nobody gave minus without reasons", "reasoned uncalled", NONLINEAR),
        more("exact grades from whole groups of variants minus from as many rollouts of more starts", "whole groups",
             "parts of groups"),
        *(over(f"exact grades, {name}", name, "exact") for name in every),
        *(over(f"exact grades, {name}", key, "exact") for name, key in (
            ("reasons that were imitated first", "reasoned"), ("reasons that nobody gave", "reasoned uncalled"),
            ("grades that were imitated first", "begun"))),
        *(over(f"mean error, {name}", name, "error", unit="grades") for name in every),
        *(over(f"pairs ordered right, {name}", name, "pairs") for name in every),
        *(over(f"Kendall's tau of who acted, {name}", name, "tau", unit="tau")
          for name in (ORDINAL, NONLINEAR, LINEAR)),
        *(over(f"mean error of shares of pairs won, {name}", name, "won") for name in (ORDINAL, NONLINEAR, LINEAR)),
        *(over(f"gap of successes and failures, {name}", name, "gap", unit="grades")
          for name in (ORDINAL, NONLINEAR, LINEAR)),
        over("gap of successes and failures, known", ORDINAL, "known gap", unit="grades"),
        over("rollouts that look alike: exact grades, with force", ORDINAL, "alike", ">= 0.85"),
        more("rollouts that look alike: exact grades with force minus with pictures", ORDINAL, "seen", "alike",
             ">= 0.15"),
        over("rollouts that look alike: exact grades, with force, likelihood of unordered grades", LIKELY, "alike",
             ">= 0.85"),
        over("rollouts that look alike: exact grades, with force, nonlinear rewards", NONLINEAR, "alike"),
        over("rollouts that look alike: exact grades, with sound", "heard", "alike"),
        over("rollouts that look alike: pairs ordered right, with force", ORDINAL, "alike pairs"),
        over("rollouts that look alike: pairs ordered right, with sound", "heard", "alike pairs"),
        over("rollouts that look alike: pairs ordered right, with pictures", "seen", "alike pairs"),
        across_seeds("pairs of rollouts that look alike and differ in their grades", [seed["pairs"] for seed in found],
                     unit="pairs"),
    ]  # fmt: skip
