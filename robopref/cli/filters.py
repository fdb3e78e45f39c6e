"""The filters of a run, and the answers that they leave."""

from __future__ import annotations

from collections.abc import Sequence

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.data.filters.by_labeler import ByLabeler
from robopref.data.labels.counted import counted, names_labelers
from robopref.errors import ConfigError, DataError
from robopref.labeler_kinds import Kind, listed_names
from robopref.protocols import Filter, LiveFilter

_NAMED = "labelers"  # filter of whose answers a reward learns from


def built_filters(context: Context) -> tuple[dict[str, Filter], dict[str, LiveFilter]]:
    """The terms of ``filter``.

    Args:
        context: Of the run.

    Returns:
        Static and live ones by name, in the order in which they are applied.

    Raises:
        ConfigError: A term is no filter.
    """
    static: dict[str, Filter] = {}
    live: dict[str, LiveFilter] = {}
    for name, config in context.config.filter.items():
        if config is None:
            continue
        made = build(config)
        if isinstance(made, Filter):
            static[str(name)] = made
        elif isinstance(made, LiveFilter):
            live[str(name)] = made
        else:
            raise ConfigError(
                f"filter.{name}: {type(made).__name__} is no filter: it has neither keep(answers) nor "
                "weigh(margins, p, done), see docs/filters.md"
            )
    return static, live


def answers_of_run(
    context: Context, labeler: object, answers: Answers, where: str, names: Sequence[str] = ()
) -> Answers:
    """The answers that count.

    Args:
        context: Of the run.
        labeler: Settings of who is asked; people, models and metrics are not taken for each other.
        answers: All about what is learnt from.
        where: They are, for messages.
        names: Whose answers count, of whatever kind they are; none are those that the filters leave.

    Returns:
        Some of them.

    Raises:
        ConfigError: A term of ``filter`` is no filter.
        DataError: They are of labelers of several kinds, of others than are asked, nobody of a name answered, or none
            is left.
    """
    static, _ = built_filters(context)
    if names:
        there = sorted(set(answers.labeler.tolist()))
        if lost := [name for name in names if name not in there]:
            raise DataError(
                f"nobody called {lost[0]!r} answered in {where}; there are answers of {listed_names(there) or 'nobody'}"
            )
        static = {_NAMED: ByLabeler(names), **static}
    left = counted(answers, static, where)
    if not names_labelers(static):
        _require_asked(labeler, left, where)
    return left


def _require_asked(labeler: object, answers: Answers, where: str) -> None:
    asked, name = getattr(labeler, "kind", None), getattr(labeler, "name", None)
    kinds = dict(zip(answers.labeler.tolist(), answers.kind.tolist(), strict=True))
    # Teachers, and labelers of one's own, do not say whom they are asked in place of.
    if asked not in ("person", "model") or not kinds or any(_fits(who, its, asked, name) for who, its in kinds.items()):
        return
    raise DataError(
        f"no answer of {name or 'people'} in {where} compares candidates or segments, only those of "
        f"{listed_names(kinds)}; to learn from these: filter.by_labeler.names=[{listed_names(kinds)}]"
    )


def _fits(who: str, kind: Kind, asked: Kind, name: str | None) -> bool:
    return kind in (asked, "unknown") if name is None else who == name
