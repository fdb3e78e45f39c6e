"""Questions as pictures, for terminals: the items side by side, numbered from the left."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.labelling.media import MediaFolder
from robopref.labelling.scenes import CandidateScenes
from robopref.types import Item, Query

_FRAMES = 4
_CLOUD, _ACTION, _GUIDE = "#2f6f9f", "#d55e00", "#009e73"


def draw_montage(
    path: Path, query: Query, order: Sequence[int], scenes: CandidateScenes | None, media: MediaFolder | None
) -> None:
    """Draw a question; the file appears whole.

    Args:
        path: PNG to write.
        query: The question.
        order: Index of the item at each place.
        scenes: Clouds and paths, seen from above.
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
        axes.set_title(str(place + 1), fontsize=16, fontweight="bold")
        video = None if media is None else media.video(item)
        if video is not None:
            axes.imshow(_frames(video))
        elif scenes is not None:
            _draw_scene(axes, scenes, item)
    temporary = path.with_suffix(".part")
    figure.savefig(temporary, format="png", dpi=80)
    temporary.replace(path)


def draw_picture(scenes: CandidateScenes, item: Item, size: int) -> NDArray[np.uint8]:
    """Draw one item, from above.

    Args:
        scenes: Clouds and paths.
        item: Which.
        size: Side of the picture, pixels.

    Returns:
        (size, size, 3).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), dpi=size / 4.2)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _draw_scene(axes, scenes, item)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_scene(axes: Any, scenes: CandidateScenes, item: Item) -> None:
    points, steps = scenes.points(item), scenes.path(item)
    axes.scatter(points[:, 0], points[:, 1], s=6, c=_CLOUD)
    if scenes.guide is not None:
        axes.plot(scenes.guide[:, 0], scenes.guide[:, 1], ":", color=_GUIDE, linewidth=2)
    strokes = steps if steps.shape[1] > 1 else steps.transpose(1, 0, 2)
    for stroke in strokes:
        axes.plot(stroke[0, 0], stroke[0, 1], "o", color=_ACTION, markersize=9, fillstyle="none", markeredgewidth=2)
        for start, end in itertools.pairwise(stroke):
            arrow = {"arrowstyle": "-|>", "color": _ACTION, "linewidth": 3, "mutation_scale": 22}
            axes.annotate("", end[:2], start[:2], arrowprops=arrow)
    center, radius = scenes.geometry.offset.mean(axis=0), 1.15 * scenes.geometry.radius
    axes.set(xlim=(center[0] - radius, center[0] + radius), ylim=(center[1] - radius, center[1] + radius))
    axes.set_aspect("equal")


def _frames(video: Path) -> NDArray[np.uint8]:
    """Frames of a video, evenly spaced, in a square."""
    import imageio.v3 as imageio

    frames = imageio.imread(video, plugin="FFMPEG")
    chosen = frames[np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)]
    return np.concatenate(
        [np.concatenate([chosen[0], chosen[1]], axis=1), np.concatenate([chosen[2], chosen[3]], axis=1)]
    )
