"""The map of an embedding: items that lie near each other are alike to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from markupsafe import Markup

from robopref.evaluation.item_map import EMBEDDING, ItemMap
from robopref.reports.figures import Drawing, legend, panel
from robopref.reports.palette import BEST, INK, MUTED, WORST
from robopref.reports.template import figure, grid, paragraph, section

_READING = (
    "Every mark is an item, near those that the embedding finds alike; the plane holds {shown:.0%} of how they differ. "
    "{value}Ringed are those that somebody has compared. Regions without rings are what nobody was asked about."
)


def map_section(found: ItemMap) -> Markup:
    """A section of a page on where items lie.

    Args:
        found: The map.
    """
    value = f"Colours are thirds of the items by {found.said}. " if found.said else ""
    drawing = figure(*item_map(found))
    return section("Map of what is alike", grid([drawing]), paragraph(_READING.format(shown=found.shown, value=value)))


def embedding_map(folder: Path) -> list[Markup]:
    """The section of a run folder whose embedding is trained, or nothing; raises DataError if its map is damaged."""
    found = ItemMap.load(folder / EMBEDDING)
    return [] if found is None else [map_section(found)]


def item_map(found: ItemMap) -> Drawing:
    """Draw items on a plane.

    Args:
        found: The map.

    Returns:
        Title and SVG.
    """
    x, y, asked = np.array(found.x), np.array(found.y), np.array(found.asked) > 0
    with panel("Items by what is alike", 3.6) as (ax, out):
        for name, rows, color, marker in _groups(found):
            ax.plot(x[rows], y[rows], marker, color=color, markersize=3, alpha=0.7, mew=0, label=name, zorder=3)
        if asked.any():
            ax.plot(x[asked], y[asked], "o", mfc="none", mec=INK, mew=0.6, ms=5.5, label="compared", zorder=4)
        ax.set_xlabel("first component")
        ax.set_ylabel("second component")
        if found.value or asked.any():
            legend(ax, 2)
    return out[0]


def _groups(found: ItemMap) -> list[tuple[str, np.ndarray[tuple[int], np.dtype[np.bool_]], str, str]]:
    """Items that are drawn alike: name, which, colour, marker."""
    if not found.value:
        return [("items", np.ones(len(found.x), bool), MUTED, "o")]
    value = np.array(found.value)
    low, high = np.quantile(value, [1 / 3, 2 / 3])
    return [
        ("worst third", value <= low, WORST, "v"), ("middle", (value > low) & (value < high), MUTED, "o"),
        ("best third", (value >= high) & (value > low), BEST, "^"),
    ]  # fmt: skip
