"""Drawings of an evaluation report, as SVG to be put inline in HTML; matplotlib draws them.

A drawing holds one panel, as wide as a phone, so that its text keeps its size on every screen. Its colours are CSS
variables, so that it follows the light or dark theme of the page.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from robopref.evaluation.intervals import Values
from robopref.evaluation.statistics import ReliabilityCurve
from robopref.records import Goal
from robopref.reports.palette import BEST, FAINT, INK, MUTED, NEUTRAL, SPARE, STYLES, WORST, Style, inline_svg, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Drawing = tuple[str, Markup]

_WIDTH = 3.6  # inches; 346 CSS pixels
_ROOM = 0.8  # of the width, for a legend
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "robopref",
    "text.parse_math": False,  # names come from files
    "axes.unicode_minus": True,
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_OUTCOME = LinearSegmentedColormap.from_list("outcome", [WORST, NEUTRAL, BEST])


def gains(rows: dict[str, tuple[str, dict[str, float]]], goal: Goal) -> Drawing:
    """Draw gains over the policy's own sample, one line a strategy.

    Args:
        rows: Label and ``{mean, low, high}`` by the name of the strategy.
        goal: In what terms they are shown.

    Returns:
        Title and SVG.
    """
    looks = styles(rows)
    with panel("Gain over the policy's own sample", 0.6 + 0.3 * len(rows)) as (ax, out):
        for y, (name, (_, gain)) in enumerate(rows.items()):
            look, ends = looks[name], [goal.scale * gain["low"], goal.scale * gain["high"]]
            ax.plot(ends, [y, y], color=look.color, linewidth=2, solid_capstyle="butt")
            ax.plot(goal.scale * gain["mean"], y, look.marker, color=look.color, markersize=6.5)
        ax.axvline(0, color=MUTED, linewidth=0.9)
        ax.set_yticks(range(len(rows)), [short(text) for text, _ in rows.values()], color=INK)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(f"gain [{goal.unit}]")
    return out[0]


def ladder(rows: dict[str, tuple[str, dict[str, float]]], looks: dict[str, Style]) -> Drawing:
    """Draw the share of the gap between a random and the best candidate that each way of choosing closes.

    Args:
        rows: Label and ``{mean, low, high}`` by the name of the strategy, from the lowest rung up.
        looks: Style of each.

    Returns:
        Title and SVG.
    """
    with panel("The ladder", 0.6 + 0.3 * len(rows)) as (ax, out):
        for end in (0, 100):
            ax.axvline(end, color=MUTED, linewidth=0.9)
        for y, (name, (_, share)) in enumerate(rows.items()):
            look = looks[name]
            ax.plot([100 * share["low"], 100 * share["high"]], [y, y], color=look.color, linewidth=2)
            ax.plot(100 * share["mean"], y, look.marker, color=look.color, markersize=6.5)
        ax.set_yticks(range(len(rows)), [short(text) for text, _ in rows.values()], color=INK)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("gap closed [%]")
    return out[0]


def learning_curves(title: str, curves: dict[str, tuple[Values, Values]], unit: str) -> Drawing:
    """Draw terms of training over its steps.

    Args:
        title: What was trained.
        curves: (n,) steps and (n,) values by the name of the term.
        unit: Label of the value axis; ``%`` draws shares as percent, ``share`` from 0 to 1.

    Returns:
        Title and SVG.
    """
    looks = [*(STYLES[name] for name in ("implicit", "explicit", "combined", "tuned")), *SPARE]
    with panel(title, 2.3) as (ax, out):
        for (name, (steps, values)), look in zip(curves.items(), looks * len(curves), strict=False):
            scale = 100 if unit == "%" else 1
            marker = "o" if len(steps) < 3 else None
            ax.plot(steps, scale * values, color=look.color, linestyle=look.dash, marker=marker, label=short(name))
        everything = np.concatenate([values for _, values in curves.values()])
        if unit == "loss" and everything.min() > 0 and everything.max() > 30 * everything.min():
            ax.set_yscale("log")
            plain_log(ax.yaxis)
        if unit == "share":
            ax.set_ylim(-0.04, 1.04)
        ax.set_xlabel("step")
        ax.set_ylabel("accuracy [%]" if unit == "%" else short(unit))
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if list(curves) != [unit]:
            legend(ax, 2)
    return out[0]


def score_scatter(
    scorer: str, scores: Values, outcomes: Values, chosen: NDArray[np.int64], limit: int, goal: Goal
) -> Drawing:
    """Draw score against outcome, both relative to their mean at the same start.

    Args:
        scorer: Name of the scorer.
        scores: (S, N).
        outcomes: (S, N).
        chosen: (S,) index of the candidate that the scorer picks.
        limit: Draw at most about this many candidates.
        goal: In what terms outcomes are shown.

    Returns:
        Title and SVG. Scores beyond the central 99 % lie on the edge.
    """
    look = styles([scorer])[scorer]
    x = scores - scores.mean(axis=1, keepdims=True)
    y = goal.scale * (outcomes - outcomes.mean(axis=1, keepdims=True))
    x = np.clip(x, *np.quantile(x, [0.005, 0.995]))
    starts = np.arange(len(x))
    shown = np.random.default_rng(0).permutation(x.size)[:limit]
    order = np.array_split(np.argsort(x.ravel()), min(10, x.size))
    with panel(f"{scorer}: score against outcome", 2.7) as (ax, out):
        ax.plot(x.ravel()[shown], y.ravel()[shown], "o", color=look.color, markersize=2.6, alpha=0.35, mew=0)
        ax.plot(x[starts, chosen], y[starts, chosen], "o", mfc="none", mec=INK, markersize=4, mew=0.8, label="chosen")
        tenths = [[column.ravel()[part].mean() for part in order] for column in (x, y)]
        ax.plot(*tenths, color=INK, linewidth=1.8, label="mean of each tenth")
        ax.set_xlabel("score, relative to the mean of the start")
        ax.set_ylabel(f"improvement, relative [{goal.unit}]")
        legend(ax, 2)
    return out[0]


def reliability(curves: dict[str, ReliabilityCurve]) -> Drawing:
    """Draw how often the preferred candidate was better, against how sure the score was.

    Args:
        curves: ReliabilityCurve of each scorer by its name.

    Returns:
        Title and SVG; marker area grows with the number of pairs.
    """
    looks = styles(curves)
    with panel("Reliability", 3.0) as (ax, out):
        ax.plot([50, 100], [50, 100], color=MUTED, linewidth=0.9, linestyle=":", label="perfect")
        for name, curve in curves.items():
            kept, look = curve.count > 0, looks[name]
            x, y = 100 * curve.predicted[kept], 100 * curve.observed[kept]
            size = 8 + 60 * curve.count[kept] / curve.count.max()
            ax.plot(x, y, color=look.color, linestyle=look.dash, linewidth=1.2)
            ax.scatter(x, y, s=size, marker=look.marker, color=look.color, label=short(name), linewidths=0)
        ax.set_xlabel("predicted: sigmoid of the score margin [%]")
        ax.set_ylabel("preferred candidate was better [%]")
        legend(ax, 3)
    return out[0]


def episode_curves(
    title: str, unit: str, curves: dict[str, tuple[Values, Values, Values]], mark: float | None
) -> Drawing:
    """Draw a quantity over the steps of an episode, with its interval.

    Args:
        title: What is drawn.
        unit: Label of the value axis.
        curves: (T + 1,) mean, low and high by the name of the strategy, in that unit.
        mark: Value at which to draw a line, such as the distance that counts as success.

    Returns:
        Title and SVG.
    """
    looks = styles(curves)
    with panel(title, 2.7) as (ax, out):
        if mark is not None:
            ax.axhline(mark, color=MUTED, linewidth=0.9, linestyle=":", label="success")
        for name, (mean, low, high) in curves.items():
            look, steps = looks[name], np.arange(len(mean))
            ax.fill_between(steps, low, high, color=look.color, alpha=0.13, linewidth=0)
            ax.plot(
                steps, mean, color=look.color, linestyle=look.dash, marker=look.marker, markersize=4, label=short(name)
            )
        ax.set_ylim(bottom=0)
        ax.set_xlabel("actions executed")
        ax.set_ylabel(unit)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        legend(ax, 3)
    return out[0]


def candidates_above(
    title: str,
    points: NDArray[Any],
    paths: NDArray[Any],
    outcomes: Values,
    marks: dict[str, int],
    *,
    scale: float,
    target: NDArray[Any] | None,
    bright: int = 4,
) -> Drawing:
    """Draw a point cloud from above and the candidates as arrows coloured by outcome.

    Args:
        title: What is shown.
        points: (P, 3) m.
        paths: (N, K, 3) anchor points of each candidate in the order in which they are visited, m.
        outcomes: (N,) progress.
        marks: Index of the candidate to mark by the name of who chose it; the first is drawn innermost.
        scale: Outcome at which the colour is full.
        target: (V, 2 or 3) target shape, m.
        bright: How many of the best and of the worst candidates to draw in full.

    Returns:
        Title and SVG.
    """
    order = np.argsort(outcomes)
    loud = list(dict.fromkeys([*order[:bright], *order[-bright:], *marks.values()]))
    tones = [to_hex(_OUTCOME(0.5 + 0.5 * float(np.clip(value / scale, -1, 1)))) for value in outcomes]
    with panel(title, 3.5) as (ax, out):
        if target is not None:
            ax.plot(*100 * target[:, :2].T, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        ax.plot(*100 * points[:, :2].T, "o", color=MUTED, markersize=1.8, alpha=0.55, mew=0)
        quiet = [i for i in range(len(paths)) if i not in loud]
        segments = [100 * paths[i, :, :2] for i in quiet]
        ax.add_collection(LineCollection(segments, colors=[tones[i] for i in quiet], linewidths=0.6, alpha=0.45))
        for i in loud:
            _arrow(ax, 100 * paths[i, :, :2], tones[i])
        shapes = {name: look.marker.replace("X", "x") for name, look in styles(marks).items()}
        for depth, (name, i) in enumerate(marks.items()):
            tip = 100 * paths[i, -1, :2]
            # Open shapes of growing size stay visible when several choose the same candidate.
            ax.plot(*tip, shapes[name], mfc="none", mec=INK, mew=1.1, ms=8 + 3 * depth, zorder=6, clip_on=False)
        _square(ax, 100 * np.concatenate([points[:, :2], paths[..., :2].reshape(-1, 2)]))
        ax.set_xlabel("x [cm]")
        ax.set_ylabel("y [cm]")
    return out[0]


def short(name: str) -> str:
    """Keep a long name from pushing the drawing off the page."""
    return name if len(name) <= 24 else f"{name[:23]}…"


def plain_log(axis: Axis) -> None:
    """Write numbers in place of powers at a logarithmic axis, and some even where it spans less than a decade.

    Args:
        axis: Of which everything is drawn already.
    """
    low, high = axis.get_view_interval()
    if high < 10 * low:
        axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(ax: Axes, columns: int) -> None:
    """Put the legend above the axes, where it hides nothing, in as many columns as fit, up to some number."""
    handles, names = ax.get_legend_handles_labels()
    if not handles:
        return
    for count in range(min(columns, len(names)), 0, -1):
        made = ax.legend(
            handles, [short(name) for name in names], loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=count,
            columnspacing=1.2, handletextpad=0.5,
        )  # fmt: skip
        # What is left of the axes is not for the legend, and the font of the page may be wider.
        if made.get_window_extent().width <= _ROOM * ax.figure.bbox.width:
            return


def _arrow(ax: Axes, path: NDArray[Any], color: str) -> None:
    ax.plot(*path[:1].T, "o", color=color, markersize=3.6, mew=0, zorder=4)
    ax.plot(*path[:-1].T, color=color, linewidth=1.5, zorder=4)
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.5, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
    ax.annotate("", xy=tuple(path[-1]), xytext=tuple(path[-2]), arrowprops=style, zorder=4)


def _square(ax: Axes, xy: NDArray[Any]) -> None:
    """Equal scales on both axes, with everything inside."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    half = 0.56 * max(float((high - low).max()), 1.0)
    (x, y) = (low + high) / 2
    ax.set_xlim(x - half, x + half)
    ax.set_ylim(y - half, y + half)
    ax.set_aspect("equal")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(5))


@contextmanager
def panel(title: str, height: float) -> Generator[tuple[Axes, list[Drawing]]]:
    """One set of axes in the house style; on leaving, the list holds the title and the SVG."""
    from matplotlib.figure import Figure  # looks at the fonts of the system, for seconds where no list of them is kept

    out: list[Drawing] = []
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        ax = figure.add_subplot()
        yield ax, out
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Creator": None, "Date": None, "Format": None, "Type": None})
    out.append((title, inline_svg(drawn.getvalue(), title)))
