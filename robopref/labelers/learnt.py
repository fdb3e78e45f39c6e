"""A trained reward as a labeler: it compares what was carried out anyway, by the thousand.

Its answers are marked as self-made, and nothing learns from them unless told to. They are worth something where a
reward judges what a learner does not see: what came of an action, of which a reward of actions is to learn.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

from robopref.errors import ConfigError, unknown_name
from robopref.labeler_kinds import SELF
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.labelers.subject import Judgement, Subject
from robopref.records import Abstain, Answer, Feedback, Item, Preference, Query, QueryKind

UNSURE = "not sure enough"


@dataclass(frozen=True)
class RewardLabeler:
    """Settings of a reward that answers; called with a subject, it makes what is asked.

    Attributes:
        reward: Name of a trained reward of the run; None takes the only one that judges outcomes.
        soft: Say of every pair of a question how probable it is that the first item is the better one, rather than
            which of all are better.
        equal: Items that it tells apart by less than this share of their spread are called equal.
        surest: Share of the pairs that it answers, those that it is surest of; of the others it says nothing. Needs
            `soft`.

    Raises:
        ConfigError: A share is out of range.
    """

    reward: str | None = None
    soft: bool = True
    equal: float = 0.0
    surest: float = 1.0

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking")

    def __post_init__(self) -> None:
        if not self.equal >= 0:
            raise ConfigError(f"labeler equal must not be negative, got {self.equal}")
        if not 0 < self.surest <= 1:
            raise ConfigError(f"labeler.surest is a share of the pairs and must be in (0, 1], got {self.surest}")
        if self.surest < 1 and not self.soft:
            raise ConfigError(f"labeler.surest={self.surest:g} is of pairs, and labeler.soft=false gives orderings")

    def __call__(self, subject: Subject) -> RewardTeacher | SoftRewardTeacher:
        """Make what is asked about a subject.

        Raises:
            ConfigError: There is no reward that judges these items, or what it says is no probability.
            DataError: It is not trained, or no better than chance.
        """
        judgement = subject.judgement(self.reward)
        if not self.soft:
            return RewardTeacher(judgement, equal=self.equal)
        return SoftRewardTeacher(judgement, subject.pool, equal=self.equal, surest=self.surest)


class RewardTeacher:
    """Prefers what a reward finds better, always.

    Its name says that it is a part of what learns, see `robopref.labeler_kinds`; what it said with other weights is
    taken back when it answers again.

    Args:
        judgement: Of the reward.
        equal: See `RewardLabeler`.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking")
    renews: ClassVar[bool] = True

    def __init__(self, judgement: Judgement, *, equal: float = 0.0) -> None:
        self.name, self.version = f"{SELF}{judgement.reward}", _version(judgement, equal)
        self._teacher = ScriptedTeacher(
            judgement.judged, Imperfection(equal=equal * judgement.spread), name=self.name
        )  # fmt: skip

    def label(self, query: Query) -> Feedback:
        """Answer a pair or a ranking.

        Raises:
            ConfigError: The query is of another kind.
        """
        return replace(self._teacher.label(query), labeler_version=self.version)


class SoftRewardTeacher:
    """Says how probable a reward finds it that the first of two items is the better one.

    Its pool has the pairs of each question of others. What trained through the logistic link tells apart by z it
    believes with odds of e^z (Bradley and Terry 1952), so that who learns from it by that link learns its differences,
    and not only their sign.

    Args:
        judgement: Of the reward.
        pool: Questions that others would be asked.
        equal: See `RewardLabeler`.
        surest: See `RewardLabeler`.

    Raises:
        ConfigError: The reward was trained with an objective under which differences are no log-odds.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair",)
    renews: ClassVar[bool] = True

    def __init__(self, judgement: Judgement, pool: Sequence[Query], *, equal: float = 0.0, surest: float = 1.0) -> None:
        if not judgement.log_odds:
            raise ConfigError(
                f"what the reward {judgement.reward} says is no log-odds, as its objective has no logistic link; set "
                "labeler.soft=false, or train it with objective=bradley_terry"
            )
        words = ["soft"] if surest == 1 else ["soft", f"surest={surest:g}"]
        self.name, self.version = f"{SELF}{judgement.reward}", _version(judgement, equal, *words)
        self.pool = [pair for query in pool for pair in pairs_of(query)]
        self._judged, self._equal, self._surest = judgement.judged, equal * judgement.spread, surest

    def label(self, query: Query) -> Feedback:
        """Answer a pair.

        Raises:
            ConfigError: The query is of another kind.
        """
        if query.kind not in self.kinds:
            raise unknown_name("kind of query for a reward that is to say probabilities", query.kind, self.kinds)
        log_odds = self._log_odds(query)
        answer: Answer = Preference(0.5 if abs(log_odds) < self._equal else 0.5 + 0.5 * math.tanh(log_odds / 2))
        if abs(log_odds) < self._least:
            answer = Abstain(UNSURE)
        return Feedback(query.id, answer, self.name, self.version, time=time.time())

    @functools.cached_property
    def _least(self) -> float:
        """Log-odds that an answer has at least."""
        if self._surest == 1 or not self.pool:
            return 0.0
        sizes = sorted((abs(self._log_odds(pair)) for pair in self.pool), reverse=True)
        return sizes[max(1, round(self._surest * len(sizes))) - 1]

    def _log_odds(self, query: Query) -> float:
        return self._worth(query.items[0]) - self._worth(query.items[1])

    def _worth(self, item: Item) -> float:
        return float(self._judged(item).sum())


def pairs_of(query: Query) -> list[Query]:
    """Every two items of a question as a question of their own; a pair is its own."""
    if query.kind == "pair":
        return [query]
    return [
        Query(f"{query.id}/{one}-{two}", "pair", (query.items[one], query.items[two]), query.instruction)
        for one, two in combinations(range(len(query.items)), 2)
    ]


def _version(judgement: Judgement, equal: float, *words: str) -> str:
    return " ".join([judgement.version, *words, *([f"equal={equal:g}"] if equal else [])])
