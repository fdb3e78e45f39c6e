"""The report of an evaluation: one HTML file that needs nothing else, and its numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robopref.evaluation import run_folder
from robopref.evaluation.choice_needs import load_needs
from robopref.evaluation.control import against_control, outcomes_of
from robopref.evaluation.run_folder import Decisions, Episodes
from robopref.evaluation.summary import format_table, leading, summarise
from robopref.files import write_text
from robopref.records import Goal
from robopref.reports import fronts_section, illustrations, ladder_section, provenance, rounds_section, sections
from robopref.reports.map_section import embedding_map
from robopref.reports.template import page

__all__ = ["format_table", "run_summary", "write_report"]

REPORT = "report.html"
SUMMARY = "summary.json"


def write_report(folder: Path, beside: Sequence[Path] = ()) -> Path:
    """Write `report.html` and `summary.json` into a run folder.

    Only ``evaluation/decisions.npz`` has to be there; a section without its results names the command that makes them.

    Args:
        folder: The run folder.
        beside: Other run folders, whose policies are drawn among its fronts of several objectives.

    Returns:
        Path of the HTML file, which holds its drawings and videos and works offline.

    Raises:
        DataError: The decisions are missing, a result is damaged, or the report cannot be written.
    """
    folder = Path(folder)
    # All is read before anything is drawn, which takes a second or two.
    decisions, episodes = run_folder.load_decisions(folder), run_folder.load_episodes(folder)
    goal, geometry = run_folder.load_goal(folder), run_folder.load_geometry(folder)
    timing, shifts, info, policy = (
        run_folder.load_object(folder / name)
        for name in (run_folder.TIMING, run_folder.SHIFTS, run_folder.INFO, run_folder.POLICY)
    )
    learning = run_folder.load_learning(folder)
    summary = _summary(folder, decisions, episodes, timing, goal)
    content = [
        sections.headline(summary),
        sections.choices(summary),
        ladder_section.ladder(summary),
        *rounds_section.rounds(folder, goal),
        *fronts_section.fronts(folder, {path.resolve().name: Path(path) for path in beside}),
        illustrations.videos(folder),
        illustrations.pictures(decisions, geometry, goal, leading(summary)),
        sections.scores(decisions, summary),
        *embedding_map(folder),
        sections.shifts(shifts),
        sections.episodes(episodes, summary),
        *([sections.matched(summary)] if summary["matched"] is not None else []),
        illustrations.learning(learning),
        provenance.timing(timing),
        provenance.origin(info, policy, run_folder.load_persons(folder)),
    ]
    write_text(folder / SUMMARY, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    write_text(folder / REPORT, page(f"robopref: {folder.resolve().name}", content))
    return folder / REPORT


def run_summary(folder: Path) -> dict[str, Any]:
    """The numbers of the report, as `summary.json` holds them; raises as `write_report`.

    Args:
        folder: The run folder.
    """
    folder = Path(folder)
    timing, goal = run_folder.load_object(folder / run_folder.TIMING), run_folder.load_goal(folder)
    return _summary(folder, run_folder.load_decisions(folder), run_folder.load_episodes(folder), timing, goal)


def _summary(
    folder: Path, decisions: Decisions, episodes: Episodes | None, timing: Mapping[str, Any] | None, goal: Goal
) -> dict[str, Any]:
    summary = summarise(
        decisions, episodes=episodes, wall_seconds=run_folder.number((timing or {}).get("wall_seconds")), goal=goal,
        ranked=run_folder.load_ranked(folder), needs=load_needs(folder),
    )  # fmt: skip
    summary["matched"] = None if episodes is None else against_control(outcomes_of(episodes))
    return summary
