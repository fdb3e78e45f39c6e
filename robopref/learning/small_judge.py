"""The small judge of a run as a labeler: it scores by dimension and says which item is better, without a server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robopref.data.episodes.recorded_views import Lookup
from robopref.errors import ConfigError
from robopref.labeler_kinds import SELF
from robopref.labelers.subject import Subject
from robopref.learning.judge_training import FOLDER, WEIGHTS, judged_items, load_judge
from robopref.reasons import Chain, DimensionFinding
from robopref.records import Feedback, Preference, Query, QueryKind


@dataclass(frozen=True)
class SmallJudge:
    """Settings of a small judge that answers; called with a subject, it makes what is asked.

    Attributes:
        path: File of the judge; None is that of the run folder.
        soft: Say how probable it finds it that the first item is better, rather than which.
    """

    path: str | None = None
    soft: bool = True

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair",)

    def __call__(self, subject: Subject) -> SmallJudgeLabeler:
        """Make what is asked about a subject.

        Raises:
            DataError: There is no judge, or it cannot be read.
        """
        path = subject.folder / FOLDER / WEIGHTS if self.path is None else Path(self.path)
        return SmallJudgeLabeler(path, subject.lookup(), soft=self.soft)


class SmallJudgeLabeler:
    """Answers pairs by scores, with the reasons of each answer.

    Its name says that it is made from what others said, so that nothing learns from its answers unless it is named;
    what it said with other weights is taken back when it answers again.

    Args:
        path: File of the judge.
        lookup: Arrays of an item.
        soft: See `SmallJudge`.

    Raises:
        DataError: There is no judge, or it cannot be read.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair",)
    renews: ClassVar[bool] = True

    def __init__(self, path: Path, lookup: Lookup, *, soft: bool = True) -> None:
        self._judge, self._keys, digest = load_judge(path)
        self._lookup, self._soft = lookup, soft
        self.name, self.version = f"{SELF}{FOLDER}", f"{'soft ' if soft else ''}{digest}"

    def label(self, query: Query) -> Feedback:
        """Answer a pair.

        Raises:
            ConfigError: The query is of another kind.
            DataError: An item lacks what the judge sees.
        """
        if query.kind not in self.kinds:
            raise ConfigError(f"query {query.id!r}: a small judge answers pairs, not a {query.kind}")
        scores, odds = self._judge.judged(judged_items([query.items], self._lookup, self._keys))
        p = float(odds[0].sigmoid())
        findings = tuple(
            DimensionFinding(name, (float(scores[0, 0, place]), float(scores[0, 1, place])))
            for place, name in enumerate(self._judge.dimensions)
        )
        answer = p if self._soft else float(p > 0.5)
        return Feedback(
            query.id, Preference(answer), self.name, self.version, max(p, 1 - p), time=time.time(),
            rationale=Chain((0, 1), findings, answer, max(p, 1 - p)).written(),
        )  # fmt: skip
