"""What orderings that show actions which fail on purpose teach rewards of the rope, at as many orderings.

Seeds, answers and held-out starts are those of `deformable.py`. In some of the labelled states four of the eight
candidates give way to the demonstrator's action and to what `many_candidates.py` makes of it: it misses the rope, takes
the other end, or takes the rope the wrong way. The teacher orders the eight as it orders all others. Rewards of actions
and of outcomes are trained on the answers as they were and on those, and compared by how often an action that fails
fools them at held-out starts, and by what they choose among 16 candidates of the policy.

What is done is kept in runs/bench-failure-labels; a later call goes on. ``python -m benchmarks.failure_labels seeds=1
states=20 starts=20`` does less; the result is ``results/failure_labels.json``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.deformable import start_seed, train_rewards
from benchmarks.many_candidates import FAILURES, OUTCOME, WORSE, failures, looked_at
from benchmarks.outcomes import SEEN, carried_out, trained
from benchmarks.records import Record, across_seeds, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.context import Context
from robopref.data.episodes.candidate_store import CANDIDATES, open_candidates
from robopref.decisions import as_scorer
from robopref.evaluation.compare import judge_outcomes, score_candidates
from robopref.items import ACTION, Comparisons
from robopref.learning.collect import draw_states
from robopref.processes import process_pool
from robopref.records import OUTCOME as AFTER
from robopref.robots.sim import carried_out as carried_out_in
from robopref.scores import PairTarget

SEEDS, STATES, STARTS = 3, 20, 60
PLAIN = "candidates of the policy alone"
SHOWN = 1 + len(FAILURES)  # in place of the last candidates of a state
NAMES = ("explicit", "implicit")


def main(words: Sequence[str] = ()) -> None:
    """Run what is not done, two seeds at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    seeds = int(given.get("seeds", SEEDS))
    states, starts = int(given.get("states", STATES)), int(given.get("starts", STARTS))
    with process_pool(2) as pool:
        found = list(pool.map(run_labels, range(seeds), [states] * seeds, [starts] * seeds))
    for record in (made := records(found, states)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('failure_labels', made)}")


def run_labels(seed: int, states: int, starts: int) -> dict[str, Any]:
    """What rewards from either answers make of one seed, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    done = Path(f"runs/bench-failure-labels/{seed}-{states}-{starts}.json")
    return keep(done, lambda: found_out(seed, states, starts))


def found_out(seed: int, states: int, starts: int) -> dict[str, Any]:
    """What rewards from either answers make of one seed, as plain values."""
    context = start_seed(seed)
    try:
        plain = load_preferences(context, after=SEEN)
        shown = with_failures(context, plain, states)
        # What is trained is called as in `deformable.py` and `outcomes.py`, so that what they trained is taken.
        answers = {
            PLAIN: (load_preferences(context), "all", plain, "100"),
            failing(states): (_of_actions(shown), f"{states} with failures", shown, f"{states} with failures"),
        }
        moments, chunks, gained, after = carried_out(context)
        apart = draw_states(context.pool, "evaluation", count=starts, seed=seed, warm_up=3)
        made = np.stack(list(context.pool.map(failures, [(one.snapshot, seed) for one in apart])))
        found: dict[str, Any] = {"outcomes": gained.tolist(), "chosen": {}, "failures": {}}
        for name, (actions, condition, data, judged) in answers.items():
            scorers, judge = train_rewards(context, actions, condition, NAMES), trained(context, data, judged, ())
            scores = {one: score_candidates(as_scorer(scorers[one]), moments, chunks, context.device) for one in NAMES}
            scores[OUTCOME] = judge_outcomes(judge, moments, after, context.device)
            found["chosen"][name] = {one: values.tolist() for one, values in scores.items()}
            named = {one: scorers[one] for one in NAMES}
            found["failures"][name] = looked_at(context, named, judge, apart, made)
            print(f"seed {seed}: rewards from {name} done", flush=True)
    finally:
        context.finish()
    return found


def failing(states: int) -> str:
    """What the answers are called that show actions which fail."""
    return f"{SHOWN - 1} failing actions and the demonstrator's in {states} states"


def with_failures(context: Context, data: Comparisons, states: int) -> Comparisons:
    """The same questions, of which the first show the demonstrator's action and what fails in place of four others."""
    store = open_candidates(context.folder / f"{CANDIDATES}.zarr")
    snapshots, chunks = store.array("snapshot")[:states], np.array(store.array("candidates")[:states])
    jobs = [(one, context.seed) for one in snapshots]
    chunks[:, -SHOWN:] = np.stack(list(context.pool.map(failures, jobs)))
    rows = list(context.pool.map(carried_out_in, list(zip(snapshots, chunks, strict=True))))
    steps = {name: value.clone() for name, value in data.items.steps.items()}
    steps[ACTION][:states] = torch.as_tensor(chunks)[:, :, None].reshape(steps[ACTION][:states].shape)
    for name in SEEN:
        seen = np.stack([after[name] for _, after in rows])
        steps[f"{AFTER}{name}"][:states] = torch.as_tensor(seen)[:, :, None]
    gained = torch.as_tensor(np.stack([progress for progress, _ in rows]))
    assert isinstance(data.target, PairTarget)
    p, weight = data.target.p.clone(), data.target.weight
    # As the teacher of `robopref label` answers that does not err: whichever ends nearer to the goal.
    p[:states] = ((gained[:, :, None] - gained[:, None, :]).sign() / 2 + 0.5).float()
    return replace(data, items=replace(data.items, steps=steps), target=PairTarget(p, weight))


def _of_actions(data: Comparisons) -> Comparisons:
    """The same without what came of the actions."""
    kept = [name for name in data.items.steps if not name.startswith(AFTER)]
    return replace(data, items=data.items.only(kept))


def records(found: Sequence[Mapping[str, Any]], states: int) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    made: list[Record] = []
    for score in (*NAMES, OUTCOME):
        for name in (PLAIN, failing(states)):
            values = np.concatenate([np.array(seed["chosen"][name][score]) for seed in found])
            made.append(share_of_gap(f"{score}, orderings of {name}", chosen_by(values, outcomes), outcomes, owner))
        for kind, failure in enumerate(FAILURES, start=1):
            rates = [
                [_fooled(seed["failures"][name], score, kind) for seed in found] for name in (PLAIN, failing(states))
            ]
            for name, shares in zip((PLAIN, failing(states)), rates, strict=True):
                made.append(across_seeds(f"{score} is fooled by a {failure}, orderings of {name}", shares))
            fewer = [before - now for before, now in zip(*rates, strict=True)]
            made.append(
                across_seeds(f"how much more rarely {score} is fooled by a {failure} with failing actions", fewer)
            )
    return made


def _fooled(looked: Mapping[str, Any], score: str, kind: int) -> float:
    """Share of the actions that fail and are found at least as good as what they were made of."""
    outcomes, values = np.array(looked["outcomes"]), np.array(looked["scores"][score])
    fails = outcomes[:, 0] - outcomes[:, kind] > WORSE
    return float((values[fails, kind] >= values[fails, 0]).mean())


if __name__ == "__main__":
    main(sys.argv[1:])
