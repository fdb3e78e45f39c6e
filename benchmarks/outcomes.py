"""Rewards of outcomes on a deformable task: how few answers they need, and what looking ahead with them brings.

Seeds are those of `deformable.py`, whose demonstrations, policies, answers, held-out starts and scores of actions are
taken from runs/bench-<env>, or made there first. Rewards of outcomes are trained on the same answers, fewer of them, or
with some reversed, and judge what came of all candidates at the held-out starts, or of those that a score of actions
keeps. What is done is kept in runs/bench-outcomes; a later call goes on.

``python -m benchmarks.outcomes env=pile seeds=3`` takes any choice of the group ``env`` and settings of ``robopref``;
without ``env`` it is rope. The result is ``results/outcomes_<env>.json``.
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
from numpy.typing import NDArray

from benchmarks.deformable import first_states, held_out_candidates, run_seed, start_seed, with_wrong_labels
from benchmarks.records import Record, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config
from robopref.cli.context import Context
from robopref.evaluation.compare import judge_outcomes, looked_ahead, score_candidates, write_arrays
from robopref.evaluation.statistics import pair_counts
from robopref.items import Comparisons, Items
from robopref.learning.collect import carry_out_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.processes import process_pool
from robopref.records import Goal
from robopref.rewards.candidate_agreement import CandidateAgreement
from robopref.rewards.ensemble import Peers, symmetric
from robopref.rewards.masked_likelihood import MaskedLikelihoodScore

SEEDS = 5
SEEN = ("points", "proprio")
# Answers: how many states with one ordering each, and the share of their pairs that is reversed.
ANSWERS: Mapping[str, tuple[int, float]] = {
    "100": (100, 0.0), "40": (40, 0.0), "15": (15, 0.0), "5": (5, 0.0), "100, 10 % reversed": (100, 0.1),
    "100, 30 % reversed": (100, 0.3), "15, 10 % reversed": (15, 0.1),
}  # fmt: skip
KEPT = (2, 4, 8)  # candidates that are looked ahead from
BY = ("likelihood", "explicit", "implicit", "combined")
# Of the rope alone: the least shares of the gap, and of pairs, that were aimed for.
TARGETS = {"100": 0.90, "15": 0.90, "100, 10 % reversed": 0.85}
PAIRS = 0.88

Values = NDArray[np.float64]


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    env, seeds = given.pop("env", "rope"), int(given.pop("seeds", SEEDS))
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_outcomes, range(seeds), [env] * seeds, [others] * seeds))
    for record in (made := records(found, env)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write(f'outcomes_{env}', made)}")


def run_outcomes(seed: int, env: str = "rope", others: Sequence[str] = ()) -> dict[str, Any]:
    """What rewards of outcomes make of one seed, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    done = Path(f"runs/bench-outcomes/{env}-{seed}.json")
    return keep(done, lambda: found_out(seed, env, others), others)


def found_out(seed: int, env: str, words: Sequence[str]) -> dict[str, Any]:
    """What rewards of outcomes make of one seed, as plain values."""
    own = [word for word in words if word.startswith("rewards.outcome.")]
    others = [word for word in words if word not in own]
    actions = run_seed(seed, env, others)
    context = start_seed(seed, env, others)
    try:
        moments, chunks, gained, after = carried_out(context)
        data = load_preferences(context, after=SEEN)
        found: dict[str, Any] = {"goal": actions["goal"], "outcomes": gained.tolist(), "answers": {}}
        for name, (states, reversed_share) in ANSWERS.items():
            target = with_wrong_labels(data.target, reversed_share, seed) if reversed_share else data.target
            judge = trained(context, replace(data, target=first_states(target, states)), name, own)
            found["answers"][name] = judge_outcomes(judge, moments, after, context.device).tolist()
            print(f"seed {seed}: reward of outcomes from {name} orderings done", flush=True)
        found["actions"] = {name: actions["scores"]["all"][name] for name in BY}
        found["unlabelled"] = unlabelled(context, moments, chunks)
    finally:
        context.finish()
    return found


