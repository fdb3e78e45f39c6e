"""Terse instructions made explicit, for a frozen robot that does what is said and is careless in all else.

The robot is `robopref.instructions.table_simulator`: no physics, and it goes by eight clauses at most. What is wanted
is planted in words of the instruction and of what is around, and never said. 400 instructions come with filled-in
checklists, which the evaluator learns from, and 200 of them with what others made of them, which the rewriter imitates
at first; 1,000 more come with nothing, and the evaluator alone says what rewrites of them are worth. Tested is on 200
more, in ways of saying it that were never met, by the true checklists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from robopref.checklists.checklist import score, verdicts
from robopref.checklists.vocabulary import shipped_vocabulary
from robopref.instructions.best_rewrite import best_rewrite
from robopref.instructions.case import Case, needs, words_of
from robopref.instructions.checklist_evaluator import evaluator_accuracy, filled
from robopref.instructions.clause_rewriter import rewrite_by
from robopref.instructions.drawn_cases import HELD_OUT_SAID, draw_cases, said_in_full
from robopref.instructions.random_rewriter import random_rewrite
from robopref.instructions.rewrite import Addition, Rewrite, changed_intent, rewritten
from robopref.instructions.rewriter_training import (
    RewriterConfig,
    RewriterTraining,
    Workshop,
    train_rewriter,
    trained_evaluator,
    tried_cases,
)
from robopref.instructions.rival_points import without_rivals
from robopref.instructions.stored_rewriter import offers_for
from robopref.instructions.table_simulator import TableSimulator

LABELLED, UNLABELLED, TESTED, TRIED, PRICE = 400, 1000, 200, 8, 0.03
VOCABULARY = shipped_vocabulary()
ROBOT = TableSimulator(VOCABULARY)


def measure(seed: int) -> dict[str, Any]:
    rng, config = np.random.default_rng(seed), RewriterConfig()
    labelled, unlabelled = draw_cases(VOCABULARY, LABELLED, rng), draw_cases(VOCABULARY, UNLABELLED, rng)
    blind = [Case(case.instruction, case.scene) for case in unlabelled]
    offers = offers_for("words", VOCABULARY, words_of([*labelled, *blind]))
    test = draw_cases(VOCABULARY, TESTED, rng, said=HELD_OUT_SAID)
    evaluator = trained_evaluator(offers, labelled, ROBOT, config, seed=seed)
    workshop = Workshop(offers, ROBOT, evaluator)
    found: dict[str, Any] = _evaluator_figures(workshop, test, seed)
    cold = RewriterTraining(workshop, blind, config, seed, labelled[: config.shown]).rewriter
    guarded = lambda rewrites: without_rivals(evaluator, offers, rewrites)  # noqa: E731
    _tell(found, "cold start", guarded(rewrite_by(cold, offers, test)))
    rewriter = train_rewriter(workshop, blind, config, seed=seed, shown=labelled)
    alone = rewrite_by(rewriter, offers, test)
    _tell(found, "unguarded", alone)
    trained = guarded(alone)
    _tell(found, "rewriter", trained)
    share = sum(len(one.additions) for one in trained) / (TESTED * len(offers.points))
    _tell(found, "nothing", [rewritten(case, VOCABULARY, []) for case in test])
    _tell(found, "by chance", [random_rewrite(offers, case, share, rng) for case in test])
    told = [[Addition(one, "") for one in needs(case, VOCABULARY)] for case in test]
    _tell(found, "planted", [rewritten(case, VOCABULARY, some) for case, some in zip(test, told, strict=True)])

    def by_chance(case: Case) -> list[Rewrite]:
        return [random_rewrite(offers, case, share, rng) for _ in range(TRIED - 1)]

    generator = torch.Generator().manual_seed(seed)
    _tell(found, "best by chance", _best(workshop, test, by_chance))
    drawn = lambda case: guarded(rewrite_by(rewriter, offers, [case] * (TRIED - 1), generator))  # noqa: E731
    _tell(found, "best of rewriter", _best(workshop, test, drawn, trained))
    whole = [said_in_full(case, VOCABULARY, rng) for case in test]
    _tell(found, "complete", [rewritten(case, VOCABULARY, []) for case in whole])
    kept = guarded(rewrite_by(rewriter, offers, whole))
    _tell(found, "complete, rewritten", kept)
    return found | {"complete, unchanged": float(np.mean([one.text == one.case.instruction for one in kept]))}


def _evaluator_figures(workshop: Workshop, test: Sequence[Case], seed: int) -> dict[str, Any]:
    cases, traces = tried_cases(test, workshop.offers, ROBOT, seed + 1000, 2)
    right = evaluator_accuracy(workshop.evaluator, filled(workshop.offers, cases, traces))
    return {f"evaluator {name}": value for name, value in vars(right).items()}


def _best(
    workshop: Workshop, cases: Sequence[Case], draw: Callable[[Case], list[Rewrite]],
    first: Sequence[Rewrite] | None = None,
) -> list[Rewrite]:  # fmt: skip
    begun = [rewritten(case, VOCABULARY, []) for case in cases] if first is None else first
    return [
        best_rewrite(workshop, [one, *draw(case)], price=PRICE, seeds=[7])
        for case, one in zip(cases, begun, strict=True)
    ]


def _tell(found: dict[str, Any], name: str, rewrites: Sequence[Rewrite]) -> None:
    """By the true checklists, where all meet the same tables and the same carelessness."""
    done = [
        score(verdicts(VOCABULARY, one.case.wanted, ROBOT.run(one.case, one.text, 10_000 + place))) or 0.0
        for place, one in enumerate(rewrites)
    ]
    found[f"{name} score"] = float(np.mean(done))
    found[f"{name} changed"] = float(np.mean([bool(changed_intent(one, VOCABULARY)) for one in rewrites]))
    found[f"{name} clauses"] = float(np.mean([len(one.additions) for one in rewrites]))


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Callable[[dict[str, Any]], float], target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    def of(name: str) -> Callable[[dict[str, Any]], float]:
        return lambda seed: seed[name]

    def gain(name: str, over_: str = "nothing") -> Callable[[dict[str, Any]], float]:
        return lambda seed: seed[f"{name} score"] - seed[f"{over_} score"]

    ways = {
        "nothing": "instructions as they are", "by chance": "as many clauses by chance",
        "best by chance": f"the best of {TRIED} by chance, by the evaluator",
        "cold start": "what imitation alone gives",
        "unguarded": "the trained rewriter, with clauses that rule out what the evaluator finds wanted",
        "rewriter": "the trained rewriter", "best of rewriter": f"the best of {TRIED} of the trained rewriter",
        "planted": "the tables that the requirements were planted by",
    }  # fmt: skip
    made = [
        over("share of the checklist that is done after rewriting minus that before", gain("rewriter"), ">= 0.05"),
        over("rewritten instructions that change what was meant", of("rewriter changed"), "<= 0.01"),
        over("complete instructions: share of the checklist after rewriting minus that before, either way",
             lambda seed: abs(gain("complete, rewritten", "complete")(seed)), "<= 0.005"),
        over("complete instructions that are left as they are, to the letter", of("complete, unchanged")),
        over("reinforcement: share of the checklist after it minus that of imitation alone",
             gain("rewriter", "cold start"), ">= 0"),
        over("clauses by chance: instructions that change what was meant", of("by chance changed"), ">= 0.01"),
        over("clauses by chance: share of the checklist after minus that before", gain("by chance")),
        over("evaluator, held out: right whether a wanted point was done", of("evaluator done")),
        over("evaluator, held out: the same of who says what is usual of each point", of("evaluator usual")),
        over("evaluator, held out: right whether a point is wanted", of("evaluator wanted")),
        over("evaluator, held out: wanted points that it finds", of("evaluator found")),
        over("evaluator, held out: correlation of its scores with the true ones", of("evaluator agreement"), "",
             "correlation"),
    ]  # fmt: skip
    for name, said in ways.items():
        made += [
            over(f"{said}: share of the checklist that is done", of(f"{name} score")),
            over(f"{said}: instructions that change what was meant", of(f"{name} changed")),
            over(f"{said}: clauses that are added", of(f"{name} clauses"), "", "clauses"),
        ]
    return made
