"""What a mixture costs where all want the same, and whether the mean of three members makes up for it.

The people, questions and fits are those of `plural`. One reward for all is given three members as well, as the mean of
several is better for any reward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.people_rows.plural import FIT, PAIRS, PEOPLE
from benchmarks.records import Record, across_seeds
from benchmarks.worlds.speeds import answered
from robopref.items import Comparisons
from robopref.learning.reward_members import fit_members
from robopref.objectives.pairwise import pair_agreement
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget

MEMBERS = 3


def measure(seed: int) -> dict[str, Any]:
    """Accuracies of one seed, of one member and of three."""
    rng = np.random.default_rng([seed, 3])
    wishes = {
        "equal": {f"person {index}": (1.0, 0.0) for index in range(PEOPLE)},
        "opposite": {f"person {index}": (1.0 if index < PEOPLE // 2 else -1.0, 0.0) for index in range(PEOPLE)},
    }
    found: dict[str, Any] = {}
    for name, people in wishes.items():
        data, test = answered(people, PAIRS, rng), answered(people, PAIRS, rng, clean=True)

        def mixture(data: Comparisons = data, people: Any = people) -> nn.Module:
            made = MixtureReward.for_items(data.items)
            made.meet(people)
            return made

        made = _members(mixture, data, seed)
        found |= {f"{name} mixture 1": _right(made[:1], test), f"{name} mixture {MEMBERS}": _right(made, test)}
        if name == "equal":
            made = _members(lambda d=data: SegmentReward.for_items(d.items), data, seed)
            found |= {f"{name} pooled 1": _right(made[:1], test), f"{name} pooled {MEMBERS}": _right(made, test)}
    return found


def _members(make: Callable[[], nn.Module], data: Comparisons, seed: int) -> list[nn.Module]:
    """Three rewards that begin apart."""

    def member(index: int) -> nn.Module:
        torch.manual_seed(1000 * seed + index)
        return make()

    return [fit_members(member, [index], data, FIT, seed=1000 * seed + index).members[0] for index in range(MEMBERS)]


@torch.no_grad()
def _right(members: list[nn.Module], test: Comparisons) -> float:
    scores = [member.score(test.items) for member in members]  # type: ignore[operator]
    mean = replace(scores[0], value=torch.stack([one.value for one in scores]).mean(0))
    assert isinstance(test.target, PairTarget)
    return float(pair_agreement(mean, test.target))


def records(found: list[dict[str, Any]]) -> list[Record]:
    def gain(claim: str, one: str, other: str, target: str = "") -> Record:
        return across_seeds(claim, [seed[one] - seed[other] for seed in found], target)

    three = f"mixture {MEMBERS}"
    return [
        gain("equal wishes: three members of the mixture less one reward for all", f"equal {three}", "equal pooled 1",
             ">= -0.01"),
        gain("equal wishes: three members of the mixture less three of one for all", f"equal {three}",
             f"equal pooled {MEMBERS}", ">= -0.01"),
        gain("equal wishes: one member of the mixture less one reward for all", "equal mixture 1", "equal pooled 1"),
        *(across_seeds(f"{name.replace(' 1', ', one member').replace(' 3', ', three members')}: accuracy",
                       [seed[name] for seed in found]) for name in found[0]),
    ]  # fmt: skip
