"""The explainer on planted features: 20 of them, 3 that answers go by and 3 that are like these (.6), 400 pairs.

A tenth of the answers are wrong. The same pairs are also answered by coin flips; with a cue of the camera's side beside
the three features; and set beside a rubric that lacks one of the three and names one that nobody goes by. A scripted
model proposes as well: in the order of a draw the three, 15 others and lines that are none, with random confidences.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import Record, across_seeds
from robopref.answers import Answers
from robopref.data.episodes.recorded_views import Lookup
from robopref.explanation.explainer import Inference, explain
from robopref.explanation.feature_table import FeatureTable, feature_table
from robopref.explanation.findings import Explanation, Hypothesis
from robopref.explanation.grammar import parse_feature
from robopref.explanation.hypothesis_search import Asked, Explained, search
from robopref.explanation.model_proposer import ModelProposer
from robopref.explanation.offered import is_presentation
from robopref.explanation.rubric import RubricTerm, beside_rubric, listed_terms
from robopref.labelers.judge import Part, Reply, Schema
from robopref.records import Feedback, Item, Preference, Query

SEEDS, PAIRS, FEATURES, WRONG, ALIKE = 60, 400, 20, 0.1, 0.6
PLANTED = [f"mean(state[{k}])" for k in range(3)]
NAMED = "mean(state[9])"  # by the rubric, and gone by by nobody
CUE = "mean(camera)"
HOSTILE = ["more __import__('os').system('ls') 0.9", "less mean(stat[0]) 0.9", "<script>alert(1)</script>"]


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
    model = _by_model(items, side, _answered(worth, rng), rng, seed)
    beside = beside_rubric(model.explanation, model.table, _rubric())
    return {
        "recall by model": float(np.mean([name in _confirmed(model.explanation) for name in PLANTED])),
        "false by model": len(_confirmed(model.explanation) - set(PLANTED)),
        "refused": float(len(model.refused) == len(HOSTILE)),
        "prior by model": beside.prior or 0.0, "posterior by model": beside.posterior or 0.0,
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


class ScriptedModel:
    """Says the same whatever it is asked.

    Args:
        lines: Hypotheses.
    """

    name, prices = "scripted", None

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """Reply with all lines."""
        del parts, schema, sample
        return Reply(json.dumps({"reasoning": "", "hypotheses": "\n".join(self.lines)}))


def _by_model(items: np.ndarray, side: np.ndarray, first: np.ndarray, rng: np.random.Generator, seed: int) -> Explained:
    others = rng.permutation(np.arange(3, FEATURES))[:15]
    proposed = [*PLANTED, *(f"mean(state[{k}])" for k in others)]
    lines = [f"{rng.choice(['more', 'less'])} {one} {rng.random():.2f}" for one in proposed]
    model = ScriptedModel(rng.permutation([*lines, *HOSTILE]).tolist())
    answers, lookup = _stored(items, side, first)
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(answers, lookup, folder=Path(folder))
        return search(asked, ModelProposer(model, rounds=1, most=30), Inference(seed=seed))


def _stored(items: np.ndarray, side: np.ndarray, first: np.ndarray) -> tuple[Answers, Lookup]:
    """Answers as they are stored, to pairs of items with an array of 20 numbers and one of the camera."""
    compared = [Item("planted", k, k + 1) for k in range(len(items))]
    queries = [Query(str(k), "pair", (compared[2 * k], compared[2 * k + 1])) for k in range(len(first))]
    feedback = [Feedback(str(k), Preference(float(answer)), "ann") for k, answer in enumerate(first)]

    def lookup(item: Item) -> dict[str, np.ndarray]:
        return {"state": items[[item.start]], "camera": side[[item.start]]}

    return Answers.of(queries, feedback), lookup


def _table(items: np.ndarray, side: np.ndarray, first: np.ndarray) -> FeatureTable:
    answers, lookup = _stored(items, side, first)
    texts = [*(f"mean(state[{k}])" for k in range(FEATURES)), CUE]
    return feature_table(answers, lookup, [parse_feature(text, ["state", "camera"]) for text in texts])


def _hypotheses(table: FeatureTable) -> list[Hypothesis]:
    return [Hypothesis(feature.name, 0.1, presentation=is_presentation(feature, ())) for feature in table.features]


def _rubric() -> list[RubricTerm]:
    return [term for term, _ in listed_terms([f"more {PLANTED[0]}", f"more {PLANTED[1]}", NAMED], ["state"], {})]


def _gaps(items: np.ndarray, side: np.ndarray, first: np.ndarray, seed: int) -> dict[str, float]:
    table = _table(items, side, first)
    explanation = explain(table.answers, _hypotheses(table), Inference(seed=seed))
    report = beside_rubric(explanation, table, _rubric())
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
        across_seeds("by a scripted model: planted features that are confirmed", of("recall by model"), ">= 0.95"),
        across_seeds("by a scripted model: others that are confirmed", of("false by model"), "<= 0.2", unit="a run"),
        across_seeds("by a scripted model: runs in which just what is no feature is refused", of("refused"), ">= 1"),
        across_seeds("by a scripted model: correlation of its priors with that rubric", of("prior by model"), unit="r"),
        across_seeds(
            "by a scripted model: correlation of the posteriors with that rubric", of("posterior by model"), unit="r"
        ),
        across_seeds("runs on coin flips in which nothing is confirmed", of("nothing"), ">= 0.95"),
        across_seeds("runs with a planted cue, the camera's side, in which it raises an alarm", of("alarm"), ">= 0.95"),
        across_seeds("runs without the cue in which there is no alarm", of("no alarm"), ">= 0.95"),
        across_seeds("runs in which what the rubric lacks is named, and nothing else", of("unnamed"), ">= 0.95"),
        across_seeds(
            "runs in which what the rubric names in vain is named, and nothing else", of("not followed"), ">= 0.95"
        ),
        across_seeds("correlation of posteriors with a rubric of 2 of the 3 and one other", of("posterior"), unit="r"),
    ]  # fmt: skip
