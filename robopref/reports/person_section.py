"""Who stands near whom, as a drawing and a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from robopref.quality.person_nearness import PersonPlace
from robopref.reports.figures import Drawing, legend, panel, short
from robopref.reports.palette import INK, MUTED, SPARE, STYLES
from robopref.reports.template import figure, grid, paragraph, section, table

_DRAWN = 60  # persons of a drawing
_COLORS = (*(STYLES[name].color for name in ("implicit", "explicit", "combined", "tuned")), *(s.color for s in SPARE))
_READING = (
    "What each person wants, as weights of the prototypes that the reward {name} has learnt; persons who want the same "
    "prototype most are neighbours. The distance to the nearest is half the sum of differences of weights: 0 for the "
    "same wishes, 1 for such as share no prototype. Weights of who has answered little say little."
)


def place_rows(places: Sequence[PersonPlace]) -> list[list[str]]:
    """Weights of persons and who is nearest, as text.

    Args:
        places: At least one.

    Returns:
        Rows, the header first.
    """
    count = len(places[0].weights)
    rows = [["person", *(f"prototype {k + 1}" for k in range(count)), "nearest", "distance"]]
    for one in places:
        near = [one.nearest, f"{one.distance:.2f}"] if one.nearest else ["–", "–"]
        rows.append([one.name, *(f"{weight:.2f}" for weight in one.weights), *near])
    return rows


def person_section(name: str, places: Sequence[PersonPlace]) -> Markup:
    """A section of a page on the persons that a reward knows.

    Args:
        name: Of the reward.
        places: Of the persons, at least one.
    """
    title, drawing = person_bars(places[:_DRAWN])
    rest = f" Drawn are the first {_DRAWN} of {len(places)}." if len(places) > _DRAWN else ""
    return section(
        f"Who stands near whom: {name}", grid([figure(title, drawing)]), table(place_rows(places)),
        paragraph(_READING.format(name=name) + rest),
    )  # fmt: skip


def person_bars(places: Sequence[PersonPlace]) -> Drawing:
    """Draw the weights of each person as one bar.

    Args:
        places: At least one.

    Returns:
        Title and SVG.
    """
    weights = 100 * np.array([one.weights for one in places])
    with panel("What each person wants", 0.95 + 0.22 * len(places)) as (ax, out):
        left = np.zeros(len(places))
        for k in range(weights.shape[1]):
            color = _COLORS[k % len(_COLORS)]
            ax.barh(range(len(places)), weights[:, k], 0.7, left=left, color=color, label=f"prototype {k + 1}",
                    linewidth=0)  # fmt: skip
            left += weights[:, k]
        ax.axvline(50, color=MUTED, linewidth=0.9, linestyle=":")
        ax.set_yticks(range(len(places)), [short(one.name) for one in places], color=INK)
        ax.set_ylim(len(places) - 0.4, -0.6)
        ax.set_xlim(0, 100)
        ax.grid(visible=False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("weight of the prototype [%]")
        legend(ax, 2)
    return out[0]
