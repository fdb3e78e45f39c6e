"""How long to train a reward of outcomes on rope: what it chooses from few and many answers, by steps of training.

Seeds, answers, held-out starts and candidates are those of `outcomes.py`, of which only what is needed here is made: no
score of actions is trained. What is done is kept in runs/bench-outcome-steps; a later call goes on.
``python -m benchmarks.outcome_steps seeds=0,1`` takes other seeds than the first five. The result is
``results/outcome_steps.json``.
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

from benchmarks.deformable import first_states, start_seed
from benchmarks.outcomes import ANSWERS, SEEDS, SEEN, TARGETS, carried_out, trained
from benchmarks.records import Record, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.context import Context
from robopref.evaluation.compare import judge_outcomes
from robopref.processes import process_pool

# Answers by their names in `ANSWERS`, and steps of training.
RUNS = (("15", 350), ("15", 700), ("100", 350), ("100", 700))


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    seeds = [int(one) for one in given["seeds"].split(",")] if "seeds" in given else list(range(SEEDS))
    with process_pool(2) as pool:
        found = list(pool.map(run_steps, seeds))
    for record in (made := records(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('outcome_steps', made)}")


def run_steps(seed: int) -> dict[str, Any]:
    """What all candidates at the held-out starts of a seed achieve, and how they are judged, by answers and steps."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    folder = Path("runs/bench-outcome-steps")
    paths = {f"{name}, {steps}": folder / f"{seed}-{name}-{steps}.json" for name, steps in RUNS}
    context = start_seed(seed)
    try:
        outcomes = carried_out(context)[2].tolist()
        judged = {
            run: keep(paths[run], lambda name=name, steps=steps: _judged(context, name, steps))["scores"]
            for run, (name, steps) in zip(paths, RUNS, strict=True)
        }
    finally:
        context.finish()
    return {"outcomes": outcomes, "judged": judged}


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    made: list[Record] = []
    for name, steps in RUNS:
        scores = np.concatenate([np.array(seed["judged"][f"{name}, {steps}"]) for seed in found])
        claim = f"a reward of outcomes, all 16 carried out ({name} orderings, {steps} steps)"
        made.append(share_of_gap(claim, chosen_by(scores, outcomes), outcomes, owner, least=TARGETS[name]))
    return made


def _judged(context: Context, name: str, steps: int) -> dict[str, Any]:
    moments, _, _, after = carried_out(context)
    data = load_preferences(context, after=SEEN)
    states, _ = ANSWERS[name]
    asked = replace(data, target=first_states(data.target, states))
    judge = trained(context, asked, f"{name}-{steps}", [f"rewards.outcome.fit.steps={steps}"])
    return {"scores": judge_outcomes(judge, moments, after, context.device).tolist()}


if __name__ == "__main__":
    main(sys.argv[1:])
