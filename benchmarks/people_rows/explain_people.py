"""What people go by in five published files of answers.

HUMAN_PREFERENCES=<folder> ROWS=explain_people make bench-people

``<task>_train.npz`` of Kim et al. (2023) as released with inverse preference learning (Hejna and Sadigh 2023): 100
answers each, about a quarter to a half of them ties, and no rubric comes with them. Each run holds out other answers;
the grammar proposes. What is stored of which item was shown first is the order of the file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.human_labels import TASKS
from benchmarks.records import Record, across_seeds
from robopref.answers import Answers
from robopref.data.label_formats import inverse_preference_learning
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.explanation.explainer import Inference
from robopref.explanation.hypothesis_search import Asked, search
from robopref.explanation.proposals import GrammarProposer

SEEDS = 10
_NAMED = 3  # features that a record names, and least share of runs in which one was confirmed
_OFTEN = 0.3


def measure(seed: int) -> dict[str, Any]:
    folder = os.environ.get("HUMAN_PREFERENCES")
    if not folder:
        print("explain_people: skipped; say where the labels are: HUMAN_PREFERENCES=<folder of <task>_train.npz>")
        return {}
    found: dict[str, Any] = {}
    for task in TASKS:
        asked = _asked(Path(folder) / f"{task}_train.npz")
        told = search(asked, GrammarProposer(), Inference(seed=seed)).explanation
        flips = _flipped(asked, np.random.default_rng(seed))
        found[task] = {
            "confirmed": [one.said for one in told.of("confirmed")],
            "alarms": [one.said for one in told.alarms],
            "held out": told.accuracy.explained,
            "tested": told.tested,
            "flips": len(search(flips, GrammarProposer(), Inference(seed=seed)).explanation.of("confirmed")),
        }
    return found


def _asked(path: Path) -> Asked:
    labels = inverse_preference_learning.read(path, Naming())
    (segments,) = labels.segments.values()
    length = len(segments[0]["action"])
    return Asked(Answers.of(labels.queries, labels.feedback), lambda item: segments[item.start // length])


def _flipped(asked: Asked, rng: np.random.Generator) -> Asked:
    """The same pairs, answered by coin flips."""
    answers = asked.answers
    p = np.where(answers.p == 0.5, 0.5, rng.integers(0, 2, len(answers)).astype(np.float64))
    return replace(asked, answers=replace(answers, p=p))


def records(found: Sequence[dict[str, Any]]) -> list[Record]:
    if not found[0]:
        return []
    made: list[Record] = []
    for task in TASKS:
        runs = [seed[task] for seed in found]
        confirmed = Counter(said for run in runs for said in run["confirmed"])
        alarms = Counter(said for run in runs for said in run["alarms"])
        counted = {name: [float(len(run[name])) for run in runs] for name in ("confirmed", "alarms")}
        made += [
            across_seeds(
                f"{task}: features confirmed{_often(confirmed, len(runs))}", counted["confirmed"], unit="a run"
            ),
            across_seeds(
                f"{task}: alarms of how items were shown{_often(alarms, len(runs))}", counted["alarms"], unit="a run"
            ),
            across_seeds(
                f"{task}: decided held-out answers predicted by what is confirmed", [run["held out"] for run in runs]
            ),
        ]  # fmt: skip
    quiet = [float(not seed[task]["flips"]) for seed in found for task in TASKS]
    flips = "the same pairs answered by coin flips: runs in which nothing is confirmed"
    made.append(across_seeds(flips, quiet, ">= 0.95"))
    return made


def _often(said: Counter[str], runs: int) -> str:
    named = [f"{one} in {count} of {runs}" for one, count in said.most_common(_NAMED) if count >= _OFTEN * runs]
    return f" ({', '.join(named)})" if named else ""
