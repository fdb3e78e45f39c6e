"""Self-labels on a Gaussian policy: 100 answered pairs, 3.3 % of 3,000, and what the policy then says by itself.

DPO on three quarters of the answered pairs makes a policy whose implicit reward labels: 2,900 pairs of the first
policy's actions (the pool), or its own actions, anew in three rounds, each of which learns by noise-aware DPO with the
policy before as the reference (Selfie). Guarded, the last quarter of the answered pairs watches: a policy that orders
them no better than the one before is not taken, and ends the rounds. The safer sibling learns from the answered pairs
and the surer half of the pool, and from their mirror images (SURF). What counts is the mean true score of a policy's
actions; the best mean alone would bring -0.32 with the spread that the first policy has.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.gaussian_preferences import (
    STATE,
    GaussianImplicit,
    GaussianMean,
    Pairs,
    drawn,
    worth,
)
from robopref.data.filters.noise_aware import NoiseAware
from robopref.data.labels.target_operators import believe
from robopref.items import Comparisons, Items
from robopref.learning.agreement_watch import AgreementWatch
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.protocols import LiveFilter
from robopref.scores import PairTarget

ANSWERED, LEARNT, ALL, ROUNDS, BETA = 100, 75, 3000, 3, 2.0
FIT = FitConfig(100, 3e-3, weight_decay=0.0, ema=0.9)


def measure(seed: int) -> dict[str, Any]:
    """Mean true scores by what was learnt from, and how right the labels were."""
    torch.manual_seed(seed)
    first, generator = GaussianMean(), torch.Generator().manual_seed(seed + 1000)
    test = torch.randn(4000, STATE, generator=generator)
    pool = drawn(first, ALL, generator)
    told, rest = pool[slice(0, ANSWERED)], pool[slice(ANSWERED, None)]
    learnt, watching = told[slice(0, LEARNT)].answered, told[slice(LEARNT, None)].answered

    def tuned(data: Comparisons, begin: GaussianMean, filters: tuple[LiveFilter, ...] = ()) -> GaussianMean:
        reward = GaussianImplicit(begin, begin, BETA)
        train_reward(reward, data, bradley_terry, FIT, seed=seed, batches=Batches(32, filters=filters))
        return reward.policy.eval()

    seeded = tuned(learnt, first)
    found: dict[str, Any] = {
        "first": first.mean_worth(test), "seed labels": seeded.mean_worth(test),
        "all 100": tuned(told.answered, first).mean_worth(test),
        "full labels": tuned(pool.answered, first).mean_worth(test),
    }  # fmt: skip
    labels, sure = own_labels(GaussianImplicit(seeded, first, BETA), rest)
    found["right"], found["right, surer half"] = right(rest, labels), right(rest[sure], labels[sure])
    found["pool"] = tuned(labels, first, (NoiseAware(),)).mean_worth(test)
    surer = both([learnt, mirrored(told[slice(0, LEARNT)], learnt), labels[sure], mirrored(rest[sure], labels[sure])])
    sibling = tuned(surer, first)
    found["sibling, unguarded"] = sibling.mean_worth(test)
    watch = watched(watching, seeded, first)
    found["sibling"] = kept(watch, sibling, first, seeded).mean_worth(test)
    for name, filters in (("noise-aware", (NoiseAware(),)), ("plain", ())):
        policy, watch, taken, going = seeded, watched(watching, seeded, first), seeded, True
        for index in range(ROUNDS):
            fresh = drawn(policy, ALL - ANSWERED, torch.Generator().manual_seed(seed * 100 + index))
            own, _ = own_labels(GaussianImplicit(policy, first, BETA), fresh)
            found[f"right, round {index + 1}, {name}"] = right(fresh, own)
            policy = tuned(own, policy, filters)
            found[f"round {index + 1}, {name}"] = policy.mean_worth(test)
            if going:
                taken = kept(watch, policy, first, taken)
                going = taken is policy
            found[f"guarded, {name}"] = taken.mean_worth(test)
    return found


def own_labels(reward: GaussianImplicit, pairs: Pairs) -> tuple[Comparisons, Tensor]:
    """What a policy itself prefers, with its odds, and the rows of the surer half."""
    with torch.no_grad():
        target = believe(reward.score(pairs.items).value)
    doubt = (target.p[:, 0, 1] - 0.5).abs()
    return Comparisons(pairs.items, target), doubt.argsort(descending=True)[: len(doubt) // 2]


def right(pairs: Pairs, labels: Comparisons) -> float:
    """Share of the pairs in which what is called better is better."""
    assert isinstance(labels.target, PairTarget)
    value = worth(pairs.state, pairs.action)
    return float(((labels.target.p[:, 0, 1] > 0.5) == (value[:, 0] > value[:, 1])).float().mean())


def mirrored(pairs: Pairs, labels: Comparisons) -> Comparisons:
    """The same answers about their mirror images."""
    return replace(labels, items=pairs.mirrored.items)


def both(parts: list[Comparisons]) -> Comparisons:
    """Several comparisons as one."""
    steps = {name: torch.cat([one.items.steps[name] for one in parts]) for name in parts[0].items.steps}
    targets = [one.target for one in parts if isinstance(one.target, PairTarget)]
    target = PairTarget(torch.cat([one.p for one in targets]), torch.cat([one.weight for one in targets]))
    return Comparisons(Items(steps, torch.cat([one.items.weight for one in parts])), target)


def watched(data: Comparisons, policy: GaussianMean, first: GaussianMean) -> AgreementWatch:
    """A watch that has looked at the policy that begins."""
    watch = AgreementWatch(data, fall=0.0, patience=1)
    watch.look(0, GaussianImplicit(policy, first, BETA), last=False)
    return watch


def kept(watch: AgreementWatch, policy: GaussianMean, first: GaussianMean, before: GaussianMean) -> GaussianMean:
    """A policy if its own preferences order the held-out answers better than those before; else the one before."""
    best = watch.agreement
    watch.look(watch.looked + 1, GaussianImplicit(copy.deepcopy(policy), first, BETA), last=False)
    return policy if watch.agreement > best else before


def records(found: list[dict[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""

    def score(name: str) -> Record:
        return across_seeds(f"mean true score, {name}", [seed[name] for seed in found], unit="score")

    def share(claim: str, name: str, target: str = "") -> Record:
        return across_seeds(claim, [seed[name] for seed in found], target)

    def gain(name: str, target: str = "") -> Record:
        values = [seed[name] - seed["seed labels"] for seed in found]
        return across_seeds(f"gain over seed labels alone, {name}", values, target, unit="score")

    def gap(name: str) -> Record:
        values = [seed["full labels"] - seed[name] for seed in found]
        return across_seeds(f"what full labels bring more, in as many steps, than {name}", values, unit="score")

    least = min(min(seed[f"guarded, {name}"], seed["sibling"]) - seed["seed labels"] for seed in found
                for name in ("noise-aware", "plain"))  # fmt: skip
    return [
        share("labels that are right, whole pool", "right"),
        share("labels that are right, surer half", "right, surer half", ">= 0.9"),
        across_seeds("labels that are right, surer half less whole pool",
                     [seed["right, surer half"] - seed["right"] for seed in found], ">= 0.05"),
        *(score(name) for name in ("first", "seed labels", "all 100", "full labels", "pool")),
        *(score(f"round {k}, {way}") for way in ("noise-aware", "plain") for k in range(1, ROUNDS + 1)),
        *(share(f"own labels that are right in round {k}, {way}", f"right, round {k}, {way}")
          for way in ("noise-aware", "plain") for k in range(1, ROUNDS + 1)),
        gain(f"round {ROUNDS}, noise-aware", "<= -0.02"),
        gain("guarded, noise-aware", ">= -0.01"), gain("guarded, plain", ">= -0.01"),
        gain("sibling", ">= -0.01"), gain("sibling, unguarded"), gain("pool"),
        across_seeds("least gain of any guarded policy of a seed", [least], ">= -0.01", unit="score"),
        gap("seed labels"), gap("guarded, noise-aware"), gap("sibling"), gap("pool"),
    ]  # fmt: skip
