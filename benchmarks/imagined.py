"""Looking ahead without simulation: a learnt dynamics of clouds imagines what a reward of outcomes judges.

On the seeds of `deformable.py`, `outcomes.py` and `spread.py` a dynamics learns what becomes of the rope from STATES
explored states with 8 executed candidates each, and is tuned on what a reward of outcomes from 100 orderings says of
these. The reward then chooses among 16 candidates by what is imagined of all of them, or of the few that a score of
actions keeps, beside what it makes of simulated ones. Whether the tuned weights imagine is decided seed by seed by the
100 orderings, whose candidates neither has seen. What is done is kept in runs/bench-outcomes; a later call goes on.

``python -m benchmarks.imagined seeds=1 states=120`` does less; `imagine.` settings of ``robopref`` may be given.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.deformable import held_out_candidates
from benchmarks.outcomes import SEEN, trained
from benchmarks.records import Record, across_seeds, chosen_by, share_of_gap
from benchmarks.spread import KEPT, Values, agreement, by_states, explored, run_all
from robopref.cli.answered import load_preferences
from robopref.cli.building import settings
from robopref.cli.configuration import compose_config
from robopref.cli.context import Context
from robopref.cli.learnt_network import new_network
from robopref.evaluation.compare import looked_ahead, score_candidates
from robopref.learning.cloud_transitions import candidate_transitions, held_out
from robopref.learning.dynamics_training import (
    CloudBatches,
    DynamicsFit,
    Tuning,
    imagined_error,
    judged_truth,
    train_dynamics,
    tune_dynamics,
)
from robopref.learning.fit import FitConfig
from robopref.rewards.ensemble import symmetric
from robopref.rewards.imagined import ImaginedReward
from robopref.robots.learnt_dynamics import LearntDynamics

SEEDS = 3
STATES = (100, 300, 1000)
PLAIN, TUNED = "not tuned", "tuned"
KEEPERS = ("likelihood", "combined")  # scores of actions that look-ahead begins with
LEAST = 0.65  # share of the gap that was aimed for


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    run_all("imagined", words, SEEDS, STATES, run_imagined, records)


def run_imagined(seed: int, states: Sequence[int], others: Sequence[str] = ()) -> dict[str, Any]:
    """What imagined outcomes make of one seed, as plain values; each number of states is read back if it is done."""
    own = [word for word in others if word.startswith(("imagine.", "rewards.outcome."))]
    return by_states("imagined", seed, states, others, own, imagined_from)


def imagined_from(context: Context, states: int, words: Sequence[str]) -> dict[str, Any]:
    """Scores at the held-out starts and agreement with the orderings, before and after tuning, and errors in m."""
    given = load_preferences(context, after=SEEN)
    judge = trained(context, given, "100", [word for word in words if word.startswith("rewards.")])
    config = compose_config("config", [word for word in words if word.startswith("imagine.")]).imagine
    context.config.imagine = config
    policy, (store, path) = context.policy(), explored(context, states)
    every = candidate_transitions(store.path, path, policy.shape)
    if every is None or policy.geometry is None:
        raise RuntimeError("the rope shows points and proprioception, and its actions name points")
    learnt, aside = held_out(every[torch.arange(states)], float(config.held_out), seed=context.seed)
    batches = CloudBatches(size=int(config.batch_size), candidates=int(config.candidates))
    folder = context.folder / "dynamics" / str(states)
    how = DynamicsFit(FitConfig(**settings(config.fit)), policy.geometry, batches, context.seed, folder / "pretrained")
    network = train_dynamics(new_network(context), [learnt], how)
    moments, chunks = held_out_candidates(context)
    found: dict[str, Any] = {"scores": {}, "agreement": {}, "error": {}}

    def measure(name: str, reward: torch.nn.Module) -> None:
        dynamics = LearntDynamics(network, policy.geometry)
        scorer = ImaginedReward(dynamics, symmetric(reward, policy.geometry).eval())
        found["scores"][name] = score_candidates(scorer, moments, chunks, context.device).tolist()
        found["agreement"][name] = agreement(scorer, given)
        found["error"] |= {} if aside is None else {name: imagined_error(dynamics, [aside])._asdict()}

    (members,) = judge.parts  # of the reward that is averaged over the symmetries
    measure(PLAIN, members)
    how = replace(how, config=FitConfig(**settings(config.tune.fit)), folder=folder / "tuned")
    tuning = Tuning(config.tune.judge, float(config.tune.temperature), float(config.tune.cloud))
    tuned = tune_dynamics(network, members, [learnt], judged_truth(judge, [learnt]), how, tuning)
    measure(TUNED, tuned.judge)
    return found


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])

    def share(claim: str, scores: Values, least: float | None = None) -> Record:
        return share_of_gap(claim, chosen_by(scores, outcomes), outcomes, owner, least=least)

    def joined(scores: Sequence[Any]) -> Values:
        return np.concatenate([np.array(one) for one in scores])

    judged = joined([seed["judged"] for seed in found])
    labelled = {name: joined([seed["labelled"][name] for seed in found]) for name in KEEPERS}
    made = [share(f"{name} (100 orderings of actions)", scores) for name, scores in labelled.items()]
    made.append(share("a reward of outcomes (100 orderings), all 16 simulated", judged))
    simulated = f"look-ahead with {KEPT} of 16 simulated"
    made += [share(f"{simulated}, kept by {name}", looked_ahead(labelled[name], judged, KEPT)) for name in KEEPERS]
    for count in found[0]["states"]:
        parts, told = [seed["states"][count] for seed in found], f"by a dynamics from {count} explored states"
        for name in parts[0]["error"]:
            claim = f"Chamfer distance of held-out clouds imagined {told}, {name}, over that if nothing moved"
            errors = [part["error"][name] for part in parts]
            made.append(across_seeds(claim, [one["imagined"] / one["still"] for one in errors]))
        made += [
            share(f"outcomes of all 16 imagined {told}, {name}", joined([part["scores"][name] for part in parts]))
            for name in (PLAIN, TUNED)
        ]
        best = [max(part["agreement"], key=part["agreement"].__getitem__) for part in parts]
        chosen = joined([part["scores"][name] for part, name in zip(parts, best, strict=True)])
        claim = f"outcomes of all 16 imagined {told}, by the weights that agree most with the orderings"
        made.append(share(claim, chosen, LEAST if count == list(found[0]["states"])[-1] else None))
        for name in KEEPERS:
            claim = f"look-ahead with {KEPT} of 16 imagined {told}, kept by {name}"
            made.append(share(claim, looked_ahead(labelled[name], chosen, KEPT)))
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
