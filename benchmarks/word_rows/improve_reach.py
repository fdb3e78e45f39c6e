"""A policy that improves by a sentence that nobody has answered by, and by its opposite.

A cup is carried to a goal, by demonstrators who carry it high or low. A simulated server
(`benchmarks.worlds.principled_server`) ranks candidates of the cloned policy by the sentences of TRAINED over HTTP, a
reward learns from all of them, and one round of `robopref improve` lets it judge by a sentence that is not among them.
Measured is what the sentence speaks of, after a chunk: of the cloned policy's own samples, of the candidate that the
reward selects by the sentence, and of the improved policy's own samples.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.deformable import run_context
from benchmarks.records import Record, across_seeds
from benchmarks.worlds.principled_server import ATTRIBUTES, ID, PrincipledServer
from robopref.__main__ import main as robopref
from robopref.cli.trained_rewards import load_rewards
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.decisions import as_scorer
from robopref.evaluation.compare import score_candidates
from robopref.labelers.judge import Judge
from robopref.labelers.principle import PrincipleRanker
from robopref.labelers.served import ServedJudge
from robopref.learning.collect import draw_candidates, draw_states
from robopref.principles import under_principle
from robopref.records import Item
from robopref.robots.sim import SimTask

HIGH, LOW = (ATTRIBUTES["height"][way] for way in (0, 1))
NEAR, FAR = (ATTRIBUTES["goal"][way] for way in (1, 0))
APART, OVER = (ATTRIBUTES["laptop"][way] for way in (0, 1))
# Each clause alone, and some before others; the two sentences that are measured are not among them.
PAIRS = (
    (HIGH, FAR), (LOW, FAR), (NEAR, APART), (FAR, LOW), (APART, HIGH), (OVER, LOW), (HIGH, APART), (LOW, OVER),
)  # fmt: skip
TRAINED = (HIGH, LOW, NEAR, FAR, APART, OVER, *(f"{one}; then {two}" for one, two in PAIRS))
MEASURED = {"low": f"{LOW}; then {APART}", "high": f"{HIGH}; then {OVER}"}
STATES, CANDIDATES, STARTS, PICKED, WARM_UP, SIDE = 40, 6, 60, 16, 12, 48
WORDS = [
    "env=feature_reach", f"env.id=benchmarks.worlds.principled_server:{ID}", "env.max_steps=80", "+env.quality=mixed",
    "+env.options.state=true", "+env.options.points=false", "policy=observed", "policy.observation=[state]",
    "policy.denoiser.hidden=96", "collect.steps=1500", "train.fit.steps=1200", "workers=0", "device=cpu",
]  # fmt: skip
REWARD = [
    "reward=principled",
    "rewards.principled.labelers=[principle]",
    "rewards.principled.fit.steps=600",
    "rewards.explicit=null",
    "rewards.implicit=null",
]
ROUND = [
    "improve.rounds=1", "improve.method=raft", "improve.judge=principled", "improve.states=120",
    "improve.candidates=8", "improve.starts=10", "improve.distil=false", "improve.imitate.steps=800",
    "improve.real=0", f"explore.warm_up={WARM_UP}", "improve.stop.entropy=null",
]  # fmt: skip


def measure(seed: int) -> dict[str, Any]:
    os.environ["ROBOPREF_TRUST"] = "benchmarks.worlds.principled_server"  # the task of the runs
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        _said("collect", f"run={run}", f"seed={seed}", *WORDS)
        _said("train policy", f"run={run}")
        # What a teacher says of the task alone makes the questions; the reward does not learn from it.
        _said("label", f"run={run}", "labeler=perfect", "label.kind=ranking", f"label.states={STATES}",
              f"label.candidates={CANDIDATES}", f"label.warm_up={WARM_UP}")  # fmt: skip
        with PrincipledServer() as server:
            _answered(run, ServedJudge("simulated", base_url=server.url))
        _said("train reward", f"run={run}", *REWARD)
        found: dict[str, Any] = {"any": _acts(run)}
        for name, sentence in MEASURED.items():
            found[f"selected {name}"] = _acts(run, sentence)
            _said("improve", f"run={run}", f"principle={sentence}", *ROUND)
            found[f"improved {name}"] = _acts(run / "rounds" / "raft" / "1")
            (run / "rounds").rename(run / f"rounds-{name}")
    return found


class Carried:
    """Pictures of what candidates of a run lead to."""

    def __init__(self, run: Path) -> None:
        context, store = run_context(run), open_candidates(run / "candidates.zarr")
        try:
            chunks, snapshots, task = store.array("candidates"), store.array("snapshot"), context.pool.task
            self._pictures = np.array([
                [_carried(task, snapshots[state], chunk).picture("side", SIDE) for chunk in chunks[state]]
                for state in range(len(chunks))
            ])  # fmt: skip
        finally:
            context.finish()

    def frames(self, item: Item) -> NDArray[np.uint8]:
        """See `robopref.labelers.judge.Pictures`."""
        return self._pictures[item.start, item.candidate][None]


def _answered(run: Path, judge: Judge) -> None:
    """Have a judge rank the candidates of a run by each sentence of TRAINED."""
    ranker = PrincipleRanker(judge, Carried(run))
    with FeedbackStore(run / "labels.sqlite") as store:
        plain = list(store.queries())
        for sentence in TRAINED:
            asked = under_principle(plain, sentence)
            store.add_queries(asked)
            store.add_all([ranker.label(query) for query in asked])


def _carried(task: SimTask, snapshot: Any, chunk: Any) -> Any:
    """The task after a chunk in a state."""
    task.rewind(snapshot, 0)
    for action in chunk:
        if task.env.step(np.asarray(action, np.float32))[2]:
            break
    return task.env.unwrapped


def _said(command: str, *words: str) -> None:
    if robopref([*command.split(), *words]) != 0:
        raise RuntimeError(f"robopref {command} {' '.join(words)} failed")


def _acts(run: Path, sentence: str | None = None) -> list[float]:
    """Means of `ATTRIBUTES` after a chunk, cm: the policy's own sample, or the one that a sentence selects."""
    context = run_context(run, [] if sentence is None else [f"principle={sentence}"])
    try:
        moments = draw_states(context.pool, "evaluation", count=STARTS, seed=context.seed, warm_up=WARM_UP)
        chunks = draw_candidates(context.policy(), moments, n=PICKED, seed=5, device=context.device)
        picked = chunks[:, 0]
        if sentence is not None:
            scorer = as_scorer(load_rewards(context)["principled"])
            scores = score_candidates(scorer, moments, chunks, context.device)
            picked = chunks[np.arange(len(chunks)), scores.argmax(1)]
        task = context.pool.task
        seen = [
            _carried(task, moment.snapshot, chunk).shown for moment, chunk in zip(moments, picked, strict=True)
        ]  # fmt: skip
        return [float(value) for value in 100 * np.mean(seen, axis=0)]
    finally:
        context.finish()


def records(found: list[dict[str, Any]]) -> list[Record]:
    made = list[Record]()
    for column, what in ((0, "height of the cup"), (2, "distance to the laptop")):
        for way in ("selected", "improved"):
            by = {name: [seed[f"{way} {name}"][column] for seed in found] for name in MEASURED}
            apart = [two - one for one, two in zip(by["low"], by["high"], strict=True)]
            target = ">= 0" if column == 0 else "<= 0"
            who = "the candidate that is selected" if way == "selected" else "own samples of the improved policy"
            made.append(
                across_seeds(f"{what}, {who}: “{MEASURED['high']}” minus “{MEASURED['low']}”", apart, target, unit="cm")
            )
            made += [across_seeds(f"{what}, {who}: “{MEASURED[name]}”", by[name], unit="cm") for name in MEASURED]
        made.append(across_seeds(f"{what}, own samples before", [seed["any"][column] for seed in found], unit="cm"))
    return made
