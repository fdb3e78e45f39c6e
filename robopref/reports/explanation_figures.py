"""Drawings of a page on what answers go by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robopref.evaluation.intervals import Interval, Values
from robopref.reports.figures import Drawing, legend, panel, short
from robopref.reports.palette import INK, MUTED, STYLES

_PREFERRED, _OTHER = STYLES["implicit"].color, STYLES["explicit"].color


def odds(rows: Sequence[tuple[str, Interval]]) -> Drawing:
    """Draw the weight of each finding.

    Args:
        rows: What was preferred, and its log-odds a standard deviation.

    Returns:
        Title and SVG.
    """
    with panel("Weight of each, beside the others", 0.75 + 0.3 * len(rows)) as (ax, out):
        ax.axvline(0, color=MUTED, linewidth=0.9, linestyle=":")
        for y, (_, weight) in enumerate(rows):
            ax.plot([weight.low, weight.high], [y, y], color=_PREFERRED, linewidth=2, solid_capstyle="butt")
            ax.plot(weight.mean, y, "o", color=_PREFERRED, markersize=6)
        ax.set_yticks(range(len(rows)), [short(name) for name, _ in rows], color=INK)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("log-odds a standard deviation")
    return out[0]


def pair_of_series(title: str, preferred: Values, other: Values, axis: str) -> Drawing:
    """Draw a quantity of both items of a pair, step by step, or as bars if they have a single step.

    Args:
        title: What is shown.
        preferred: (T,) of the item that was preferred.
        other: (T,) of the other one.
        axis: Name of the quantity.

    Returns:
        Title and SVG.
    """
    alone = max(len(preferred), len(other)) == 1
    with panel(title, 1.0 if alone else 2.0) as (ax, out):
        for y, (row, name, color) in enumerate(((preferred, "preferred", _PREFERRED), (other, "other", _OTHER))):
            if alone:
                ax.barh(y, row[0], 0.6, color=color)
            else:
                ax.plot(np.arange(len(row)), row, color=color, label=name)
        if alone:
            ax.set_yticks([0, 1], ["preferred", "other"], color=INK)
            ax.set_ylim(1.6, -0.6)
            ax.grid(visible=False, axis="y")
            ax.tick_params(axis="y", length=0)
            ax.axvline(0, color=MUTED, linewidth=0.9)
            ax.set_xlabel(short(axis))
        else:
            ax.set_xlabel("step")
            ax.set_ylabel(short(axis))
            legend(ax, 2)
    return out[0]
