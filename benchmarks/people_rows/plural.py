"""Forty people of opposite, equal and mixed wishes: one reward of a few prototypes (PAL), beside one for all.

Everybody answers 50 questions about walks, see `benchmarks.worlds.speeds`; accuracy is on as many other questions of
each, answered without error. Those who come later answer five, with all but their weights frozen, and beside that a
network of their own learns from 20 of theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.speeds import answered
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.new_person import fit_person
from robopref.learning.preference import Batches
from robopref.learning.prototype_count import held_out_losses
from robopref.learning.reward_members import RewardFit, fit_members
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.segment import SegmentReward

PEOPLE, PAIRS, NEW, FEW, OWN = 40, 50, 10, (1, 2, 5, 10), 20
COUNTS = (1, 2, 3)
# As reward=mixture and robopref train person have them by default.
FIT = RewardFit(bradley_terry, FitConfig(1000, 1e-3, weight_decay=1e-2, ema=0.99), Batches(size=64), 0.1)
PERSON = FitConfig(200, 0.05, weight_decay=1e-2, ema=0.0)


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    half = [1.0 if index < PEOPLE // 2 else -1.0 for index in range(PEOPLE)]
    share = rng.uniform(0, 1, PEOPLE)
    opposite = _people([(sign, 0.0) for sign in half])
    alike = _people([(1.0, 0.0)] * PEOPLE)
    mixed = _people([(2 * part - 1, 1 - abs(2 * part - 1)) for part in share])
    found: dict[str, Any] = {}
    for name, wishes in (("opposite", opposite), ("alike", alike), ("mixed", mixed)):
        data, test = answered(wishes, PAIRS, rng), answered(wishes, PAIRS, rng, clean=True)
        pooled = _fitted(lambda d=data: SegmentReward.for_items(d.items), data, seed)
        mixture = _mixture(data, wishes, seed)
        found[f"{name} pooled"], found[f"{name} mixture"] = accuracy(pooled, test), accuracy(mixture, test)
        first = mixture.persons.every()[:, 0].detach().numpy()
        if name == "mixed":
            found["mixed weights"] = float(abs(np.corrcoef(first, share)[0, 1]))
            found["mixed inner"] = float(np.mean((first > 0.2) & (first < 0.8)))
            continue
        losses = held_out_losses(
            lambda count, d=data, w=wishes: _untrained(d, w, seed, count), COUNTS, data, FIT, seed=seed
        )
        found[f"{name} prototypes"] = min(losses, key=lambda count: losses[count])
        found[f"{name} losses"] = list(losses.values())
        chosen = _mixture(data, wishes, seed, count=found[f"{name} prototypes"])
        found[f"{name} chosen"] = accuracy(chosen, test)
        if name == "opposite":
            hit = (first > 0.5) == (np.array(half) > 0)
            found["grouped"] = float(max(hit.mean(), 1 - hit.mean()))
            b = _mixture(data, wishes, seed, variant="B")
            found["opposite variant B"] = accuracy(b, test)
            found |= _newcomers(mixture, rng, seed)
    return found


def _newcomers(mixture: MixtureReward, rng: np.random.Generator, seed: int) -> dict[str, float]:
    """How well those are known who come later."""
    found: dict[str, list[float]] = {}
    for index in range(NEW):
        wishes = {f"new {index}": (1.0 if index % 2 else -1.0, 0.0)}
        test = answered(wishes, 400, rng, clean=True)
        for pairs in FEW:
            known = copy.deepcopy(mixture)
            few = answered(wishes, pairs, rng)
            fit_person(known, f"new {index}", few, bradley_terry, PERSON, seed=seed, batches=Batches(size=16))
            found.setdefault(f"new from {pairs}", []).append(accuracy(known, test))
        data = answered(wishes, OWN, rng)
        own = RewardFit(bradley_terry, FitConfig(200, 1e-3, weight_decay=1e-2, ema=0.99), Batches(size=OWN))
        (made,) = fit_members(lambda _, d=data: SegmentReward.for_items(d.items), [0], data, own, seed=seed).members
        found.setdefault("own", []).append(accuracy(made, test))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _people(wishes: Sequence[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {f"person {index}": wish for index, wish in enumerate(wishes)}


def _untrained(
    data: Comparisons, names: Mapping[str, object], seed: int, count: int = 2, **settings: Any
) -> MixtureReward:
    torch.manual_seed(seed)
    made = MixtureReward.for_items(data.items, prototypes=count, **settings)
    made.meet(names)
    return made


def _mixture(data: Comparisons, names: Mapping[str, object], seed: int, **settings: Any) -> MixtureReward:
    made = _fitted(lambda: _untrained(data, names, seed, **settings), data, seed)
    assert isinstance(made, MixtureReward)
    return made


def _fitted(make: Any, data: Comparisons, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return fit_members(lambda _: make(), [0], data, FIT, seed=seed).members[0]


@torch.no_grad()
def accuracy(reward: Any, data: Comparisons) -> float:
    """Share of pairs that a reward orders rightly for those who answered."""
    return float(pair_agreement(reward.score(data.items), data.target))


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Any, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    few = [pairs for pairs in FEW if pairs != 5]
    chosen = [
        over(f"{name} wishes: held-out answers choose {count} prototypes",
             lambda seed, name=name, count=count: seed[f"{name} prototypes"] == count, unit="share of seeds")
        for name in ("opposite", "alike") for count in COUNTS
    ]  # fmt: skip
    return [
        over("opposite wishes: accuracy of the mixture", lambda seed: seed["opposite mixture"], ">= 0.85"),
        over("opposite wishes: accuracy of one reward for all", lambda seed: seed["opposite pooled"], "<= 0.55"),
        over("opposite wishes: accuracy of the mixture, variant B", lambda seed: seed["opposite variant B"]),
        over("opposite wishes: people in their group", lambda seed: seed["grouped"], ">= 1"),
        over("a new person: accuracy from 5 pairs", lambda seed: seed["new from 5"], ">= 0.80"),
        over("a new person: accuracy from 5 pairs minus that of a network of their own from 20",
             lambda seed: seed["new from 5"] - seed["own"], ">= 0.20"),
        over("a new person: accuracy of a network of their own from 20 pairs", lambda seed: seed["own"]),
        *(over(f"a new person: accuracy from {pairs} pairs", lambda seed, p=pairs: seed[f"new from {p}"])
          for pairs in few),
        over("equal wishes: accuracy of the mixture minus that of one reward for all",
             lambda seed: seed["alike mixture"] - seed["alike pooled"], ">= -0.01"),
        over("equal wishes: the same with as many prototypes as held-out answers choose",
             lambda seed: seed["alike chosen"] - seed["alike pooled"], ">= -0.01"),
        over("opposite wishes: accuracy with as many prototypes as held-out answers choose",
             lambda seed: seed["opposite chosen"], ">= 0.85"),
        over("equal wishes: accuracy of one reward for all", lambda seed: seed["alike pooled"]),
        over("mixed wishes: accuracy of the mixture", lambda seed: seed["mixed mixture"]),
        over("mixed wishes: accuracy of one reward for all", lambda seed: seed["mixed pooled"]),
        over("mixed wishes: correlation of learnt and true weights", lambda seed: seed["mixed weights"],
             unit="correlation"),
        over("mixed wishes: people whose larger weight is below 0.8", lambda seed: seed["mixed inner"]),
        *chosen,
    ]  # fmt: skip
