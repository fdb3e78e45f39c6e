"""Policies that learn by rounds from their own candidates, on the seeds of `deformable.py`.

A reward of outcomes from the 100 orderings of each seed judges candidates of the policy in new states, which learns
from that by every method of METHODS as `robopref improve` does, from the same states and candidates. What the policies
do at the held-out starts of `deformable.py` is compared with the policy that they began with: by their own sample at
several temperatures, by the best of 16 by the reward of actions that learnt on the way, and in whole episodes. The
untuned policy at the same temperature is the control. What is done is kept in runs/bench-rounds; a later call goes on.

``python -m benchmarks.rounds env=pile seeds=2 methods=raft`` takes any choice of the group ``env``, and settings of
``robopref improve``; without ``env`` it is rope. The result is ``results/rounds_<env>.json``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.deformable import folder, held_out, run_context, run_seed, start_seed
from benchmarks.records import Record, keep, share_of_gap, write
from robopref.__main__ import main as robopref
from robopref.cli.context import Context
from robopref.cli.trained_rewards import load_rewards
from robopref.decisions import as_scorer
from robopref.evaluation.candidate_entropy import candidate_entropy
from robopref.evaluation.compare import (
    EpisodePace,
    compare_episodes,
    own_sample,
    score_candidates,
    selected,
)
from robopref.evaluation.round_record import best_round, load_rounds
from robopref.evaluation.run_folder import steps_to_success
from robopref.evaluation.statistics import hierarchical_bootstrap
from robopref.learning.collect import draw_candidates, try_candidates
from robopref.processes import process_pool
from robopref.records import Goal

SEEDS = 3
METHODS = ("raft", "awr", "curation", "irepo", "pacs", "diffusion_dpo")
LEADING = "raft"  # of which episodes are run, and for which targets hold
TEMPERATURES = (1.0, 0.5)
CANDIDATES = 16
OWN, BEST = 0.45, 0.75  # shares of the untuned gap that were aimed for, by a single sample and by the best of 16

Values = NDArray[np.float64]


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    env, seeds = given.pop("env", "rope"), int(given.pop("seeds", SEEDS))
    methods = given.pop("methods", ",".join(METHODS)).split(",")
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_rounds, range(seeds), [env] * seeds, [methods] * seeds, [others] * seeds))
    for record in (made := records(found, env)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write(f'rounds_{env}', made)}")


def run_rounds(seed: int, env: str, methods: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    """What every method makes of one seed, as plain values; each is read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    actions = run_seed(seed, env)
    run = begun(seed, env)
    found: dict[str, Any] = {"goal": actions["goal"], "outcomes": actions["outcomes"], "methods": {}}
    for method in methods:
        words = [f"run={run}", f"improve.method={method}", *others]
        path = Path(f"runs/bench-rounds/{env}-{seed}-{method}.json")
        found["methods"][method] = keep(
            path, lambda method=method, words=words: improved(run, method, words, seed, env), others
        )
    return found


def begun(seed: int, env: str) -> Path:
    """A copy of a seed's run, with a reward of outcomes from its orderings."""
    run = Path(f"runs/bench-rounds/{env}-{seed}")
    if not (run / "labels.sqlite").exists():
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(
            folder(env, seed), run, ignore=shutil.ignore_patterns("rewards", "held_out*", "*.json", "*.cache")
        )
    only = ["rewards.explicit=null", "rewards.implicit=null", "reward=outcome"]
    if robopref(["train", "reward", f"run={run}", *only]) != 0:
        raise RuntimeError(f"no reward of outcomes could be trained in {run}")
    return run


def improved(run: Path, method: str, words: Sequence[str], seed: int, env: str) -> dict[str, Any]:
    """The rounds of one method, and what the policy of the last one does at the held-out starts."""
    if robopref(["improve", *words, "improve.stop.entropy=null"]) != 0:
        raise RuntimeError(f"{method} could not improve {run}")
    rounds = load_rounds(run / "rounds" / method)
    chosen = best_round(rounds).round
    found: dict[str, Any] = {"round": chosen, "rounds": len(rounds) - 1, "carried_out": rounds[-1].carried_out}
    base = start_seed(seed, env)
    tuned = run_context(run if chosen == 0 else run / "rounds" / method / str(chosen))
    try:
        moments, _, _, _ = held_out(base)
        scorer = as_scorer(load_rewards(tuned)["distilled"]) if chosen else None
        policies = {"untuned": base.policy(), "tuned": tuned.policy()}
        found["samples"] = {}
        for name, policy in policies.items():
            for temperature in TEMPERATURES:
                policy.temperature = temperature  # type: ignore[attr-defined]
                chunks = draw_candidates(policy, moments, n=CANDIDATES, seed=seed + 4, device=base.device)
                picked = {f"{name}, own sample, temperature {temperature:g}": chunks[:, 0]}
                if scorer is not None:
                    scores = score_candidates(scorer, moments, chunks, base.device).argmax(axis=1)
                    picked[f"{name}, best of {CANDIDATES}, temperature {temperature:g}"] = chunks[
                        np.arange(len(chunks)), scores
                    ]
                gained = try_candidates(base.pool, moments, np.stack(list(picked.values()), axis=1))
                found["samples"] |= dict(zip(picked, gained.T.tolist(), strict=True))
                found.setdefault("entropy", {})[f"{name}, temperature {temperature:g}"] = candidate_entropy(chunks)
            policy.temperature = 1.0  # type: ignore[attr-defined]
        if method == LEADING:
            found["episodes"] = _episodes(base, policies, scorer)
    finally:
        tuned.finish()
        base.finish()
    return found


