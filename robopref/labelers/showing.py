"""How items are shown to a model: a picture each, all in one picture, or frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labelers.judge import Part, Picture

Layout = Literal["images", "grid", "clip"]
_GAP = 8  # pixels between the pictures of a grid
_NAMES = ("first", "second")


@dataclass(frozen=True)
class Showing:
    """How items are shown.

    Attributes:
        layout: ``images``: the last frame of each item; ``grid``: one picture with a row of frames an item, for models
            that take a single one; ``clip``: several frames of each item, one after the other.
        frames: Frames of an item in a grid or a clip, evenly spaced, the first and the last among them.
        size: Longest side of a picture of one frame, pixels; larger ones are reduced.
    """

    layout: Layout = "images"
    frames: int = 4
    size: int = 512

    def __post_init__(self) -> None:
        if self.layout not in get_args(Layout):
            raise unknown_name("layout", self.layout, get_args(Layout))
        if self.frames < 1 or self.size < 8:
            raise ConfigError(f"a frame and 8 pixels are the least to show, got {self.frames} and {self.size}")

    def parts(self, items: Sequence[Sequence[Picture]]) -> list[Part]:
        """Items as parts of a question.

        Args:
            items: Frames (h, w, 3) of each item in time order, in the order in which the items are shown; one or two.

        Returns:
            Texts and pictures.
        """
        chosen = [self.chosen(frames) for frames in items]
        named = "The item" if len(items) == 1 else "Two items"
        if self.layout == "grid":
            rows = "" if len(items) == 1 else ", the first item in the upper row, the second in the lower one"
            many = "; the frames of an item are in time order from left to right" if len(chosen[0]) > 1 else ""
            return [f"{named} in one picture{rows}{many}:", _grid(chosen)]
        parts: list[Part] = []
        for name, frames in zip(_NAMES, chosen, strict=False):
            what = f"{len(frames)} frames in time order" if len(frames) > 1 else "one picture"
            parts += [f"{named if len(items) == 1 else f'The {name} item'}, {what}:", *frames]
        return parts

    def examples(self, items: Sequence[Sequence[Picture]], captions: Sequence[str]) -> list[Part]:
        """Any number of items, each called by what is said of it.

        Args:
            items: Frames (h, w, 3) of each item in time order; none is fine.
            captions: What is said of each.

        Returns:
            Texts and pictures.
        """
        chosen = [self.chosen(frames) for frames in items]
        if self.layout == "grid" and chosen:
            many = "; the frames of an example are in time order from left to right" if len(chosen[0]) > 1 else ""
            return [
                f"Examples in one picture, a row each, from the upper to the lower: {'; '.join(captions)}{many}:",
                _grid(chosen),
            ]
        parts: list[Part] = []
        for caption, frames in zip(captions, chosen, strict=True):
            what = f"{len(frames)} frames in time order" if len(frames) > 1 else "one picture"
            parts += [f"Example, {caption}, {what}:", *frames]
        return parts

    def strip(self, frames: Sequence[Picture]) -> Picture:
        """Frames of one item side by side, in time order."""
        return _grid([self.chosen(frames)])

    def chosen(self, frames: Sequence[Picture]) -> list[Picture]:
        """The frames of an item that are shown, reduced.

        Raises:
            DataError: There are none, or they are no pictures.
        """
        if len(frames) == 0 or any(frame.ndim != 3 or frame.shape[2] != 3 for frame in frames):
            raise DataError(f"an item needs pictures (h, w, 3), got {[frame.shape for frame in frames]}")
        if self.layout == "images":
            return [_reduced(frames[-1], self.size)]
        count = min(self.frames, len(frames))
        places = np.linspace(0, len(frames) - 1, count) if count > 1 else np.array([len(frames) - 1])
        return [_reduced(frames[int(place)], self.size) for place in places.round()]


def same_pictures(one: Sequence[Picture], two: Sequence[Picture]) -> bool:
    """Whether two items look alike, so that nothing can be said of which is better."""
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def _reduced(picture: Picture, size: int) -> Picture:
    """Mean over blocks of k by k pixels, with the least k that makes the picture fit."""
    k = -(-max(picture.shape[:2]) // size)
    if k <= 1:
        return np.ascontiguousarray(picture)
    height, width = picture.shape[0] // k, picture.shape[1] // k
    blocks = picture[: height * k, : width * k].reshape(height, k, width, k, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def _grid(rows: Sequence[Sequence[Picture]]) -> Picture:
    """Pictures in rows on white, the gap between rows as wide as that between columns."""
    height = max(picture.shape[0] for row in rows for picture in row)
    width = max(picture.shape[1] for row in rows for picture in row)
    columns = max(map(len, rows))
    shape = (len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    canvas = np.full(shape, 255, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + _GAP), j * (width + _GAP)
            canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas
