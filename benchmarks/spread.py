"""Choosing without simulation: rewards of actions that learn from what a reward of outcomes says of executed actions.

On the seeds of `deformable.py` a reward of outcomes from 100 orderings judges candidates in states
that nobody labelled; explicit and implicit rewards are trained on nothing but what it believes of each pair, from as
many of these states as STATES says. Which of the two, or their sum, chooses at the held-out starts is decided by the
100 orderings, which they have not seen. What is done is kept in runs/bench-outcomes; a later call goes on.

``python -m benchmarks.spread seeds=3 states=100,300`` does less.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.deformable import run_seed, start_seed
from benchmarks.outcomes import SEEN, carried_out, trained
from benchmarks.records import Record, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.context import Context
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.target_operators import believe
from robopref.decisions import as_scorer
from robopref.evaluation.compare import judge_outcomes, looked_ahead, score_candidates
from robopref.items import Comparisons
from robopref.learning.candidate_files import observed_outcomes
from robopref.learning.explore import Exploration, explore
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.processes import process_pool
from robopref.records import Observation
from robopref.rewards.ensemble import EnsembleReward, symmetric
from robopref.rewards.worth import candidate_worth
from robopref.scores import PairTarget

SEEDS = 5
STATES = (100, 300, 1000, 3000)
STEPS = {"explicit": 1200, "implicit": 1000}
SUM = "explicit + implicit"
KEPT = 4  # candidates that are looked ahead from
LEAST, LEAST_AHEAD = 0.65, 0.85  # shares of the gap that were aimed for, without simulation and looking ahead

Values = NDArray[np.float64]


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    run_all("spread", words, SEEDS, STATES, run_spread, records)


def run_all(
    name: str,
    words: Sequence[str],
    seeds: int,
    states: Sequence[int],
    run: Callable[[int, Sequence[int], Sequence[str]], dict[str, Any]],
    claims: Callable[[Sequence[Mapping[str, Any]]], list[Record]],
) -> None:
    """Run ``seeds=`` and ``states=`` of the command line, two seeds at a time, and write the claims."""
    given = dict(word.split("=", 1) for word in words)
    seeds = int(given.pop("seeds", seeds))
    states = tuple(map(int, given.pop("states", ",".join(map(str, states))).split(",")))
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run, range(seeds), [states] * seeds, [others] * seeds))
    for record in (made := claims(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write(name, made)}")


def run_spread(seed: int, states: Sequence[int], others: Sequence[str] = ()) -> dict[str, Any]:
    """What rewards of actions make of one seed, as plain values; each number of states is read back if it is done."""
    own = [word for word in others if word.startswith("rewards.outcome.")]
    return by_states("spread", seed, states, others, own, learnt_from)


def by_states(
    name: str,
    seed: int,
    states: Sequence[int],
    words: Sequence[str],
    own: Sequence[str],
    learn: Callable[[Context, int, Sequence[str]], dict[str, Any]],
) -> dict[str, Any]:
    """What is learnt from each number of explored states of one seed, beside what the orderings alone give.

    Args:
        name: Of the benchmark, for the files of what is done.
        seed: Of the rope.
        states: Numbers of explored states.
        words: Settings of the command line, which the files remember.
        own: Those of them that the seeds of `deformable.py` are not made with.
        learn: Called with the context, the number of states and the own settings.
    """
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    others = [word for word in words if word not in own]
    judging = [word for word in own if word.startswith("rewards.outcome.")]
    actions = run_seed(seed, "rope", others)
    found: dict[str, Any] = {"outcomes": actions["outcomes"], "labelled": actions["scores"]["all"], "states": {}}
    context = start_seed(seed, "rope", others)
    try:
        judge = trained(context, load_preferences(context, after=SEEN), "100", judging)
        moments, _, _, after = carried_out(context)
        found["judged"] = judge_outcomes(judge, moments, after, context.device).tolist()
        for count in states:
            done = Path(f"runs/bench-outcomes/rope-{seed}-{name}-{count}.json")
            found["states"][str(count)] = keep(done, lambda count=count: learn(context, count, own), words)
    finally:
        context.finish()
    return found


def learnt_from(context: Context, states: int, words: Sequence[str]) -> dict[str, Any]:
    """Scores at the held-out starts, and agreement with the orderings, of rewards from so many executed states."""
    given = load_preferences(context, after=SEEN)
    judge = trained(context, given, "100", words)
    spread, policy = judged(context, judge, states), context.policy()
    rewards: dict[str, torch.nn.Module] = {}
    for name, steps in STEPS.items():
        config = context.config.rewards[name]
        torch.manual_seed(context.seed)
        rewards[name] = build(config.scorer)(context.policy())
        train_reward(
            rewards[name], spread, bradley_terry, replace(FitConfig(**settings(config.fit)), steps=steps),
            seed=context.seed, folder=context.folder / "rewards" / f"{name} spread {states}",
            batches=Batches(size=24, points=int(config.points)),
        )  # fmt: skip
    rewards[SUM] = EnsembleReward(list(rewards.values()))
    moments, chunks, _, _ = carried_out(context)
    found: dict[str, Any] = {"scores": {}, "agreement": {}}
    for name, reward in rewards.items():
        scorer = as_scorer(symmetric(reward, policy.geometry).eval())
        found["scores"][name] = score_candidates(scorer, moments, chunks, context.device).tolist()
        found["agreement"][name] = agreement(scorer, given)
    return found


def judged(context: Context, judge: torch.nn.Module, states: int) -> Comparisons:
    """Executed candidates, and what a reward of outcomes believes of each pair of a state."""
    policy, (store, path) = context.policy(), explored(context, states)
    after = observed_outcomes(path, context.pool, store, SEEN)
    value = torch.as_tensor(candidate_worth(judge, store, after)[:states], dtype=torch.float32)
    seen = Observation.of({name: torch.as_tensor(store.array(name, 0, states)) for name in SEEN})
    chunks = torch.as_tensor(store.array("candidates", 0, states))
    return Comparisons.of_candidates(seen, chunks, believe(value), policy.geometry)


def explored(context: Context, states: int) -> tuple[EpisodeStore, Path]:
    """Candidates in so many states or more that nobody labelled, and where is what came of them."""
    path = context.folder / "outcomes_explored.zarr"
    exploration = Exploration(states, int(context.config.label.candidates), 3, context.seed)
    return explore(context.folder / "explored.zarr", path, context.policy(), context.pool, exploration), path


@torch.no_grad()
def agreement(scorer: Any, given: Comparisons) -> float:
    """Share of the pairs of given answers that a score orders as they do."""
    scores = scorer.score(*given.items.decisions())
    if not isinstance(given.target, PairTarget):
        raise TypeError(f"answers are preferences, got {type(given.target).__name__}")
    return float(pair_agreement(scores, given.target))


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])

    def share(claim: str, scores: Values, least: float | None = None) -> Record:
        return share_of_gap(claim, chosen_by(scores, outcomes), outcomes, owner, least=least)

    def joined(scores: Sequence[Any]) -> Values:
        return np.concatenate([np.array(one) for one in scores])

    made = [
        share(f"{name} (100 orderings of actions)", joined([seed["labelled"][name] for seed in found]))
        for name in ("likelihood", "explicit", "implicit", "combined")
    ]
    judged = joined([seed["judged"] for seed in found])
    counts = list(found[0]["states"])
    for count in counts:
        parts = [seed["states"][count] for seed in found]
        best = [max(part["agreement"], key=part["agreement"].__getitem__) for part in parts]
        told = f"from {count} executed states that a reward of outcomes (100 orderings) judged"
        made += [
            share(f"{name} {told}", joined([part["scores"][name] for part in parts])) for name in parts[0]["scores"]
        ]
        chosen = joined([part["scores"][name] for part, name in zip(parts, best, strict=True)])
        last = count == counts[-1]
        made.append(share(f"what agrees most with the orderings, {told}", chosen, LEAST if last else None))
        ahead = looked_ahead(chosen, judged, KEPT)
        claim = f"look-ahead with {KEPT} of 16, kept by what agrees most with the orderings, {told}"
        made.append(share(claim, ahead, LEAST_AHEAD if last else None))
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
