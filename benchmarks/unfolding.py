"""DeformPAM's third task with its baselines: a T-shirt is unfolded, and each action says whether it flings or drags.

As in DeformPAM (Chen et al. 2025, table I), a policy is cloned from 200 demonstrated states and tuned on orderings of
its own candidates, 100 here. Compared are, with as many candidates in every state,

- cloning alone, and cloning with as many more demonstrations as the orderings cost a person: 40 s each for 8 actions
  drawn on a picture, against 20 s for a decision, in which two points and a motion are chosen and carried out. These
  are assumptions, not measurements; ``ordering_seconds=`` and ``demonstration_seconds=`` change them.
- selection by rewards of actions: explicit, implicit with the settings of ``robopref``, and implicit with DeformPAM's
- look-ahead: a reward of outcomes judges what came of 4 candidates that the sum of the first two keeps, or of all

by what a single decision brings at 30 held-out starts a seed, where a sample of cloning alone closes none of the gap,
and by the coverage after as many whole episodes.

A decision takes 0.4 to 0.5 CPU-seconds to simulate. From this and the times of training steps a seed is estimated at 40
CPU-minutes on a quiet core and 60 on a busy one. What is done is kept in runs/bench-unfolding; a later call goes on.
``python -m benchmarks.unfolding seeds=1 starts=10`` does less; other words are settings of ``robopref``.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.deformable import cloned_seed, start_seed, train_rewards
from benchmarks.outcomes import SEEN, carried_out, trained
from benchmarks.records import Record, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config
from robopref.cli.context import Context
from robopref.decisions import as_scorer
from robopref.errors import ConfigError
from robopref.evaluation.compare import (
    Act,
    EpisodePace,
    SituatedAct,
    episode_starts,
    judge_outcomes,
    looked_ahead,
    own_sample,
    run_episodes,
    score_candidates,
    selected,
)
from robopref.evaluation.intervals import wilson
from robopref.evaluation.statistics import LEVEL, hierarchical_bootstrap
from robopref.files import replacing
from robopref.learning.collect import draw_candidates, try_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.processes import process_pool
from robopref.ranking.look_ahead import LookAhead, LookAheadAct
from robopref.rewards.ensemble import symmetric
from robopref.robots.dynamics import SimDynamics

WORK = Path("runs/bench-unfolding")
SEEDS, STARTS = 2, 30
EPISODE_CANDIDATES = 8  # of which all can be afforded to be carried out
KEPT, KEPT_BY = 4, "combined"
OWN, DEFORMPAM = 8, "DeformPAM's implicit"
MOTION = 4  # number of the action that says which motion, a drag above 0
CLONING, MORE, ALL = "cloning alone", "cloning with {} more demonstrated decisions", "look-ahead from all {}"
FEW = f"look-ahead from {KEPT} of {{}}"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What a person's answers and demonstrations take.

    Attributes:
        ordering: Seconds for an ordering.
        demonstration: Seconds for a demonstrated decision.

    Raises:
        ConfigError: One takes no time.
    """

    ordering: float = 40.0
    demonstration: float = 20.0

    def __post_init__(self) -> None:
        if not (0 < self.ordering < math.inf and 0 < self.demonstration < math.inf):
            raise ConfigError(f"ordering_seconds and demonstration_seconds must be positive and finite, got {self}")

    def demonstrations(self, orderings: int) -> int:
        """How many demonstrated decisions take a person as long as so many orderings."""
        return round(orderings * self.ordering / self.demonstration)


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    seeds, starts = int(given.pop("seeds", SEEDS)), int(given.pop("starts", STARTS))
    costs = Costs(*(float(given.pop(f"{name}_seconds", cost)) for name, cost in asdict(Costs()).items()))
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_unfolding, range(seeds), [starts] * seeds, [costs] * seeds, [others] * seeds))
    for record in (made := records(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('unfolding', made)}")


def run_unfolding(seed: int, starts: int, costs: Costs, others: Sequence[str] = ()) -> dict[str, Any]:
    """What single decisions and episodes bring on one seed, as plain values; what is done is read back."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    words = [f"evaluate.starts={starts}", *others]
    own = [word for word in others if word.startswith("rewards.outcome.")]
    others = [word for word in others if word not in own]
    tuned = [word for word in others if word.startswith("rewards.implicit.")]
    others = ["env.options.motion=chosen", f"evaluate.starts={starts}", "evaluate.steps=5", *others]
    context = start_seed(seed, "cloth_unfolding", others, run := WORK / f"seed-{seed}")
    orderings = int(context.config.label.states)
    extra = costs.demonstrations(orderings)
    try:
        policies = {CLONING: context.policy(), MORE.format(extra): with_more(context, extra, others)}
        scorers, judge = rewards(context, tuned), trained(context, load_preferences(context, after=SEEN), "100", own)
        found = {
            "cost": {"orderings": orderings, "seconds": astuple(costs), "demonstrations": extra},
            "decisions": keep(
                run / f"decisions-more-{extra}.json", partial(decisions, context, policies, scorers, judge), words
            ),
            "episodes": {},
        }
        ways = strategies(context, policies, scorers, judge)
        beginnings = cache(partial(episode_starts, context.pool, count=starts, seed=seed))
        for name, act in ways.items():
            found["episodes"][name] = keep(
                run / "episodes" / f"{name}.json", lambda act=act: whole_episodes(context, act, beginnings()), words
            )
    finally:
        context.finish()
    return found


def with_more(context: Context, extra: int, others: Sequence[str]) -> Any:
    """A policy cloned from the demonstrations of a run and more of them."""
    run = context.folder.with_name(f"{context.folder.name}-more-{extra}")
    if not (run / "demos.zarr").exists():
        with replacing(run / "demos.zarr") as unfinished:
            shutil.copytree(context.folder / "demos.zarr", unfinished)
    steps = int(context.config.collect.steps) + extra
    more = cloned_seed(context.seed, "cloth_unfolding", [*others, f"collect.steps={steps}"], run)
    try:
        return more.policy()
    finally:
        more.finish()


def rewards(context: Context, words: Sequence[str]) -> dict[str, nn.Module]:
    """Rewards of actions from the orderings, by name, and what follows from them; words change DeformPAM's settings."""
    data, policy = load_preferences(context), context.policy()
    found = train_rewards(context, data, "all")
    config = compose_config("config", ["method=deformpam", *words]).rewards.implicit
    torch.manual_seed(context.seed)
    reward = build(config.scorer)(policy)
    train_reward(
        reward, data, build(config.objective), FitConfig(**settings(config.fit)), seed=context.seed,
        folder=context.folder / "rewards" / "deformpam",
        batches=Batches(size=int(config.batch_size), points=int(config.points), draws=build(config.train_draws)),
    )  # fmt: skip
    return {**found, DEFORMPAM: symmetric(reward, policy.geometry).eval()}


def decisions(
    context: Context, policies: Mapping[str, Any], scorers: Mapping[str, nn.Module], judge: nn.Module
) -> dict[str, Any]:
    """What candidates bring at the held-out starts, what is said of them, and what policies do on their own."""
    moments, chunks, gained, after = carried_out(context)
    found: dict[str, Any] = {"outcomes": gained.tolist(), "drags": drags(chunks).tolist(), "own": {}}
    found["scores"] = {
        name: score_candidates(as_scorer(scorer), moments, chunks, context.device).tolist()
        for name, scorer in scorers.items()
    }
    found["judged"] = judge_outcomes(judge, moments, after, context.device).tolist()
    for name, policy in policies.items():
        if name == CLONING:
            own, brought = chunks, gained
        else:
            own = draw_candidates(policy, moments, n=OWN, seed=context.seed + 3, device=context.device)
            brought = try_candidates(context.pool, moments, own)
        found["own"][name] = {"outcomes": brought.tolist(), "drags": drags(own).tolist()}
    return found


def drags(chunks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of chunks (..., 1, 5) drag, (...); the others fling."""
    return chunks[..., 0, MOTION] > 0


def strategies(
    context: Context, policies: Mapping[str, Any], scorers: Mapping[str, nn.Module], judge: nn.Module
) -> dict[str, Act | SituatedAct]:
    """Ways to act in episodes, by name."""
    n, policy = min(EPISODE_CANDIDATES, int(context.config.evaluate.candidates)), policies[CLONING]
    dynamics = SimDynamics(context.pool, context.device, seed=context.seed)
    found: dict[str, Act | SituatedAct] = {name: own_sample(one) for name, one in policies.items()}
    for name in ("explicit", "implicit", DEFORMPAM):
        found[f"{name} selection"] = selected(policy, as_scorer(scorers[name]), n)
    few = LookAhead(dynamics, judge, as_scorer(scorers[KEPT_BY]), keep=KEPT)
    found[FEW.format(n)] = LookAheadAct(policy, few, n)
    found[ALL.format(n)] = LookAheadAct(policy, LookAhead(dynamics, judge, keep=n), n)
    return found


def whole_episodes(context: Context, act: Act | SituatedAct, beginnings: Sequence[Any]) -> dict[str, Any]:
    """Coverage before and after each decision, whether the task was solved, and how many decisions dragged."""
    pace = EpisodePace(int(context.config.evaluate.steps))
    done = run_episodes(context.pool, act, beginnings, pace, seed=context.seed, device=context.device)
    dragged = [bool(drags(chunk)) for trail in done.trails for _, chunk in trail]
    return {
        "progress": done.progress.tolist(), "solved": (done.solved >= 0).tolist(), "drags": [sum(dragged), len(dragged)]
    }  # fmt: skip


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    count, (ordering, demonstration), more = found[0]["cost"].values()
    claim = f"demonstrated decisions of {demonstration:g} s in the time of {count} orderings of {ordering:g} s"
    spent = Record(claim, *[float(more)] * 3, "", None, "decisions", count)
    return [spent, *decision_records([seed["decisions"] for seed in found]), *episode_records(found)]


def decision_records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Share of the gap that each way of choosing closes in one decision, and how often it drags."""
    outcomes, drag = (np.concatenate([np.array(seed[part]) for seed in found]) for part in ("outcomes", "drags"))
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    scores = {
        f"{name} selection" if name != "likelihood" else name: np.concatenate([seed["scores"][name] for seed in found])
        for name in found[0]["scores"]
    }
    judged, count = np.concatenate([np.array(seed["judged"]) for seed in found]), outcomes.shape[1]
    few = looked_ahead(scores[f"{KEPT_BY} selection"], judged, KEPT)
    scores |= {FEW.format(count): few, ALL.format(count): judged}
    made: list[Record] = []
    for name in found[0]["own"]:
        own, dragged = (
            np.concatenate([np.array(seed["own"][name][part]) for seed in found]) for part in ("outcomes", "drags")
        )
        claim = f"a sample of {name} (mean of {own.shape[1]})"
        if name != CLONING:  # whose samples are the candidates, and thus at the random end of the gap
            made.append(share_of_gap(claim, own.mean(axis=1), outcomes, owner))
        made.append(_drags(claim, dragged.sum(), dragged.size))
    for name, values in scores.items():
        made.append(share_of_gap(name, chosen_by(values, outcomes), outcomes, owner))
        made.append(_drags(name, chosen_by(values, drag).sum(), len(drag)))
    made.append(_drags(f"the oracle's best of {count}", chosen_by(outcomes, drag).sum(), len(drag)))
    for name, values in (("a random candidate", outcomes.mean(1)), (f"the oracle's best of {count}", outcomes.max(1))):
        by_seed = [values[owner == seed] for seed in range(len(found))]
        made.append(_mean(f"gain of coverage by {name} in one decision", by_seed))
    return made


def episode_records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Coverage after whole episodes, how many succeed, and how often each way of acting drags."""
    made: list[Record] = []
    names = list(found[0]["episodes"])
    alone = [np.array(seed["episodes"][CLONING]["progress"])[:, -1] for seed in found]
    for name in names:
        parts = [seed["episodes"][name] for seed in found]
        final = [np.array(part["progress"])[:, -1] for part in parts]
        made.append(_mean(f"coverage after episodes by {name}", final))
        if name != CLONING:
            gain = [one - other for one, other in zip(final, alone, strict=True)]
            made.append(_mean(f"coverage after episodes: {name} minus {CLONING}", gain))
        solved = np.concatenate([part["solved"] for part in parts])
        made.append(_share(f"episodes that succeed by {name}", int(solved.sum()), len(solved)))
        dragged, taken = np.sum([part["drags"] for part in parts], axis=0)
        made.append(_drags(f"{name} in episodes", int(dragged), int(taken)))
    return made


def _drags(claim: str, count: int, n: int) -> Record:
    return _share(f"decisions that drag: {claim}", count, n)


def _share(claim: str, count: int, n: int) -> Record:
    found = wilson(int(count), n, level=LEVEL)
    return Record(claim, *(round(x, 4) for x in (found.mean, found.low, found.high)), "", None, "share", n)


def _mean(claim: str, values: Sequence[Values]) -> Record:
    found = hierarchical_bootstrap(values)
    return Record(claim, *(round(x, 4) for x in (found.mean, found.low, found.high)), "", None, "share", found.n)


if __name__ == "__main__":
    main(sys.argv[1:])
