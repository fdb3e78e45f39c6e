"""How practice went, as a page: success, violations and agency over the steps, and who does what in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from robopref.files import write_text
from robopref.learning.practice import Practised, stretches
from robopref.reports.figures import learning_curves
from robopref.reports.template import figure, grid, header, page, paragraph, section, table, video
from robopref.safety.violations import KINDS, Bounds

_STRETCHES = 20  # points of a curve


def write_practice_report(
    path: Path,
    episodes: Sequence[Practised],
    bounds: Bounds,
    measured: Mapping[str, Any],
    *,
    every: int,
    films: Mapping[str, str],
) -> Path:
    """Write the page of a practice.

    Args:
        path: The HTML file; an earlier one is replaced.
        episodes: What came of each.
        bounds: What counted as a violation.
        measured: Success and violations from held-out starts, by who acted.
        every: Least episodes of a point of the curves.
        films: Names of films beside the page, by title.

    Returns:
        The path.

    Raises:
        DataError: It cannot be written.
    """
    rows = stretches(episodes, max(every, -(-len(episodes) // _STRETCHES)))
    steps = np.array([row.steps for row in rows], np.float64)

    def drawn(title: str, curves: dict[str, Sequence[float]], unit: str) -> Markup:
        return figure(
            *learning_curves(title, {name: (steps, np.array(values)) for name, values in curves.items()}, unit)
        )

    kinds = [kind for kind in KINDS if all(kind in row.rates for row in rows)]
    drawings = [
        drawn("Episodes that solved the task", {"share": [row.success for row in rows]}, "share"),
        drawn("Steps beyond a bound", {kind: [row.rates[kind] for row in rows] for kind in kinds}, "in 1,000"),
        drawn("Steps that the planner took", {"share": [row.agency for row in rows]}, "share"),
    ]
    if bounds.force is not None:
        drawings.append(drawn("Greatest contact force", {"N": [row.force for row in rows]}, "N"))
    content = [
        header("robopref", "practice"),
        section("Over practice", paragraph(_bounds(bounds)), grid(drawings)),
        section(f"From {measured['starts']} held-out starts", table(_measured(measured))),
    ]
    shown = [figure(title, video(path.parent / name)) for title, name in films.items()]
    if shown:
        content.append(section("One of these starts", grid(shown)))
    write_text(path, page("robopref: practice", content))
    return path


def _bounds(bounds: Bounds) -> str:
    force = "" if bounds.force is None else f"a contact force above {bounds.force:.0f} N, "
    return (
        f"A step counts as a violation for {force}a speed above {1000 * bounds.speed:.0f} mm an action, a change of it "
        f"above {1000 * bounds.acceleration:.0f} mm, or for leaving the box around demonstrations by more than 5 cm."
    )


def newtons(force: float) -> str:
    """A greatest force, N, as it is shown; none was measured where it is 0, or nothing was touched."""
    return f"{force:.0f}" if force else "–"


def _measured(measured: Mapping[str, Any]) -> list[list[str]]:
    rows = [["who acts", "success", *(f"{kind}, in 1,000 steps" for kind in KINDS), "greatest force, N"]]
    for who, found in measured.items():
        if isinstance(found, Mapping) and "mean" in found:
            mean, low, high = (f"{100 * value:.0f} %" for value in found["mean"])
            rates = [f"{found['rates'][kind]:.1f}" if kind in found["rates"] else "–" for kind in KINDS]
            rows.append([who, f"{mean} ({low} to {high})", *rates, newtons(found["force"])])
    return rows
