"""Episodes scored by a checklist, point by point: the setting ``checklist``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robopref.checklists.checklist import PointShare, mean_share, shares
from robopref.checklists.inspector import Inspector
from robopref.checklists.vocabulary import Vocabulary
from robopref.cli.context import Context
from robopref.cli.known_points import checklist_of
from robopref.cli.tables import print_table
from robopref.errors import ConfigError, DataError
from robopref.evaluation.compare import Trail
from robopref.evaluation.rollout_traces import trace_of
from robopref.files import write_json
from robopref.robots.env_abilities import instruction_of
from robopref.robots.sim import film

RESULT = "checklist.json"


def require_checklist(context: Context) -> None:
    """Refuse an inspector that nothing is asked of.

    Raises:
        ConfigError: One is given, and no checklist.
    """
    if context.config.checklist is None and context.memory.gives("inspector"):
        raise ConfigError("inspector= sees what a checklist asks for; name one with checklist=")


def score_checklist(context: Context, trails: Mapping[str, Sequence[Trail]]) -> None:
    """Score episodes by the checklist, if one is named; prints a table and writes ``evaluation/checklist.json``.

    Args:
        context: Of the command.
        trails: Episodes of each strategy by its name.
    """
    path = context.folder / "evaluation" / RESULT
    path.unlink(missing_ok=True)  # of another evaluation
    if context.config.checklist is None:
        return
    vocabulary, checklist, inspector = checklist_of(context.config)
    told = checklist.instruction or str(context.config.task or instruction_of(context.pool.task.env))
    found: dict[str, list[PointShare]] = {}
    with context.stage("Score by the checklist", "strategies") as bar:
        for name, episodes in trails.items():
            traces = list(context.pool.map(trace_of, [(trail,) for trail in episodes]))
            found[name] = shares(vocabulary, checklist, traces, _asking(context, episodes, inspector, told))
            bar(len(found), len(trails))
    write_json(path, {"checklist": str(context.config.checklist), "strategies": _plain(vocabulary, found)})
    print_table(context.console, f"Checklist {context.config.checklist}: share of episodes", _rows(vocabulary, found))


def _asking(context: Context, episodes: Sequence[Trail], inspector: Inspector, told: str) -> Any:
    """What is asked about an episode; it is filmed when something is."""
    if not inspector.looks:
        return None
    films: dict[int, list[Any]] = {}

    def ask(place: int, question: str) -> bool | None:
        if place not in films:
            films[place] = list(next(iter(context.pool.map(film, [(episodes[place],)]))))
            if not films[place]:
                raise DataError(f"{context.pool.task.spec.id} shows no pictures for inspector= to look at")
        return inspector.inspect(films[place], question, told, context.folder)

    return ask


def _rows(vocabulary: Vocabulary, found: Mapping[str, Sequence[PointShare]]) -> list[tuple[str, ...]]:
    names = list(found)
    rows: list[tuple[str, ...]] = [("key point", "asked for", "who says so", *names)]
    for place, one in enumerate(found[names[0]]):
        cells = [found[name][place] for name in names]
        who = "inspector" if one.asked else "simulation" if one.known else "nobody"
        rows.append(
            (one.requirement.key, vocabulary.said(one.requirement), who, *(_percent(cell.share) for cell in cells))
        )
    return [*rows, ("mean", "", "", *(_percent(mean_share(found[name])) for name in names))]


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{share:.0%}"


def _plain(vocabulary: Vocabulary, found: Mapping[str, Sequence[PointShare]]) -> dict[str, Any]:
    return {
        name: {
            "mean": mean_share(points),
            "points": [
                {
                    "key": one.requirement.key, **one.requirement.values, "said": vocabulary.said(one.requirement),
                    "done": one.done, "known": one.known, "share": one.share, "asked": one.asked,
                }
                for one in points
            ],
        }
        for name, points in found.items()
    }  # fmt: skip
