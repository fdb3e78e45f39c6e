"""The section of the report about several objectives: where ways of choosing and policies are, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from markupsafe import Markup

from robopref.errors import DataError
from robopref.evaluation.fronts import FRONTS, Fronts, load_fronts
from robopref.reports import figures
from robopref.reports.palette import INK, MUTED, NEUTRAL, STYLES, styles
from robopref.reports.template import figure, grid, paragraph, section, table, typeset


def fronts(folder: Path, beside: Mapping[str, Path]) -> list[Markup]:
    """The section, if several objectives were evaluated.

    Args:
        folder: The run folder.
        beside: Other run folders by name, whose policies are drawn, too.

    Raises:
        DataError: What is stored is damaged, or is of other objectives.
    """
    found = load_fronts(folder)
    if found is None:
        if beside:
            raise DataError(
                f"{folder / FRONTS} is missing, beside which others were to be drawn; run: robopref evaluate "
                f"run={folder} ranker=weighted evaluate.measures="
            )
        return []
    policies = policy_points(found, folder, beside)
    title = "Several objectives at once"
    unit = "as the task reports them" if found.measured else "as the rewards say, in standard deviations"
    lead = (
        f"Means over the held-out starts of {', '.join(found.objectives)}, {unit}; more is better. The line goes from "
        f"all weight on {found.objectives[1]} to all on {found.objectives[0]}, by choosing among the same candidates "
        f"without training; {found.on_front:.0%} of the candidates of a start are beaten by no other in all objectives."
    )
    drawn = [figure(*front(found, policies))]
    return [section(title, paragraph(typeset(lead)), grid(drawn), table(front_rows(found, policies)))]


def policy_points(found: Fronts, folder: Path, beside: Mapping[str, Path]) -> dict[str, tuple[float, ...]]:
    """Points of the policies of several runs: tuned ones where there are any.

    Args:
        found: Of the run.
        folder: Its folder.
        beside: The other ones, by name.

    Raises:
        DataError: One is not evaluated by the same measures.
    """
    points: dict[str, tuple[float, ...]] = {}
    for name, other in beside.items():
        one = load_fronts(other)
        if one is None:
            raise DataError(f"{other / FRONTS} is missing; run: robopref evaluate run={other} ranker=weighted")
        if one.objectives != found.objectives or not (one.measured and found.measured):
            raise DataError(
                f"{other} cannot be drawn beside {folder}: policies are compared by the same measures of the task, "
                "which evaluate.measures= names for both"
            )
        tuned = one.tuned or {"": one.points["policy"]}
        points |= {f"{name} {by}".strip() if len(tuned) > 1 else name: point for by, point in tuned.items()}
    return points


def front_rows(found: Fronts, policies: Mapping[str, tuple[float, ...]] | None = None) -> list[list[str]]:
    """A table of where everything is, and of how much fronts dominate.

    Args:
        found: Of the run.
        policies: Those of other runs, by name.
    """
    rows = [["", *found.objectives, "hypervolume [% of the best]"]]
    for name, point in {**found.points, **(policies or {})}.items():
        place = "policy's own sample" if name == "policy" else name
        rows.append([place, *(f"{value:.3g}" for value in point), _share(found, [point])])
    lines = {"choice-time weights": list(found.sweep)}
    tuned = [*found.tuned.values(), *(policies or {}).values()]
    if len(tuned) > 1:
        lines[f"{len(tuned)} policies"] = tuned
    for name, line in lines.items():
        rows.append([f"front of {name}", *("" for _ in found.objectives), _share(found, line)])
    return rows


def front(found: Fronts, policies: Mapping[str, tuple[float, ...]]) -> figures.Drawing:
    """Draw the first two objectives.

    Args:
        found: Of the run.
        policies: Those of other runs, by name.

    Returns:
        Title and SVG.
    """
    sweep, best = np.array(found.sweep), np.array(found.best)
    with figures.panel("Fronts", 3.8) as (ax, out):

        def say(words: str, at: tuple[float, float], beside: tuple[float, float]) -> None:
            ax.annotate(figures.short(words), at, textcoords="offset points", xytext=beside, color=MUTED, fontsize=7.5)

        if found.measured:
            ax.plot(best[:, 0], best[:, 1], color=NEUTRAL, linewidth=4, label="best candidates", zorder=1)
        ax.plot(sweep[:, 0], sweep[:, 1], "-o", color=INK, markersize=2.5, linewidth=1, label="choice-time weights")
        for (x, y, *_), words in ((found.sweep[0], found.objectives[1]), (found.sweep[-1], found.objectives[0])):
            say(f"all {words}", (x, y), (3, 5))
        shown = {"policy": "policy's own sample", "weighted": "the weights given"}
        looks = styles(shown)
        for name, words in shown.items():
            if name not in found.points:
                continue
            x, y, *_ = found.points[name]
            ax.plot(x, y, looks[name].marker, color=looks[name].color, markersize=7, label=words)
        for label, marker, some in (("tuned policies", "^", found.tuned), ("policies of other runs", "D", policies)):
            for place, (name, (x, y, *_)) in enumerate(some.items()):
                color = STYLES["tuned"].color
                ax.plot(x, y, marker, color=color, markersize=5, label="_" if place else label)
                say(name, (x, y), (5, -8))
        ax.set_xlabel(found.objectives[0])
        ax.set_ylabel(found.objectives[1])
        figures.legend(ax, 2)
    return out[0]


def _share(found: Fronts, points: list[tuple[float, ...]]) -> str:
    share = found.share(points)
    return "–" if share is None else f"{100 * share:.0f}"
