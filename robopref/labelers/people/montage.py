"""Questions as pictures, for terminals: the items side by side, numbered from the left."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.files import replacing
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.scenes import Frame, Scenes
from robopref.records import Array, Query

_FRAMES = 4
_CLOUD, _BEFORE, _ACTION, _GUIDE = "#2f6f9f", "#9aa0a8", "#d55e00", "#009e73"


def draw_montage(
    path: Path, query: Query, order: Sequence[int], scenes: Mapping[str, Scenes], media: MediaFolder | None
) -> None:
    """Draw a question; the file appears whole.

    Args:
        path: PNG to write.
        query: The question, with an item at least.
        order: Index of the item at each place.
        scenes: Clouds and paths by dataset, seen from above; the later ones of a segment are darker. Where they show
            outcomes, what was before is grey.
        media: Videos, of which some frames are shown one below the other.
    """
    from matplotlib.figure import Figure

    columns = min(4, len(order))
    rows = -(-len(order) // columns)
    figure = Figure(figsize=(4.2 * columns, 4.4 * rows), layout="constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, index in enumerate(order):
        axes, item = grid.flat[place], query.items[index]
        axes.set_title(_name(query, place, index), fontsize=16, fontweight="bold")
        video = None if media is None else media.video(item)
        if video is not None:
            axes.imshow(_frames(video))
        elif item.source in scenes:
            found = scenes[item.source]
            outcome = found.outcome(item)
            _draw_scene(axes, found, found.frames(item) if outcome is None else [outcome])
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=80)


def _name(query: Query, place: int, index: int) -> str:
    """The number of a panel, and of an example of a feature how much it has of it."""
    feature = query.feature
    return f"{place + 1}{'' if feature is None or not feature.values else f': {feature.shown(feature.values[index])}'}"


def draw_picture(scenes: Scenes, frame: Frame, size: int) -> NDArray[np.uint8]:
    """Draw one moment of an item, from above.

    Args:
        scenes: Where it is from.
        frame: Cloud and path.
        size: Side of the picture, pixels.

    Returns:
        (size, size, 3).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), dpi=size / 4.2)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _draw_scene(axes, scenes, [frame])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_scene(axes: Any, scenes: Scenes, frames: Sequence[Frame]) -> None:
    if scenes.guide is not None:
        axes.plot(scenes.guide[:, 0], scenes.guide[:, 1], ":", color=_GUIDE, linewidth=2)
    for number, frame in enumerate(frames, 1):
        shade = number / len(frames)
        if frame.before is not None:
            axes.scatter(frame.before[:, 0], frame.before[:, 1], s=6, c=_BEFORE)
            _say_colours(axes)
        axes.scatter(frame.points[:, 0], frame.points[:, 1], s=6, c=_CLOUD, alpha=shade)
        _draw_path(axes, frame.path, shade)
    center, radius = scenes.center, 1.15 * scenes.radius
    axes.set(xlim=(center[0] - radius, center[0] + radius), ylim=(center[1] - radius, center[1] + radius))
    axes.set_aspect("equal")


def _say_colours(axes: Any) -> None:
    for place, text, color in ((0.02, "before", "#60666e"), (0.22, "after", _CLOUD)):
        axes.text(place, 0.98, text, color=color, fontsize=12, weight="bold", va="top", transform=axes.transAxes)


def _draw_path(axes: Any, path: Array, shade: float) -> None:
    strokes = path if path.shape[1] > 1 else path.transpose(1, 0, 2)
    for stroke in strokes[:, :, :2]:
        if not len(stroke):
            continue
        axes.plot(*stroke[0], "o", color=_ACTION, markersize=9, fillstyle="none", markeredgewidth=2, alpha=shade)
        for start, end in itertools.pairwise(stroke):
            arrow = {"arrowstyle": "-|>", "color": _ACTION, "linewidth": 3, "mutation_scale": 22, "alpha": shade}
            axes.annotate("", end, start, arrowprops=arrow)


def _frames(video: Path) -> NDArray[np.uint8]:
    """Frames of a video, evenly spaced, in a square."""
    import imageio.v3 as imageio

    frames = imageio.imread(video, plugin="FFMPEG")
    chosen = frames[np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)]
    return np.concatenate(
        [np.concatenate([chosen[0], chosen[1]], axis=1), np.concatenate([chosen[2], chosen[3]], axis=1)]
    )