def _episodes(base: Context, policies: Mapping[str, Any], scorer: Any) -> dict[str, list[list[float]]]:
    """Distance to the goal after each decision of whole episodes, plain and with selection."""
    strategies = {name: own_sample(policy) for name, policy in policies.items()}
    if scorer is not None:
        strategies |= {f"{name} with selection": selected(one, scorer, CANDIDATES) for name, one in policies.items()}
    config = base.config.evaluate
    found = compare_episodes(
        base.pool, strategies, count=int(config.episodes), pace=EpisodePace(int(config.steps)), seed=base.seed,
        device=base.device,
    )  # fmt: skip
    best = base.pool.task.goal.best
    return {name: (best - rollouts.progress).tolist() for name, rollouts in found.items()}


def records(found: Sequence[Mapping[str, Any]], env: str) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    goal = Goal(**found[0]["goal"])
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    made: list[Record] = []
    for method in found[0]["methods"]:
        parts = [seed["methods"][method] for seed in found]
        names = [name for name in parts[0]["samples"] if all(name in part["samples"] for part in parts)]
        for name in names:
            if name.startswith("untuned, own") and method != LEADING:
                continue
            chosen = np.concatenate([np.array(part["samples"][name]) for part in parts])
            made.append(share_of_gap(f"{method}: {name}", chosen, outcomes, owner, least=_aim(method, name, env)))
        control = "untuned, own sample, temperature 1"
        for name in (name for name in names if name.startswith("tuned, own")):
            at = control.rpartition(" ")[0] + f" {name.rpartition(' ')[2]}"
            gain = hierarchical_bootstrap([np.subtract(part["samples"][name], part["samples"][at]) for part in parts])
            made.append(_record(f"{method}: gain of {name}, over untuned at the same", gain, "m"))
        for name in parts[0]["entropy"]:
            values = [part["entropy"][name] for part in parts]
            mean = float(np.mean(values))
            made.append(Record(f"{method}: entropy of candidates, {name}", round(mean, 3), round(min(values), 3),
                               round(max(values), 3), "", None, "nats a dimension", len(values)))  # fmt: skip
        rounds = [part["round"] for part in parts]
        claim = f"{method}: round that the judge likes best"
        made.append(Record(claim, float(np.mean(rounds)), min(rounds), max(rounds), "", None, "round", len(rounds)))
        if all("episodes" in part for part in parts):
            made += _of_episodes(method, [part["episodes"] for part in parts], goal)
    return made


def _aim(method: str, name: str, env: str) -> float | None:
    aims = {"tuned, own sample, temperature 1": OWN, f"tuned, best of {CANDIDATES}, temperature 1": BEST}
    return aims.get(name) if method == LEADING and env == "rope" else None


def _of_episodes(method: str, found: Sequence[Mapping[str, Any]], goal: Goal) -> list[Record]:
    made: list[Record] = []
    for name in (name for name in found[0] if all(name in seed for seed in found)):
        final = [np.array(seed[name])[:, -1] for seed in found]
        steps = [np.minimum(steps_to_success(np.array(seed[name]), goal.success), len(seed[name][0])) for seed in found]
        made.append(_record(f"{method}: final {goal.distance} of episodes, {name}", hierarchical_bootstrap(final), "m"))
        made.append(_record(f"{method}: steps to success of episodes, {name}", hierarchical_bootstrap(steps), "steps"))
    return made


def _record(claim: str, interval: Any, unit: str) -> Record:
    mean, low, high = (round(float(value), 4) for value in (interval.mean, interval.low, interval.high))
    return Record(claim, mean, low, high, "", None, unit, interval.n)


if __name__ == "__main__":
    main(sys.argv[1:])
