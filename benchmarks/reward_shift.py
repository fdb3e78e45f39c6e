"""Explicit against implicit rewards on candidates that are unlike those that were labelled.

``python -m benchmarks.reward_shift env=cloth_fold`` goes on from the seeds that ``benchmarks.deformable`` left for that
task, or makes them, and takes the same further settings; with ``evaluate.elsewhere='{target: u}'``, which is rope's,
starts on the way to another target are a shift as well. On half of the held-out starts, candidates come from elsewhere
(`robopref.evaluation.candidate_shift`), all of them are tried, and pairs are ordered by either reward. Both
learnt from the same labels; how well they fit them is measured as well, since rewards that fit differently cannot be
compared elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.deformable import SEEDS, folder, held_out, start_seed, train_rewards
from benchmarks.records import Record, across_seeds, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.decisions import as_scorer
from robopref.evaluation.candidate_shift import (
    ELSEWHERE,
    another_end,
    candidate_shifts,
    shift_report,
    starts_elsewhere,
)
from robopref.evaluation.reward_shift import LARGEST_LOSS, MEAN_LOSS
from robopref.files import write_json
from robopref.items import Comparisons
from robopref.objectives.pairwise import pair_agreement
from robopref.processes import process_pool
from robopref.protocols import CandidateScorer
from robopref.scores import PairTarget, Scores

REWARDS = ("explicit", "implicit")
TRAINED, FIT = "policy's candidates", "labelled candidates"


def main(words: Sequence[str] = ()) -> None:
    """Measure all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    env, seeds = given.pop("env", "cloth_fold"), int(given.pop("seeds", SEEDS))
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_seed, range(seeds), [env] * seeds, [others] * seeds))
    made = records(found)
    for record in made:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high}) {record.target} {record.holds}")
    print(f"result: {write(f'reward_shift_{env}', made)}")


def run_seed(seed: int, env: str, others: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Accuracy and calibration of each reward under each shift, and on what it learnt from; read back if done."""
    done = folder(env, seed) / "shift.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    context = start_seed(seed, env, others)
    try:
        moments, chunks, gained, _ = held_out(context)
        data = load_preferences(context)
        trained = train_rewards(context, data, "all")
        scorers = {name: as_scorer(trained[name]) for name in REWARDS}
        half = slice(0, len(moments) // 2)
        shifts = candidate_shifts(context.pool, moments[half], chunks[half], gained[half], seed=seed)
        if (options := context.config.evaluate.elsewhere) is not None:
            other = another_end(build(context.config.env), settings(options))
            shifts[ELSEWHERE] = starts_elsewhere(
                context.pool, other, context.policy(), count=len(moments[half]),
                warm_up=int(context.config.evaluate.warm_up), seed=seed, device=context.device,
            )  # fmt: skip
        threshold = context.pool.task.goal.difference
        report: dict[str, Any] = shift_report(scorers, shifts, context.device, threshold)
        for name, scorer in scorers.items():
            report[name][FIT] = {"accuracy": fit(scorer, data)}
    finally:
        context.finish()
    write_json(done, report)
    return report


@torch.no_grad()
def fit(scorer: CandidateScorer, data: Comparisons) -> float:
    """Share of the labelled pairs with a better item that a reward orders right."""
    assert isinstance(data.target, PairTarget), "the benchmark's teacher orders candidates"
    rows = [scorer.score(*data.items[torch.tensor([k])].decisions()).value for k in range(len(data))]
    return float(pair_agreement(Scores(torch.cat(rows)), data.target))


def records(found: list[dict[str, dict[str, dict[str, float]]]]) -> list[Record]:
    """Accuracies, what is lost under shifts, and how much more the implicit reward loses."""

    def over(reward: str, shift: str, what: str = "accuracy") -> np.ndarray:
        return np.array([seed[reward][shift][what] for seed in found])

    made, shifts = list[Record](), [name for name in found[0]["implicit"] if name not in (TRAINED, FIT)]
    for reward in REWARDS:
        made.append(across_seeds(f"{reward}: pair accuracy on {FIT}", over(reward, FIT)))
        for shift in (TRAINED, *shifts):
            made.append(across_seeds(f"{reward}: pair accuracy on {shift}", over(reward, shift)))
            made.append(across_seeds(f"{reward}: calibration error on {shift}", over(reward, shift, "ece")))
    gap = over("implicit", FIT) - over("explicit", FIT)
    made.append(across_seeds(f"implicit less explicit: pair accuracy on {FIT}", gap))
    worse = {shift: _lost("implicit", shift, over) - _lost("explicit", shift, over) for shift in shifts}
    for shift, values in worse.items():
        made.append(across_seeds(f"accuracy that implicit loses more than explicit on {shift}", values))
    most = max(worse, key=lambda shift: float(worse[shift].mean()))
    mean = np.mean(list(worse.values()), axis=0)
    made.append(across_seeds("the same, mean of the shifts", mean, f"<= {MEAN_LOSS}"))
    return [*made, across_seeds(f"the same, largest of the shifts: {most}", worse[most], f"<= {LARGEST_LOSS}")]


def _lost(reward: str, shift: str, over: Callable[[str, str], np.ndarray]) -> np.ndarray:
    return over(reward, TRAINED) - over(reward, shift)


if __name__ == "__main__":
    main(sys.argv[1:])
