"""What rewards say by themselves of rope that nobody labelled, and whether anything is learnt from that.

Seeds are those of `deformable.py`, with ten of their 100 orderings: 3.3 % of 300 states with eight candidates each, in
the others of which nobody is asked. Three rewards learn from the ten: the policy's own preference (implicit), an
explicit reward, and one whose encoder has learnt from 800 transitions without labels what becomes of the rope. Each
says how probable it finds each pair of the 290 other states, and a copy learns from the ten orderings and the half of
these pairs that it is surest of: by noise-aware DPO (Selfie, Kim et al. 2025) where it is the policy. All choose among
16 candidates at the held-out starts, beside rewards of all 100 orderings.

What is done is kept in runs/bench-self-labels; a later call goes on. ``python -m benchmarks.self_labels seeds=1`` does
less.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.deformable import first_states, run_seed, start_seed
from benchmarks.outcomes import carried_out
from benchmarks.records import Record, across_seeds, chosen_by, keep, share_of_gap, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config
from robopref.cli.context import Context
from robopref.cli.learnt_network import new_network
from robopref.data.episodes.candidate_store import CANDIDATES
from robopref.data.filters.noise_aware import NoiseAware
from robopref.data.labels.target_operators import believe
from robopref.decisions import as_scorer
from robopref.evaluation.compare import score_candidates
from robopref.evaluation.statistics import gap_closed
from robopref.items import ACTION, Comparisons, Items
from robopref.learning.candidate_files import OUTCOMES
from robopref.learning.cloud_transitions import candidate_transitions
from robopref.learning.collect import draw_candidates, draw_states
from robopref.learning.dynamics_training import CloudBatches, DynamicsFit, train_dynamics
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.processes import process_pool
from robopref.protocols import LiveFilter
from robopref.robots.dynamics import observe
from robopref.scores import PairTarget

SEEDS, ANSWERED, POOL, SURE = 3, 10, 200, 0.5
LEAST = 0.2  # share of what the other 90 orderings bring that was aimed for
KINDS = {"the policy's own preference": "implicit", "explicit": "explicit", "explicit, pretrained": "explicit"}
POLICY, _, PRETRAINED = KINDS
SEEN = ("points", "proprio")


def main(words: Sequence[str] = ()) -> None:
    """Run what is not done, two seeds at a time, and write the result."""
    seeds = int(dict(word.split("=", 1) for word in words).get("seeds", SEEDS))
    with process_pool(2) as pool:
        found = list(pool.map(run_self, range(seeds)))
    for record in (made := records(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('self_labels', made)}")


def run_self(seed: int) -> dict[str, Any]:
    """What self-labels make of one seed, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    return keep(Path(f"runs/bench-self-labels/{seed}.json"), lambda: found_out(seed))


def found_out(seed: int) -> dict[str, Any]:
    """What self-labels make of one seed, as plain values."""
    full = run_seed(seed)["scores"]["all"]
    context = start_seed(seed)
    try:
        given = load_preferences(context)
        moments, chunks, gained, _ = carried_out(context)
        few = replace(given, target=first_states(_pairs(given), ANSWERED))
        every = joined(given, unlabelled(context))
        found: dict[str, Any] = {"outcomes": gained.tolist(), "few": {}, "self": {}, "full": {}, "right": {}}

        def chosen(reward: nn.Module) -> list[list[float]]:
            return score_candidates(as_scorer(reward), moments, chunks, context.device).tolist()

        network = pretrained(context)
        for kind, name in KINDS.items():
            begin = network if kind == PRETRAINED else None
            first = learnt(context, name, few, f"{kind} {ANSWERED}", begin)
            said = surest(own_labels(first, every, given), SURE)
            found["right"][kind] = right(said, given)
            config = compose_config("config", ["reward=selfie"]).rewards.selfie if kind == POLICY else None
            again = learnt(context, name, replace(every, target=said), f"{kind} self", begin, config)
            found["few"][kind], found["self"][kind] = chosen(first), chosen(again)
            found["full"][kind] = full[name]
            print(f"seed {seed}: {kind} done", flush=True)
    finally:
        context.finish()
    return found


def unlabelled(context: Context) -> Items:
    """Candidates of the policy in states that nobody looked at; none is carried out."""
    moments = draw_states(context.pool, "exploration", count=POOL, seed=context.seed, warm_up=3)
    count = int(context.config.label.candidates)
    chunks = draw_candidates(context.policy(), moments, n=count, seed=context.seed + 5, device=context.device)
    return Items.of_candidates(observe(moments, context.device), torch.as_tensor(chunks))


def joined(given: Comparisons, more: Items) -> Comparisons:
    """All states, those of the orderings first; who looks at them gives the target."""
    steps = {name: torch.cat([given.items.steps[name], more.steps[name]]) for name in (*SEEN, ACTION)}
    items = Items(steps, torch.cat([given.items.weight, more.weight]))
    return Comparisons(items, given.target, given.geometry)


