"""A contact sheet of what an embedding finds alike: the stretch that was asked for, and beside it the nearest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from robopref.data.episodes.alike import ShownStretch
from robopref.files import write_text
from robopref.labelers.showing import Showing
from robopref.reports.figures import Drawing, legend, panel
from robopref.reports.palette import INK, MUTED, SPARE, STYLES
from robopref.reports.template import figure, grid, header, page, paragraph, picture, section

Arrays = Mapping[str, NDArray[Any]]
_FILM = Showing("grid", frames=4, size=120)
_CLOUDS, _POINTS, _LINES = 3, 300, 6  # of a stretch, of a cloud and of a stretch, that are drawn
_COLORS = [STYLES[name].color for name in ("implicit", "explicit", "combined", "tuned")] + [one.color for one in SPARE]
_READING = (
    "First the stretch that was asked for, then those that lie nearest to it in the embedding, the nearest first; a "
    "distance of 1 is the mean one to all others. {shown}"
)


def write_alike(path: Path, name: str, looked_at: Sequence[str], found: Sequence[ShownStretch]) -> None:
    """Draw stretches side by side: pictures if there are any, else clouds from above, else numbers by step.

    Args:
        path: The HTML file; an earlier one is replaced.
        name: Of the dataset.
        looked_at: Arrays that the embedding looks at, of which numbers are drawn.
        found: The stretch that was asked for, and those like it.

    Raises:
        DataError: It cannot be written.
    """
    shown, drawn = _drawn(looked_at, found)
    titles = [
        f"episode {one.stretch.episode}, steps {one.stretch.start} to {one.stretch.stop - 1}"
        + (": asked for" if one.distance is None else f": distance {one.distance:.3f}")
        for one in found
    ]
    sheet = grid(figure(title, one) for title, one in zip(titles, drawn, strict=True))
    title = f"What is alike in {name}"
    content = [header("robopref", title), section("Stretches", paragraph(_READING.format(shown=shown)), sheet)]
    write_text(path, page(f"robopref: {title}", content))


def _drawn(looked_at: Sequence[str], found: Sequence[ShownStretch]) -> tuple[str, list[Markup]]:
    """What the drawings show, and one of each stretch."""
    first = found[0].arrays
    for key, array in first.items():
        if array.dtype == np.uint8 and array.ndim == 4 and array.shape[-1] == 3:
            said = [f"episode {one.stretch.episode} from step {one.stretch.start}" for one in found]
            return f"Pictures are of {key}, from the first step to the last.", [
                picture(_FILM.strip(list(one.arrays[key])), text) for one, text in zip(found, said, strict=True)
            ]
    if "points" in first and first["points"].ndim == 3:
        return "Clouds are seen from above; later ones are darker.", _clouds([one.arrays["points"] for one in found])
    lines = [_lines(looked_at, one.arrays) for one in found]
    return "Lines are what the embedding looks at, by step, on the same scale.", _plots(lines)


def _clouds(clouds: Sequence[NDArray[Any]]) -> list[Markup]:
    every = np.concatenate([cloud[..., :2].reshape(-1, 2) for cloud in clouds])
    every = every[np.isfinite(every).all(axis=1)]
    center, radius = (every.min(0) + every.max(0)) / 2, 0.55 * max(float(np.ptp(every, axis=0).max()), 1e-6)
    drawn: list[Drawing] = []
    for cloud in clouds:
        with panel("From above", 3.2) as (ax, out):
            places = np.linspace(0, len(cloud) - 1, min(_CLOUDS, len(cloud))).round().astype(int)
            for number, place in enumerate(places, 1):
                shown = cloud[place, :: -(-cloud.shape[1] // _POINTS), :2]
                ax.plot(*shown.T, ".", color=INK, markersize=2.5, mew=0, alpha=number / len(places))
            ax.set(xlim=(center[0] - radius, center[0] + radius), ylim=(center[1] - radius, center[1] + radius))
            ax.set_aspect("equal")
            ax.set_xlabel("x [m]")
            ax.set_ylabel("y [m]")
        drawn += out
    return [one for _, one in drawn]


def _lines(looked_at: Sequence[str], arrays: Arrays) -> dict[str, NDArray[np.float64]]:
    """The first numbers that the embedding looks at, each (T,), by name."""
    found: dict[str, NDArray[np.float64]] = {}
    for key in looked_at:
        flat = np.asarray(arrays[key], dtype=np.float64).reshape(len(arrays[key]), -1)
        found |= {key if flat.shape[1] == 1 else f"{key}[{k}]": flat[:, k] for k in range(flat.shape[1])}
    return dict(list(found.items())[:_LINES])


def _plots(stretches: Sequence[Mapping[str, NDArray[np.float64]]]) -> list[Markup]:
    values = np.concatenate([row for lines in stretches for row in lines.values()])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.05 * (high - low) or 1.0
    longest = max(len(row) for lines in stretches for row in lines.values())
    drawn: list[Drawing] = []
    for lines in stretches:
        with panel("By step", 2.2) as (ax, out):
            for color, (name, row) in zip(_COLORS, lines.items(), strict=False):
                ax.plot(row, ".-", color=color, label=name, markersize=4)
            ax.axhline(0, color=MUTED, linewidth=0.7)
            ax.set(xlim=(-0.3, max(longest - 0.7, 0.7)), ylim=(low - room, high + room))
            ax.set_xlabel("step")
            ax.locator_params(axis="x", integer=True)
            legend(ax, 3)
        drawn += out
    return [one for _, one in drawn]
