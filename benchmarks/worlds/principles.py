"""Principles over six attributes of planted items, in words: the suite of the rows about principles.

A principle has two clauses, of two attributes, each with a direction: 120 in all, of which 80 are for training. What it
wants of an item is the first attribute and .4 of the second. A clause is said in ten ways in training, and in three
more that are for tests alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.items import Comparisons, Items, context_code
from robopref.scores import PairTarget

Values = NDArray[np.float64]
KEY, SIZE, SECOND = "seen", 12, 0.4
# By attribute, what more and what less of it is called, apart by semicolons: the first ten are for training.
_WAYS = 10
_SAID = {
    "speed": (
        """be fast; move quickly; finish in little time; waste no time; go at high speed; get it done soon;
        keep the pace up;
        be speedy; do not dawdle; spend as little time as possible
        be quick; hurry up; move rapidly""",
        """be slow; move slowly; take a lot of time; go at low speed; do not rush; do not hurry; keep the pace down;
        be leisurely; dawdle; spend as much time as possible
        take your time; go at a slow pace; be in no hurry""",
    ),
    "clearance": (
        """keep far from obstacles; leave a wide gap to everything around; stay clear of objects;
        keep a large distance from the walls; do not come close to anything; avoid being near obstacles;
        give things a wide berth; be distant from objects; leave plenty of room; pass obstacles at a great distance
        keep a large distance from obstacles; do not come near objects; stay well away from things""",
        """stay close to obstacles; leave a narrow gap to everything around; pass near objects;
        keep a small distance from the walls; come close to things; be near obstacles;
        brush past things; be right next to objects; leave hardly any room; pass obstacles at a short distance
        keep a small distance from obstacles; come near objects; stay right beside things""",
    ),
    "smoothness": (
        """move smoothly; avoid jerky motion; make gentle, even movements; do not move abruptly; have steady motion;
        keep the motion free of jerks; be smooth; move evenly; avoid sudden changes; flow without shaking
        make smooth movements; avoid abrupt jerks; move steadily""",
        """move with jerks; make abrupt motion; make rough, uneven movements; move jerkily; have unsteady motion;
        let the motion be jerky; be rough; move unevenly; make sudden changes; shake and jolt
        make jerky movements; be abrupt in motion; move unsteadily""",
    ),
    "effort": (
        """use a lot of energy; spend much effort; work the motors hard; do not save power; consume much electricity;
        put in a great deal of work; be wasteful with energy; use high power; burn energy; let the motors strain
        consume much energy; put a lot of effort in; use much power""",
        """use little energy; spend little effort; spare the motors; save power; consume little electricity;
        put in little work; be thrifty with energy; use low power; conserve energy; let the motors rest
        save energy; put little effort in; use little power""",
    ),
    "accuracy": (
        """be accurate; place things precisely; end exactly at the target; make no error at the goal; be exact;
        come to the goal with high precision; be right on target; have little error; aim carefully;
        do not miss the goal
        be precise; hit the target exactly; place it with accuracy""",
        """be inaccurate; place things roughly; end far from the target; make a large error at the goal; be inexact;
        come to the goal with low precision; be off target; have much error; aim carelessly;
        miss the goal
        be imprecise; miss the target by far; place it inaccurately""",
    ),
    "force": (
        """press hard; push with a lot of force; grip firmly; use strong pressure; hold it tightly; squeeze strongly;
        be forceful; apply high force; touch with strength; push heavily
        apply strong force; grip tightly; push hard""",
        """press softly; push with little force; grip lightly; use weak pressure; hold it loosely; squeeze gently;
        be gentle; apply low force; touch without strength; push lightly
        apply little force; grip loosely; push softly""",
    ),
}
SAID = {
    name: tuple(tuple(way for one in re.split(r"[;\n]", text) if (way := one.strip())) for text in both)
    for name, both in _SAID.items()
}
TRAINING, TESTING = range(_WAYS), range(_WAYS, _WAYS + 3)
ATTRIBUTES = tuple(SAID)


@dataclass(frozen=True)
class Clause:
    """One attribute, and whether more (1) or less (-1) of it is wanted."""

    attribute: int
    sign: int

    def said(self, way: int) -> str:
        """In words, one of `TRAINING` or `TESTING` ways."""
        return SAID[ATTRIBUTES[self.attribute]][0 if self.sign > 0 else 1][way]


@dataclass(frozen=True)
class Wish:
    """Two clauses, the first of which counts more."""

    first: Clause
    second: Clause

    def said(self, ways: Sequence[int]) -> str:
        """In words."""
        return f"{self.first.said(ways[0])}; then {self.second.said(ways[1])}"

    @property
    def weights(self) -> Values:
        """(6,) of the attributes."""
        found = np.zeros(len(ATTRIBUTES))
        found[self.first.attribute], found[self.second.attribute] = self.first.sign, SECOND * self.second.sign
        return found

    @property
    def opposite(self) -> Wish:
        """The negated principle."""
        return Wish(*(Clause(one.attribute, -one.sign) for one in (self.first, self.second)))


CLAUSES = tuple(Clause(attribute, sign) for attribute in range(len(ATTRIBUTES)) for sign in (1, -1))
WISHES = tuple(Wish(one, two) for one in CLAUSES for two in CLAUSES if one.attribute != two.attribute)


class PlantedItems:
    """Items of 12 numbers, whose six attributes are smooth functions of them.

    Args:
        rng: Source of the functions.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._mixed = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0][:, : len(ATTRIBUTES)]
        self._scale, self._mean = np.ones(len(ATTRIBUTES)), np.zeros(len(ATTRIBUTES))
        sample = self.attributes(rng.standard_normal((4096, SIZE)))
        self._mean, self._scale = sample.mean(0), sample.std(0)

    def attributes(self, seen: Values) -> Values:
        """Of items (..., 12), the six attributes, of mean 0 and spread 1."""
        raw = seen @ self._mixed
        return (raw + 0.5 * np.sin(2 * raw) - self._mean) / self._scale

    def lists(self, count: int, length: int, rng: np.random.Generator) -> Values:
        """Lists of items (count, length, 12)."""
        return rng.standard_normal((count, length, SIZE))

    def judged(
        self, wishes: Sequence[Wish], said: Sequence[str], seen: Values, rng: np.random.Generator, noise: float
    ) -> Comparisons:
        """Lists as somebody ranked them who goes by a principle.

        Args:
            wishes: (L,) what each list was ranked by.
            said: (L,) the same in words.
            seen: (L, K, 12).
            rng: Source of the mistakes.
            noise: Standard deviation of the mistakes, in those of an attribute.
        """
        worth = self.worth(wishes, seen) + noise * rng.standard_normal(seen.shape[:2])
        p = torch.as_tensor(0.5 + 0.5 * np.sign(worth[:, :, None] - worth[:, None]), dtype=torch.float32)
        asked = torch.triu(torch.ones(p.shape[1:]), diagonal=1).expand_as(p).clone()
        context = {"instruction": torch.tensor([context_code(text) for text in said])}
        return Comparisons(as_items(seen, context), PairTarget(p, asked))

    def worth(self, wishes: Sequence[Wish], seen: Values) -> Values:
        """What is wanted of each item, (L, K)."""
        weights = np.array([wish.weights for wish in wishes])
        return (self.attributes(seen) * weights[:, None]).sum(-1)


def as_items(seen: Values, context: Mapping[str, torch.Tensor] | None = None) -> Items:
    """Lists (L, K, 12) for rewards."""
    there = torch.as_tensor(seen, dtype=torch.float32)[:, :, None]
    return Items({KEY: there}, torch.ones(there.shape[:3]), dict(context or {}))
