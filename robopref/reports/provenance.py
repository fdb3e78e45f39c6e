"""Sections of the report that say what made the results, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from robopref.evaluation.run_folder import INFO, TIMING
from robopref.files import number
from robopref.reports.template import bar, code, missing, pairs, section


def timing(stored: dict[str, Any] | None) -> Markup:
    """Where the time went.

    Args:
        stored: ``{stages: {name: seconds}, wall_seconds}``, or None if it was not stored.
    """
    title = "Time"
    if stored is None:
        return section(title, missing(TIMING, "robopref demo"))
    kept = stored.get("stages")
    found = {name: number(value) for name, value in kept.items()} if isinstance(kept, dict) else {}
    stages = {name: seconds for name, seconds in found.items() if seconds is not None}
    longest = max(stages.values(), default=0.0) or 1.0
    rows: list[tuple[str, str]] = [
        (name, bar(60 * seconds / longest, _duration(seconds))) for name, seconds in stages.items()
    ]
    if (wall := number(stored.get("wall_seconds"))) is not None:
        rows.append(("whole run", _duration(wall)))
    return section(title, pairs(rows))


def origin(
    stored: dict[str, Any] | None, policy: dict[str, Any] | None = None, persons: Mapping[str, str] | None = None
) -> Markup:
    """What made these results.

    Args:
        stored: Versions, seed, command and the like, or None if it was not stored.
        policy: Weights of the policy and how they were trained, or None if that was not stored.
        persons: Whom rewards of several persons scored for, by the name of the reward.
    """
    title = "Provenance"
    trained = _flat({"policy": policy or {}})
    whom = [(f"{name} scores for", person) for name, person in (persons or {}).items()]
    rows = [*(_flat(stored) if stored is not None else []), *trained, *whom]
    lacking = [missing(INFO, "robopref demo")] if stored is None else []
    return section(title, *lacking, *([pairs((name, code(value)) for name, value in rows)] if rows else []))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def _flat(stored: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in stored.items():
        rows += _flat(value, f"{name} ") if isinstance(value, dict) else [(prefix + name, _text(value))]
    return rows


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
