"""Drawings of a report on labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robopref.evaluation.intervals import Interval, Values
from robopref.reports.figures import Drawing, legend, panel, plain_log, short
from robopref.reports.palette import FAINT, INK, MUTED, SPARE, STYLES

_BARS = {
    "shown first": STYLES["implicit"].color,
    "tie": MUTED,
    "shown second": STYLES["explicit"].color,
    "no answer": FAINT,
}


def shares(title: str, axis: str, rows: Sequence[tuple[str, Interval]], expected: float | None = None) -> Drawing:
    """Draw a share of each labeler with its interval.

    Args:
        title: What is drawn.
        axis: Label of the axis.
        rows: Name and share.
        expected: Share at which to draw a line.

    Returns:
        Title and SVG.
    """
    with panel(title, 0.75 + 0.3 * len(rows)) as (ax, out):
        if expected is not None:
            ax.axvline(100 * expected, color=MUTED, linewidth=0.9, linestyle=":")
        for y, (_, share) in enumerate(rows):
            color = STYLES["implicit"].color
            ax.plot([100 * share.low, 100 * share.high], [y, y], color=color, linewidth=2, solid_capstyle="butt")
            ax.plot(100 * share.mean, y, "o", color=color, markersize=6)
        ax.set_yticks(range(len(rows)), [short(name) for name, _ in rows], color=INK)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(-2, 102)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(axis)
    return out[0]


def answers(rows: Sequence[tuple[str, Sequence[int]]]) -> Drawing:
    """Draw what each labeler answered to pairs, as one bar.

    Args:
        rows: Name, and how often the item shown first was better, neither was, the item shown second was, and
            nothing was said.

    Returns:
        Title and SVG.
    """
    with panel("Answers to pairs", 0.95 + 0.3 * len(rows)) as (ax, out):
        counts = np.array([row for _, row in rows], dtype=np.float64)
        parts = 100 * counts / counts.sum(axis=1, keepdims=True)
        left = np.zeros(len(rows))
        for column, (name, color) in enumerate(_BARS.items()):
            ax.barh(range(len(rows)), parts[:, column], 0.62, left=left, color=color, label=name, linewidth=0)
            left += parts[:, column]
        ax.set_yticks(range(len(rows)), [short(name) for name, _ in rows], color=INK)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(0, 100)
        ax.grid(visible=False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("share of answers [%]")
        legend(ax, 2)
    return out[0]


def times(rows: Sequence[tuple[str, Values]], floor: float) -> Drawing:
    """Draw how long answers took: the share that was given by then.

    Args:
        rows: Name and (n,) seconds, at least one each.
        floor: Seconds that looking takes at least.

    Returns:
        Title and SVG.
    """
    looks = [*(STYLES[name] for name in ("implicit", "explicit", "combined", "tuned")), *SPARE]
    with panel("Time of an answer", 2.7) as (ax, out):
        ax.axvline(floor, color=MUTED, linewidth=0.9, linestyle=":", label="too fast")
        for (name, seconds), look in zip(rows, looks * len(rows), strict=False):
            at = np.sort(np.maximum(seconds, 0.05))
            share = 100 * np.arange(1, len(at) + 1) / len(at)
            ax.step(np.append(at[0], at), np.append(0, share), where="post", color=look.color, label=short(name))
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        ax.set_ylim(0, 102)
        ax.set_xlabel("time [s]")
        ax.set_ylabel("answers given by then [%]")
        legend(ax, 3)
    return out[0]
