"""What is proposed, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robopref.evaluation.intervals import Interval

Status = Literal["confirmed", "not confirmed", "not found"]


@dataclass(frozen=True)
class Hypothesis:
    """That one of two items is preferred for having more, or less, of a feature.

    Attributes:
        feature: Name: an expression of the grammar.
        prior: Chance that it is so, of whoever proposed it, before any answer was looked at.
        direction: 1 if more of it is said to be preferred, -1 if less, 0 if that is left open.
        presentation: Whether the feature is how an item was shown and not what was done.
        proposer: Who proposed it.
    """

    feature: str
    prior: float
    direction: int = 0
    presentation: bool = False
    proposer: str = "grammar"


@dataclass(frozen=True)
class Follower:
    """How far one labeler, or a group of them, goes by a feature.

    Attributes:
        name: Who.
        share: Of the decided answers to pairs that differ in the feature, those for the item that has more of it.
    """

    name: str
    share: Interval


@dataclass(frozen=True)
class Finding:
    """What answers say of a hypothesis.

    Attributes:
        hypothesis: Which.
        status: ``confirmed`` by answers that were held out; ``not confirmed`` by them, though others spoke for it; or
            ``not found``.
        direction: 1 if more of it was preferred, -1 if less.
        z: Score on the answers that were looked at, beside the features accepted before; 0 for what was not accepted
            is what it has in the end.
        chance: Two-sided chance of that score.
        held_out: One-sided chance of the score on the held-out answers beside the other accepted features; None for
            what was not accepted.
        share: Of the held-out decided answers to pairs that differ in it, those for the item with more of it; None if
            there are none.
        weight: Log-odds a standard deviation of the difference, on the held-out answers, beside the other accepted
            features; None for what was not accepted.
        posterior: Chance that it matters, after all answers, beside the confirmed features.
        followers: Of each labeler.
        groups: Of each kind of labeler, and of each instruction.
        alarm: If all answers, beside the confirmed features, go by how items were shown, or by something that goes with
            it, the share of all that are for the item with more of it; else None. These are a family of tests of their
            own, as few hypotheses are of that kind and a miss is dear.
    """

    hypothesis: Hypothesis
    status: Status
    direction: int
    z: float
    chance: float
    held_out: float | None
    share: Interval | None
    weight: Interval | None
    posterior: float
    followers: tuple[Follower, ...] = ()
    groups: tuple[Follower, ...] = ()
    alarm: Interval | None = None

    @property
    def said(self) -> str:
        """What was preferred, in words."""
        return f"{'more' if self.direction > 0 else 'less'} {self.hypothesis.feature}"


@dataclass(frozen=True)
class HeldOutAccuracy:
    """How well answers that were held out are predicted, as shares of the decided ones; NaN if there are none.

    Attributes:
        explained: By the confirmed features together.
        single: By the best single feature.
        single_feature: Which that was, on the answers that were looked at.
    """

    explained: float
    single: float
    single_feature: str


@dataclass(frozen=True)
class Explanation:
    """What answers go by.

    Attributes:
        findings: Of every hypothesis: confirmed ones first, in the order in which they were accepted.
        accuracy: Of predicting held-out answers.
        answers: How many answers were looked at.
        held_out: How many were held out.
        clusters: How many independent groups all of them are, such as questions.
        tested: Hypotheses that were tested.
        left_out: Features that were not tested, and why.
    """

    findings: tuple[Finding, ...]
    accuracy: HeldOutAccuracy
    answers: int
    held_out: int
    clusters: int
    tested: int
    left_out: tuple[tuple[str, str], ...] = ()

    def of(self, status: Status) -> list[Finding]:
        """Findings of one status."""
        return [finding for finding in self.findings if finding.status == status]

    @property
    def alarms(self) -> list[Finding]:
        """Features of how items were shown that answers go by."""
        return [finding for finding in self.findings if finding.alarm is not None]