def carried_out(context: Context) -> tuple[list[Any], Any, Values, dict[str, NDArray[Any]]]:
    """The held-out starts and candidates of `deformable.py`, what all achieve, and what is observed afterwards."""
    path = context.folder / "held_out_outcomes.npz"
    moments, chunks = held_out_candidates(context)
    if not path.exists():
        gained, after = carry_out_candidates(context.pool, moments, chunks)
        write_arrays(path, {"outcomes": gained, **{name: after[name] for name in SEEN}})
    with np.load(path) as stored:
        return moments, chunks, stored["outcomes"], {name: stored[name] for name in SEEN}


def unlabelled(context: Context, moments: Sequence[Any], chunks: NDArray[np.float32]) -> dict[str, list[list[float]]]:
    """What scores that no label went into say of the candidates at the held-out starts."""
    policy = context.policy()
    scores = {"agreement of the candidates": CandidateAgreement(), "masked likelihood": MaskedLikelihoodScore(policy)}
    return {
        name: score_candidates(symmetric(one, policy.geometry).eval(), moments, chunks, context.device).tolist()
        for name, one in scores.items()
    }


def trained(context: Context, data: Comparisons, name: str, words: Sequence[str]) -> torch.nn.Module:
    """A reward of outcomes with the settings of `configs/reward/outcome.yaml`, the mean of its members."""
    config = compose_config("config", ["reward=outcome", *words]).rewards.outcome
    made = build(config.scorer)
    members: list[torch.nn.Module] = []
    for member in range(int(config.members)):
        torch.manual_seed(100 * context.seed + member)
        reward = made(Items({key: data.items.steps[key][:1] for key in SEEN}, data.items.weight[:1]))
        train_reward(
            reward, data, build(config.objective), FitConfig(**settings(config.fit)), seed=100 * context.seed + member,
            folder=context.folder / "outcome" / f"{name}-{member + 1}",
            batches=Batches(size=int(config.batch_size), points=int(config.points)),
        )  # fmt: skip
        members.append(reward)
    return symmetric(Peers(members), context.pool.task.geometry).eval()


def records(found: Sequence[Mapping[str, Any]], env: str) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    goal = Goal(**found[0]["goal"])
    outcomes = _joined(found, lambda seed: seed["outcomes"])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])

    def share(claim: str, scores: Values, least: float | None) -> Record:
        return share_of_gap(claim, chosen_by(scores, outcomes), outcomes, owner, least=least if env == "rope" else None)

    made: list[Record] = []
    for name in found[0]["answers"]:
        scores = _joined(found, lambda seed, name=name: seed["answers"][name])
        made.append(share(f"a reward of outcomes, all 16 carried out ({name} orderings)", scores, TARGETS.get(name)))
        right, total = pair_counts(scores, outcomes, threshold=goal.difference)
        value = round(float(right.sum() / total.sum()), 4)
        claim = f"pairs of held-out outcomes ordered rightly by a reward of outcomes ({name} orderings)"
        aim = PAIRS if env == "rope" and name == "100" else None
        holds = value >= aim if aim else None
        made.append(Record(claim, value, value, value, f">= {aim}" if aim else "", holds, "share", len(outcomes)))
    for name in found[0]["unlabelled"]:
        scores = _joined(found, lambda seed, name=name: seed["unlabelled"][name])
        made.append(share(f"{name} (no labels)", scores, None))
    judged = _joined(found, lambda seed: seed["answers"]["100"])
    for by in found[0]["actions"]:
        cheap = _joined(found, lambda seed, by=by: seed["actions"][by])
        made.append(share(f"{by} alone", cheap, None))
        for count in (one for one in KEPT if one < outcomes.shape[1]):
            scores = looked_ahead(cheap, judged, count)
            made.append(share(f"look-ahead with {count} of 16, kept by {by} (100 orderings)", scores, None))
    return made


def _joined(found: Sequence[Mapping[str, Any]], part: Any) -> Values:
    return np.concatenate([np.array(part(seed)) for seed in found])


if __name__ == "__main__":
    main(sys.argv[1:])
