"""Process rewards that outcomes refresh while an agent acts (PRIME), beside outcomes alone, where outcomes are sparse.

Sixteen steps, of which each may go wrong for good (`worlds/sparse_gates.py`); only the end says whether none did. PPO
(four passes, 1e-3), 60 batches of 8 rollouts from each of 8 starts, by two estimators of advantages, with process
rewards, without, and with process rewards that are not refreshed after 8 batches. How soon: rollouts until the mean
success of five batches in a row reaches that of the last five of the agent of outcomes alone, over the rollouts after
which that agent reaches it first; where it is not reached, all rollouts count, and where that agent ends without any
success, both reach it at once. A planted reward, for acting to the
right, has to be found out on gates that are wide enough for an untrained agent to succeed at times.

What is done is kept in runs/bench-prime; a later call goes on. ``python -m benchmarks.prime seeds=1`` does less.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO

from benchmarks.records import Record, across_seeds, exactly, keep, write
from benchmarks.worlds.sparse_gates import ACTIONS, SparseGates
from robopref.interaction import AgentSpec
from robopref.learning.advantages import GeneralisedAdvantage, LeaveOneOut
from robopref.learning.process_training import ProcessSettings, ProcessTraining
from robopref.learning.rollout_agent import RolloutBaseline
from robopref.learning.rollouts import RolloutTasks
from robopref.learning.stable_baselines import adapted
from robopref.processes import process_pool
from robopref.rewards.implicit_process import ImplicitProcessReward

SEEDS, BATCHES, HACKED, TOGETHER, LATE = 5, 60, 25, 5, 20
STEPS, WIDTH, WIDE, PLANTED = 16, 0.95, 1.2, 2.0
PAPER = "leave-one-out, summed as in PRIME"
ESTIMATORS = {"leave-one-out": LeaveOneOut(), PAPER: LeaveOneOut(discount=1.0), "GAE": GeneralisedAdvantage()}
VARIANTS = {"process": {}, "outcome": {"weight": 0.0}, "frozen": {"refresh": False}}
# Outcomes alone are the same however process rewards are summed.
MEASURED = {
    "leave-one-out": ("process", "outcome", "frozen"), PAPER: ("process",), "GAE": ("process", "outcome"),
}  # fmt: skip


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    seeds = int(dict(word.split("=", 1) for word in words).get("seeds", SEEDS))
    with process_pool(2) as pool:
        found = list(pool.map(run_seed, range(seeds)))
    for record in (made := records(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('prime', made)}")


def run_seed(seed: int) -> dict[str, Any]:
    """Curves of one seed by estimator and variant; each is read back if it is done."""
    torch.set_num_threads(1)
    folder, found = Path("runs/bench-prime"), dict[str, Any]()
    for estimator, variants in MEASURED.items():
        for variant in variants:
            name = f"{estimator} {variant}"
            found[name] = keep(folder / f"{name}-{seed}.json", partial(curves, seed, estimator, variant))
    found["hacked"] = keep(folder / f"hacked-{seed}.json", partial(hacked, seed))
    return found


def training(seed: int, how: ProcessSettings, width: float) -> ProcessTraining:
    """An agent and a reward that have learnt nothing."""
    spec = AgentSpec({"state": (ACTIONS + 1,)}, ACTIONS, 1, seed, torch.device("cpu"))
    ppo = partial(
        PPO, policy="MlpPolicy", learning_rate=1e-3, batch_size=256, n_epochs=4, policy_kwargs={"log_std_init": -0.7}
    )
    agent = RolloutBaseline(adapted(ppo, spec))
    tasks = RolloutTasks([SparseGates(STEPS, width) for _ in range(how.starts * how.rollouts)])
    return ProcessTraining(agent, tasks, ImplicitProcessReward(["state"], agent.density()), how, seed=seed)


def curves(seed: int, estimator: str, variant: str) -> dict[str, Any]:
    """Success and order of every batch, and after which the watch would have stopped it."""
    how = ProcessSettings(advantage=ESTIMATORS[estimator], **VARIANTS[variant])
    one, success, ordered, alarm = training(seed, how, WIDTH), list[float](), list[float](), None
    for step in range(BATCHES):
        terms = one.advance(step)
        success.append(float(terms["success"]))
        ordered.append(float(terms.get("ordered", float("nan"))))
        alarm = step if one.stopped and alarm is None else alarm
    return {"success": success, "ordered": [None if np.isnan(one) else one for one in ordered], "alarm": alarm}


def hacked(seed: int) -> dict[str, Any]:
    """Success of every batch under a planted reward, until the watch stops it."""
    one = training(seed, ProcessSettings(weight=5.0, learning_rate=1e-9), WIDE)
    with torch.no_grad():
        one.reward.density.mean[-1].bias.add_(PLANTED)
    success = list[float]()
    for step in range(HACKED):
        success.append(float(one.advance(step)["success"]))
        if one.stopped:
            break
    return {"success": success, "reason": one.stopped}


def smooth(success: Sequence[float]) -> np.ndarray:
    """Means of so many batches in a row, the first after as many."""
    return np.convolve(success, np.ones(TOGETHER) / TOGETHER, mode="valid")


def reached(success: Sequence[float], level: float) -> int:
    """Batches until a level is reached; all of them if it is not."""
    there = np.flatnonzero(smooth(success) >= level - 1e-9)
    return int(there[0]) + TOGETHER if len(there) else len(success)


def records(found: list[dict[str, Any]]) -> list[Record]:
    """The claims."""
    made: list[Record] = []
    for estimator in ESTIMATORS:
        alone = "leave-one-out" if estimator == PAPER else estimator
        process, outcome = ([seed[name] for seed in found] for name in (f"{estimator} process", f"{alone} outcome"))
        final = [float(smooth(one["success"])[-1]) for one in outcome]
        times = [
            reached(one["success"], level) / reached(other["success"], level)
            for one, other, level in zip(process, outcome, final, strict=True)
        ]
        made += [
            across_seeds(
                f"{estimator}: rollouts with process rewards until the success of outcomes alone, over theirs", times,
                "<= 0.7", unit="ratio",
            ),
            across_seeds(
                f"{estimator}: success with process rewards after all rollouts",
                [float(smooth(one["success"])[-1]) for one in process],
            ),
        ]  # fmt: skip
        if not all(final):
            learnt = [time for time, level in zip(times, final, strict=True) if level > 0]
            claim = f"{estimator}: the same ratio on the seeds where outcomes alone succeed at all"
            made.append(across_seeds(claim, learnt, unit="ratio"))
        if "outcome" in MEASURED[estimator]:
            made.append(across_seeds(f"{estimator}: success of outcomes alone after all rollouts", final))
    process, frozen = ([seed[f"leave-one-out {kind}"] for seed in found] for kind in ("process", "frozen"))
    final = [float(smooth(one["success"])[-1]) for one in frozen]
    gain = [float(smooth(one["success"])[-1]) - other for one, other in zip(process, final, strict=True)]
    made += [
        across_seeds("leave-one-out: success with process rewards that are not refreshed after all rollouts", final),
        across_seeds("leave-one-out: success that refreshing adds to that", gain, ">= 0"),
        *(
            across_seeds(
                f"leave-one-out: pairs of fresh rollouts ordered right in the last {LATE} batches, {said}",
                [late(one["ordered"]) for one in some],
            )
            for said, some in (("refreshed", process), ("not refreshed", frozen))
        ),
        exactly(
            "planted reward: runs that the watch stopped", sum(bool(one["hacked"]["reason"]) for one in found), "runs",
            len(found), wanted=len(found),
        ),
        across_seeds("planted reward: batches until it was stopped", [len(one["hacked"]["success"]) for one in found],
                     unit="batches"),
    ]  # fmt: skip
    refreshed = [one[f"{name} process"] for one in found for name in ESTIMATORS]
    alarms = sum(one["alarm"] is not None for one in refreshed)
    made.append(exactly("refreshed rewards: runs that the watch would have stopped", alarms, "runs", len(refreshed)))
    return made


def late(ordered: Sequence[float | None]) -> float:
    """Mean over the last batches that have pairs; a half where none has."""
    there = [one for one in ordered[-LATE:] if one is not None]
    return float(np.mean(there)) if there else 0.5


if __name__ == "__main__":
    main(sys.argv[1:])
