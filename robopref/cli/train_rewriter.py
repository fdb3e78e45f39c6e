"""`robopref train rewriter`: a small network that learns by reinforcement what terse instructions leave out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robopref.checklists.checklist import score, verdicts
from robopref.checklists.vocabulary import Vocabulary, shipped_vocabulary
from robopref.cli.building import settings
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.tables import print_table
from robopref.errors import DataError
from robopref.files import replacing
from robopref.instructions.case import Case, load_cases, needs, words_of
from robopref.instructions.checklist_evaluator import evaluator_accuracy, filled
from robopref.instructions.clause_rewriter import rewrite_by
from robopref.instructions.drawn_cases import HELD_OUT_SAID, draw_cases
from robopref.instructions.random_rewriter import random_rewrite
from robopref.instructions.rewrite import Addition, Rewrite, changed_intent, rewritten
from robopref.instructions.rewrite_rewards import rewrite_rows
from robopref.instructions.rewriter_training import (
    RewriterConfig,
    Workshop,
    train_rewriter,
    trained_evaluator,
    tried_cases,
)
from robopref.instructions.rival_points import without_rivals
from robopref.instructions.stored_rewriter import FOLDER, offers_for, save_rewriter
from robopref.instructions.table_simulator import TableSimulator
from robopref.seeding import derive

_LABELLED, _CASES, _COMPARED = 400, 1000, 60
_HELD_OUT = 5  # every so many cases of a file are compared by, and not learnt from


def run(context: Context) -> None:
    """Train a rewriter and its evaluator; goes on where it stopped. Writes weights and prompts into ``rewriter/``.

    Raises:
        ConfigError: A setting is out of range.
        DataError: The cases cannot be read, or are too few.
        MismatchError: The folder holds a training with other settings.
    """
    given = settings(context.config.rewriter)
    sentences, path = str(given.pop("sentences")), given.pop("instructions")
    config, folder = RewriterConfig(**given), context.folder / FOLDER
    vocabulary = shipped_vocabulary()
    labelled, cases, compared = _cases(context, vocabulary, None if path is None else Path(str(path)))
    offers = offers_for(sentences, vocabulary, words_of([*labelled, *cases]))
    robot = TableSimulator(vocabulary)
    with context.stage("Learn from filled-in checklists", "evaluators"):
        evaluator = trained_evaluator(offers, labelled, robot, config, seed=context.seed, folder=folder)
    workshop = Workshop(offers, robot, evaluator)
    with context.stage("Train the rewriter", "steps", resumes=True) as bar:
        rewriter = train_rewriter(
            workshop, cases, config, seed=context.seed, shown=labelled, folder=folder,
            progress=lambda step, _: bar(step, config.steps),
        )  # fmt: skip
    weights = save_rewriter(folder, rewriter.eval(), sentences, offers)
    with replacing(folder / "prompts.jsonl") as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rewrite_rows(labelled, vocabulary))
    tried, traces = tried_cases(compared, offers, robot, derive(context.seed, "held out") % 2**31, 2)
    right = evaluator_accuracy(evaluator, filled(offers, tried, traces))
    context.say(
        f"evaluator, on checklists that it has not seen: right of {right.done:.0%} of what is wanted whether it was "
        f"done (by what is usual {right.usual:.0%}), and of {right.wanted:.0%} of all points whether they are wanted"
    )
    _compare(context, workshop, compared, without_rivals(evaluator, offers, rewrite_by(rewriter, offers, compared)))
    context.say(f"rewriter: {weights}; robopref instruct INSTRUCTION run={context.folder} goes by it")
    say_curves(context, folder)


def _cases(context: Context, vocabulary: Vocabulary, path: Path | None) -> tuple[list[Case], list[Case], list[Case]]:
    """Instructions with checklists, those to be rewritten, and those to compare by."""
    if path is None:
        rng = np.random.default_rng(derive(context.seed, "instructions"))
        drawn = [draw_cases(vocabulary, count, rng) for count in (_LABELLED, _CASES)]
        return drawn[0], drawn[1], draw_cases(vocabulary, _COMPARED, rng, said=HELD_OUT_SAID)
    cases = load_cases(path, vocabulary)
    known = [case for case in cases if any(vocabulary[one.key].measure for one in case.wanted)]
    compared = known[::_HELD_OUT]
    labelled = [case for place, case in enumerate(known) if place % _HELD_OUT]
    if not labelled:
        raise DataError(
            f"{path}: a rewriter is learnt from two or more instructions whose wanted has a key point with a check"
        )
    held = {id(case) for case in compared}
    return labelled, [case for case in cases if id(case) not in held], compared


def _compare(context: Context, workshop: Workshop, cases: Sequence[Case], trained: Sequence[Rewrite]) -> None:
    """Instructions as they are, by chance, by the tables and by the rewriter, on cases that were not in training."""
    offers, vocabulary = workshop.offers, workshop.offers.vocabulary
    rng = np.random.default_rng(derive(context.seed, "by chance"))
    share = sum(len(one.additions) for one in trained) / (len(trained) * len(offers.points))
    ways = {
        "as they are": [rewritten(case, vocabulary, []) for case in cases],
        "by chance": [random_rewrite(offers, case, share, rng) for case in cases],
        "tables": [
            rewritten(case, vocabulary, [Addition(one, "") for one in needs(case, vocabulary)]) for case in cases
        ],
        "rewriter": list(trained),
    }
    rows: list[tuple[str, ...]] = [("instructions", "checklist", "changed intent", "clauses added")]
    for name, rewrites in ways.items():
        done = [
            score(verdicts(vocabulary, one.case.wanted, workshop.robot.run(one.case, one.text, place))) or 0.0
            for place, one in enumerate(rewrites)
        ]
        changed = np.mean([bool(changed_intent(one, vocabulary)) for one in rewrites])
        clauses = np.mean([len(one.additions) for one in rewrites])
        rows.append((name, f"{np.mean(done):.0%}", f"{changed:.0%}", f"{clauses:.1f}"))
    print_table(context.console, f"{len(cases)} other instructions", rows)
