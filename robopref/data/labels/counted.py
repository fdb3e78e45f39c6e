"""Which of all answers count: filters are applied, and labelers of several kinds are not mixed unless that was said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from robopref.answers import Answers
from robopref.data.filters.by_labeler import ByLabeler
from robopref.errors import ConfigError, DataError
from robopref.factories import call_part
from robopref.labeler_kinds import UNCOUNTED, Kind, labeler_kinds, listed_names
from robopref.protocols import Filter
from robopref.records import Feedback


def counted(answers: Answers, filters: Mapping[str, Filter], where: str) -> Answers:
    """The answers to learn from.

    Unless `ByLabeler` is among the filters, these are everyone's but the known answers to attention checks and what
    the learner itself said, and have to be of labelers of one kind: of people, of files that do not say whose they are,
    or of one teacher, model or metric.

    Args:
        answers: All of them.
        filters: By name, in the order in which they are applied.
        where: They are, for messages.

    Returns:
        Some of them, perhaps with other weights.

    Raises:
        ConfigError: A filter returns something else than answers.
        PartError: A filter fails.
        DataError: They are of labelers of several kinds, or the filters leave none.
    """
    named = names_labelers(filters)
    left = answers if named else answers[~np.isin(answers.kind.astype(np.str_), UNCOUNTED)]
    before = len(left)
    for name, one in filters.items():
        left = _checked(name, call_part(f"filter.{name}: keep(answers) of {type(one).__name__}", one.keep, left))
    if before and not len(left):
        raise DataError(
            f"filter=[{listed_names(filters)}] leaves none of {before} comparisons in {where}; choose others, or none "
            "with filter=[]"
        )
    if not named:
        _require_one_kind(
            dict(zip(left.labeler.tolist(), left.kind.tolist(), strict=True)), where, "filter.by_labeler.names"
        )
    return left


def counted_feedback(feedback: Sequence[Feedback], labelers: Collection[str], where: str) -> list[Feedback]:
    """The stored answers that count, to be written where nothing says who gave them.

    Args:
        feedback: All of them.
        labelers: Whose count; none counts everyone's but known answers to attention checks and what a learner said.
        where: They are, for messages.

    Returns:
        Some of them, in their order.

    Raises:
        DataError: Nobody of a name answered, or they are of labelers of several kinds and none was named.
    """
    kinds = labeler_kinds(feedback)
    unknown = sorted(set(labelers) - set(kinds))
    if unknown:
        raise DataError(f"nobody called {unknown[0]!r} answered in {where}; there are {listed_names(kinds) or 'none'}")
    if labelers:
        return [given for given in feedback if given.labeler in labelers]
    counting = {name: kind for name, kind in kinds.items() if kind not in UNCOUNTED}
    _require_one_kind(counting, where, "labelers")
    return [given for given in feedback if given.labeler in counting]


def names_labelers(filters: Mapping[str, Filter]) -> bool:
    """Whether a filter says whose answers count, so that labelers of several kinds may."""
    return any(isinstance(one, ByLabeler) for one in filters.values())


def _checked(name: str, left: object) -> Answers:
    if not isinstance(left, Answers):
        raise ConfigError(f"filter.{name} must return answers, got {type(left).__name__}")
    fine = np.isfinite(left.weight) & (left.weight >= 0) & (left.p >= 0) & (left.p <= 1)
    if not fine.all():
        raise ConfigError(f"filter.{name} must leave weights that are not negative and p in [0, 1]")
    return left


def _require_one_kind(kinds: Mapping[str, str], where: str, setting: str) -> None:
    # Two people do the same job; two models are two jobs.
    alike = {kind if kind in ("person", "unknown") else (kind, name) for name, kind in kinds.items()}
    if len(alike) > 1:
        told = [
            f"{listed_names(name for name, its in kinds.items() if its == kind)} ({said})"
            for kind, said in _SAID.items()
            if kind in kinds.values()
        ]
        raise DataError(
            f"{where} holds answers of labelers of several kinds: {'; '.join(told)}; say whose count: "
            f"{setting}=[{listed_names(kinds)}], or some of these"
        )


_SAID: dict[Kind, str] = {
    "person": "people", "scripted": "a scripted teacher", "model": "models or metrics", "check": "attention checks",
    "self": "what learns from them", "unknown": "imported",
}  # fmt: skip
