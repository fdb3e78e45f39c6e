"""A trained reward as a labeler: it orders what was carried out anyway, by the thousand.

Its answers are marked as self-made, and nothing learns from them unless told to. They are worth something where a
reward judges what a learner does not see: what came of an action, of which a reward of actions is to learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import SELF
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.labelers.subject import Judgement, Subject
from robopref.records import Feedback, Query, QueryKind


@dataclass(frozen=True)
class RewardLabeler:
    """Settings of a reward that answers; called with a subject, it makes what is asked.

    Attributes:
        reward: Name of a trained reward of the run; None takes the only one that judges outcomes.
        equal: Items that it tells apart by less than this share of their spread are called equal.

    Raises:
        ConfigError: The share is negative.
    """

    reward: str | None = None
    equal: float = 0.0

    kinds: ClassVar[tuple[QueryKind, ...]] = Imperfection.kinds

    def __post_init__(self) -> None:
        if not self.equal >= 0:
            raise ConfigError(f"labeler equal must not be negative, got {self.equal}")

    def __call__(self, subject: Subject) -> RewardTeacher:
        """Make what is asked about a subject.

        Raises:
            ConfigError: There is no reward that judges these items.
            DataError: It is not trained, or no better than chance.
        """
        return RewardTeacher(subject.judgement(self.reward), equal=self.equal)


class RewardTeacher:
    """Prefers what a reward finds better, always.

    Its name says that it is a part of what learns, see `robopref.labeler_kinds`; what it said with other weights is
    taken back when it answers again.

    Args:
        judgement: Of the reward.
        equal: See `RewardLabeler`.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = Imperfection.kinds
    renews: ClassVar[bool] = True

    def __init__(self, judgement: Judgement, *, equal: float = 0.0) -> None:
        self.name = f"{SELF}{judgement.reward}"
        self.version = judgement.version if equal == 0 else f"{judgement.version} equal={equal:g}"
        self._teacher = ScriptedTeacher(
            judgement.judged, Imperfection(equal=equal * judgement.spread), name=self.name
        )  # fmt: skip

    def label(self, query: Query) -> Feedback:
        """Answer a pair or a ranking.

        Raises:
            ConfigError: The query is of another kind.
        """
        return replace(self._teacher.label(query), labeler_version=self.version)


def weights_of(version: str) -> str:
    """The part of a version of `RewardTeacher` that tells the weights of its reward from others."""
    return version.partition(" ")[0]
