"""Drawings of a report on data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from robopref.evaluation.intervals import Values
from robopref.quality.data_quality import Coverage
from robopref.reports.figures import Drawing, legend, panel, plain_log
from robopref.reports.palette import INK, MUTED, SPARE, STYLES

_BLUE, _RED = STYLES["implicit"].color, STYLES["explicit"].color
_LINES = [STYLES[name].color for name in ("implicit", "explicit", "combined", "tuned")] + [one.color for one in SPARE]

_TOLD_APART = 7  # lines, by their colours
_DARKER = LinearSegmentedColormap.from_list("steps", ["#f2f4f6", _BLUE, "#0b2740"])


def histogram(title: str, axis: str, values: NDArray[Any], success: NDArray[np.bool_] | None = None) -> Drawing:
    """Draw how often values of episodes occur.

    Args:
        title: What is drawn.
        axis: Label of the axis.
        values: (E,).
        success: (E,) whether each succeeded, drawn in another colour.

    Returns:
        Title and SVG.
    """
    known = np.isfinite(values)
    values = values[known].astype(np.float64)
    whole = np.issubdtype(values.dtype, np.integer) or bool((values == np.round(values)).all())
    edges = _edges(values, min(30, max(8, len(values) // 4)), whole=whole)
    with panel(title, 2.3) as (ax, out):
        groups = [("", np.ones(len(values), dtype=np.bool_), _BLUE)]
        if success is not None:
            groups = [("succeeded", success[known], _BLUE), ("failed", ~success[known], _RED)]
        drawn = [(name, values[rows], color) for name, rows, color in groups if rows.any()]
        ax.hist(
            [rows for _, rows, _ in drawn], bins=list(edges), stacked=True, color=[color for _, _, color in drawn],
            label=[name for name, _, _ in drawn], rwidth=0.92, linewidth=0,
        )  # fmt: skip
        ax.set_xlabel(axis)
        ax.set_ylabel("episodes")
        ax.locator_params(axis="y", integer=True)
        if success is not None:
            legend(ax, 2)
    return out[0]


def actions(edges: Values, counts: NDArray[np.int64], saturated: float) -> Drawing:
    """Draw how often action values occur, a line each.

    Args:
        edges: (bins + 1,).
        counts: (A, bins).
        saturated: Size from which on an action is at its bound.

    Returns:
        Title and SVG; more action values than lines can be told apart are rows of a map, darker where more steps are.
    """
    if len(counts) > _TOLD_APART:
        return _action_map(edges, counts, saturated)
    with panel("Actions", 2.6) as (ax, out):
        for bound in (-saturated, saturated):
            ax.axvline(bound, color=MUTED, linewidth=0.9, linestyle=":")
        for dim, row in enumerate(counts):
            ax.stairs(_percent(row), edges, color=_LINES[dim], linewidth=1.5, label=f"action {dim}")
        ax.set_xlabel("value; dotted: bounds")
        ax.set_ylabel("steps [%]")
        ax.set_ylim(bottom=0)
        legend(ax, 4)
    return out[0]


def _action_map(edges: Values, counts: NDArray[np.int64], saturated: float) -> Drawing:
    with panel("Actions", min(6.0, 1.4 + 0.16 * len(counts))) as (ax, out):
        found = np.stack([_percent(row) for row in counts])
        drawn = ax.pcolormesh(edges, np.arange(len(counts) + 1) - 0.5, found, cmap=_DARKER, vmin=0)
        for bound in (-saturated, saturated):
            ax.axvline(bound, color=INK, linewidth=0.9, linestyle=":")
        ax.grid(visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_locator(MaxNLocator(12, integer=True))
        ax.invert_yaxis()
        ax.set_xlabel("value; dotted: bounds")
        ax.set_ylabel("action")
        scale = ax.figure.colorbar(drawn, ax=ax, location="top", aspect=40, pad=0.02)
        scale.set_label("steps [%]")
        scale.outline.set_linewidth(0)
    return out[0]


def _percent(row: NDArray[np.int64]) -> Values:
    return 100 * row / max(1, int(row.sum()))


def shares(title: str, axis: str, values: Values, limit: float) -> Drawing:
    """Draw a share of each episode, in the order of the episodes.

    Args:
        title: What is drawn.
        axis: Label of the axis of shares.
        values: (E,) between 0 and 1.
        limit: Above it an episode is suspicious.

    Returns:
        Title and SVG.
    """
    with panel(title, 2.3) as (ax, out):
        numbers, above = np.arange(len(values)), values > limit
        ax.axhline(100 * limit, color=MUTED, linewidth=0.9, linestyle=":", label="suspicious above")
        size = 4 if len(values) < 200 else 2
        ax.plot(numbers[~above], 100 * values[~above], "o", color=_BLUE, markersize=size, mew=0)
        ax.plot(numbers[above], 100 * values[above], "o", color=_RED, markersize=size + 1, mew=0)
        ax.set_ylim(-3, 103)
        ax.set_xlabel("episode")
        ax.set_ylabel(axis)
        legend(ax, 1)
    return out[0]


def coverage(found: Coverage) -> Drawing:
    """Draw states along the two directions in which they vary most.

    Args:
        found: The states.

    Returns:
        Title and SVG; thirds of episodes in different colours.
    """
    with panel("Coverage of states", 3.0) as (ax, out):
        parts: Sequence[tuple[str, float, float, str]] = (
            ("first third", -1, 1 / 3, _BLUE), ("middle", 1 / 3, 2 / 3, MUTED), ("last third", 2 / 3, 2, _RED),
        )  # fmt: skip
        for name, low, high, color in parts:
            rows = (found.progress > low) & (found.progress <= high)
            ax.plot(*found.points[rows].T, "o", color=color, markersize=2.6, alpha=0.5, mew=0, label=name)
        ax.set_xlabel(f"component 1 ({100 * found.explained[0]:.0f} % of the variance)")
        ax.set_ylabel(f"component 2 ({100 * found.explained[1]:.0f} %)")
        legend(ax, 3)
    return out[0]


def intervals(seconds: Values) -> Drawing:
    """Draw the times between steps.

    Args:
        seconds: (n,).

    Returns:
        Title and SVG, on a logarithmic scale of counts.
    """
    with panel("Time between steps", 2.3) as (ax, out):
        shown = 1000 * seconds
        ax.hist(shown, bins=list(_edges(shown, 40)), color=_BLUE, linewidth=0)
        ax.axvline(float(np.median(shown)), color=INK, linewidth=0.9, linestyle=":", label="median")
        ax.set_yscale("log")
        plain_log(ax.yaxis)
        ax.set_xlabel("time [ms]")
        ax.set_ylabel("steps")
        legend(ax, 1)
    return out[0]


def _edges(values: Values, count: int, *, whole: bool = False) -> Values:
    """Edges of bins: one a whole number if these are few, else `count` of one width, however equal the values are."""
    low, high = float(values.min()), float(values.max())
    if whole and high - low < 30:
        return np.arange(low - 0.5, high + 1.5)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        margin = max(0.1 * abs(low), 0.5)
        return np.array([low - margin, low - margin / 10, high + margin / 10, high + margin])
    return np.linspace(low, high, count + 1)