def pretrained(context: Context) -> nn.Module:
    """A dynamics of what was carried out in the labelled states, whose orderings it does not see."""
    policy, config = context.policy(), context.config.imagine
    every = candidate_transitions(context.folder / f"{CANDIDATES}.zarr", context.folder / OUTCOMES, policy.shape)
    if every is None or policy.geometry is None:
        raise RuntimeError("the rope shows points and proprioception, and its actions name points")
    batches = CloudBatches(size=int(config.batch_size), candidates=int(config.candidates))
    fit, folder = FitConfig(**settings(config.fit)), context.folder / "dynamics" / "labelled states"
    return train_dynamics(
        new_network(context), [every], DynamicsFit(fit, policy.geometry, batches, context.seed, folder)
    )


def learnt(
    context: Context, name: str, data: Comparisons, condition: str, begin: Any = None, config: Any = None
) -> nn.Module:
    """A reward of the settings of its name, or of others, from some answers."""
    doubts: tuple[LiveFilter, ...] = (NoiseAware(),) if config is not None else ()
    config = config or context.config.rewards[name]
    torch.manual_seed(context.seed)
    reward = build(config.scorer)(deepcopy(context.policy()))
    if begin is not None:
        reward.begin_with(begin)
    train_reward(
        reward, data, build(config.objective), FitConfig(**settings(config.fit)), seed=context.seed,
        folder=context.folder / "rewards" / condition,
        batches=Batches(size=int(config.batch_size), points=int(config.points), filters=doubts),
    )  # fmt: skip
    return reward.eval()


@torch.no_grad()
def own_labels(reward: nn.Module, every: Comparisons, given: Comparisons) -> PairTarget:
    """What was answered of the first states, and what a reward believes of the others."""
    scorer = as_scorer(reward)
    rows = [scorer.score(*every.items[torch.tensor([k])].decisions()).value for k in range(len(every))]
    believed, answered = believe(torch.cat(rows)), first_states(_pairs(given), ANSWERED)
    return PairTarget(
        torch.cat([answered.p[:ANSWERED], believed.p[ANSWERED:]]),
        torch.cat([answered.weight[:ANSWERED], believed.weight[ANSWERED:]]),
    )


def surest(target: PairTarget, share: float) -> PairTarget:
    """Answers as they are; of pairs that were not answered, the share that is furthest from a half."""
    sure, weight = (target.p - 0.5).abs(), target.weight.clone()
    own, known = weight[ANSWERED:], weight[ANSWERED:] > 0
    own[known & (sure[ANSWERED:] < sure[ANSWERED:][known].quantile(1 - share))] = 0
    return PairTarget(target.p, weight)


def right(said: PairTarget, given: Comparisons) -> float:
    """Share of the self-made labels in ordered states that are as the orderings that were kept from them."""
    truth = _pairs(given)
    ours, theirs = (_directed(one)[ANSWERED : len(truth.p)] for one in (said, truth))
    both = (ours != 0) & (theirs != 0)
    return float((ours == theirs)[both].float().mean())


def _directed(target: PairTarget) -> Tensor:
    """Of each pair (S, K, K) 1 if the first is said to be better, -1 if the second is, 0 if nothing is said."""
    one_way = (target.p - 0.5).sign() * (target.weight > 0)
    return (one_way - one_way.transpose(1, 2)).triu(diagonal=1).sign()


def _pairs(data: Comparisons) -> PairTarget:
    if not isinstance(data.target, PairTarget):
        raise TypeError(f"answers are preferences, got {type(data.target).__name__}")
    return data.target


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    told = {"few": f"{ANSWERED} orderings", "self": f"{ANSWERED} orderings and its own labels", "full": "100 orderings"}
    made: list[Record] = []
    for kind, plain in KINDS.items():

        def by(which: str, kind: str = kind) -> list[Any]:
            return [np.array(seed[which][kind]) for seed in found]

        for which, said in told.items():
            name = plain if which == "full" else kind
            chosen = chosen_by(np.concatenate(by(which)), outcomes)
            made.append(share_of_gap(f"{name} ({said})", chosen, outcomes, owner))
        shares = {
            which: [_share(seed, scores) for seed, scores in zip(found, by(which), strict=True)] for which in told
        }
        few, own, full = (np.array(shares[which]) for which in told)
        made += [
            across_seeds(f"{kind}: self-made labels that are right", [seed["right"][kind] for seed in found]),
            across_seeds(f"{kind}: gap closed with its own labels less without", (own - few).tolist()),
        ]
        gain = round(float((own - few).mean() / max(1e-9, (full - few).mean())), 4)
        claim = f"{kind}: what its own labels bring over what 90 further orderings bring"
        made.append(Record(claim, gain, gain, gain, f">= {LEAST}", gain >= LEAST, "ratio", len(found)))
    return made


def _share(seed: Mapping[str, Any], scores: Any) -> float:
    outcomes = np.array(seed["outcomes"])
    return gap_closed(chosen_by(scores, outcomes), outcomes.mean(1), outcomes.max(1)).mean


if __name__ == "__main__":
    main(sys.argv[1:])
