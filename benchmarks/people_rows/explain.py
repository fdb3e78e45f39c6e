"""The explainer on planted features: 20 of them, 3 that answers go by and 3 that are like these (.6), 400 pairs.

A tenth of the answers are wrong. The same pairs are also answered by coin flips; with a cue of the camera's side beside
the three features; and set beside a rubric that lacks one of the three and names one that nobody goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.records import Record, across_seeds
from robopref.answers import Answers
from robopref.explanation.explainer import Inference, explain
from robopref.explanation.feature_table import FeatureTable, feature_table
from robopref.explanation.findings import Explanation, Hypothesis
from robopref.explanation.grammar import parse_feature
from robopref.explanation.offered import is_presentation
from robopref.explanation.rubric import beside_rubric, listed_terms
from robopref.records import Feedback, Item, Preference, Query

SEEDS, PAIRS, FEATURES, WRONG, ALIKE = 60, 400, 20, 0.1, 0.6
PLANTED = [f"mean(state[{k}])" for k in range(3)]
NAMED = "mean(state[9])"  # by the rubric, and gone by by nobody
CUE = "mean(camera)"


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(2 * PAIRS, FEATURES))
    for k in range(3):
        items[:, 3 + k] = ALIKE * items[:, k] + np.sqrt(1 - ALIKE**2) * items[:, 3 + k]
    side = rng.choice([-1.0, 1.0], size=2 * PAIRS)
    worth = items[:, :3].sum(1)
    found = _explained(items, side, _answered(worth, rng), seed)
    confirmed = _confirmed(found)
    flips = _explained(items, side, rng.random(PAIRS) < 0.5, seed)
    cued = _explained(items, side, _answered(worth + side, rng), seed)
    gaps = _gaps(items, side, _answered(worth, rng), seed)
    return {
        "recall": float(np.mean([name in confirmed for name in PLANTED])),
        "false": len(confirmed - set(PLANTED)),
        "held out": found.accuracy.explained, "single": found.accuracy.single,
        "nothing": float(not _confirmed(flips)),
        "alarm": float(CUE in [one.hypothesis.feature for one in cued.alarms]),
        "no alarm": float(not found.alarms),
        **gaps,
    }  # fmt: skip


def _answered(worth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether the first of each two is preferred."""
    return (worth[::2] > worth[1::2]) ^ (rng.random(PAIRS) < WRONG)


def _explained(items: np.ndarray, side: np.ndarray, first: np.ndarray, seed: int) -> Explanation:
    table = _table(items, side, first)
    return explain(table.answers, _hypotheses(table), Inference(seed=seed))


def _table(items: np.ndarray, side: np.ndarray, first: np.ndarray) -> FeatureTable:
    """Answers as they are stored, to pairs of items with an array of 20 numbers and one of the camera."""
    compared = [Item("planted", k, k + 1) for k in range(len(items))]
    queries = [Query(str(k), "pair", (compared[2 * k], compared[2 * k + 1])) for k in range(len(first))]
    feedback = [Feedback(str(k), Preference(float(answer)), "ann") for k, answer in enumerate(first)]
    texts = [*(f"mean(state[{k}])" for k in range(FEATURES)), CUE]
    features = [parse_feature(text, ["state", "camera"]) for text in texts]

    def lookup(item: Item) -> dict[str, np.ndarray]:
        return {"state": items[[item.start]], "camera": side[[item.start]]}

    return feature_table(Answers.of(queries, feedback), lookup, features)


def _hypotheses(table: FeatureTable) -> list[Hypothesis]:
    return [Hypothesis(feature.name, 0.1, presentation=is_presentation(feature, ())) for feature in table.features]


def _gaps(items: np.ndarray, side: np.ndarray, first: np.ndarray, seed: int) -> dict[str, float]:
    table = _table(items, side, first)
    explanation = explain(table.answers, _hypotheses(table), Inference(seed=seed))
    rubric = [term for term, _ in listed_terms([f"more {PLANTED[0]}", f"more {PLANTED[1]}", NAMED], ["state"], {})]
    report = beside_rubric(explanation, table, rubric)
    return {
        "unnamed": float([one.hypothesis.feature for one in report.unnamed] == [PLANTED[2]]),
        "not followed": float([gap.status for gap in report.terms] == ["followed", "followed", "not followed"]),
        "posterior": 0.0 if report.posterior is None else report.posterior,
    }


def _confirmed(explanation: Explanation) -> set[str]:
    return {one.hypothesis.feature for one in explanation.of("confirmed")}


def records(found: Sequence[dict[str, Any]]) -> list[Record]:
    def of(name: str) -> list[float]:
        return [float(seed[name]) for seed in found]

    gain = [seed["held out"] - seed["single"] for seed in found]
    return [
        across_seeds("planted features that are confirmed", of("recall"), ">= 0.95"),
        across_seeds("others that are confirmed, decoys among them", of("false"), "<= 0.2", unit="a run"),
        across_seeds("held-out answers predicted by what is confirmed; 0.9 are right", of("held out")),
        across_seeds("held-out answers predicted by the best single feature", of("single")),
        across_seeds("gain in held-out answers over the best single feature", gain, ">= 0.1"),
        across_seeds("runs on coin flips in which nothing is confirmed", of("nothing"), ">= 0.95"),
        across_seeds("runs with a planted cue, the camera's side, in which it raises an alarm", of("alarm"), ">= 0.95"),
        across_seeds("runs without the cue in which there is no alarm", of("no alarm"), ">= 0.95"),
        across_seeds("runs in which what the rubric lacks is named, and nothing else", of("unnamed"), ">= 0.95"),
        across_seeds(
            "runs in which what the rubric names in vain is named, and nothing else", of("not followed"), ">= 0.95"
        ),
        across_seeds("correlation of posteriors with a rubric of 2 of the 3 and one other", of("posterior"), unit="r"),
    ]  # fmt: skip
