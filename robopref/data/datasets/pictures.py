"""Pictures and videos as files hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v2 as imageio_writer
import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from robopref.data.datasets.dataset import reading
from robopref.errors import DataError


def encode(picture: NDArray[Any]) -> bytes:
    """A PNG file of a picture (h, w) or (h, w, 3) uint8, which keeps every pixel."""
    return imageio.imwrite("<bytes>", picture, extension=".png")


def decode(content: bytes, path: Path) -> NDArray[np.uint8]:
    """The picture of a PNG or JPEG file.

    Args:
        content: The file.
        path: Where it was found, for errors.

    Returns:
        (h, w, 3), or (h, w).

    Raises:
        DataError: It is no picture.
    """
    with reading(path, "a picture"):
        return np.asarray(imageio.imread(content), dtype=np.uint8)


class Film:
    """A video file that is read from its start to its end; going back opens it anew.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._frames: Iterator[NDArray[np.uint8]] | None = None

    def frames(self, start: int, count: int) -> NDArray[np.uint8]:
        """Read pictures.

        Args:
            start: Number of the first, from 0.
            count: How many.

        Returns:
            (count, h, w, 3).

        Raises:
            DataError: The file is missing, damaged or too short.
        """
        if not self.path.exists():
            raise DataError(f"{self.path}: the video is missing; restore it from a copy")
        with reading(self.path, "a video"):
            if self._frames is None or start < self._at:
                self._frames, self._at = iter(imageio.imiter(self.path, plugin="FFMPEG")), 0
            taken: list[NDArray[np.uint8]] = []
            for frame in self._frames:
                self._at += 1
                if self._at > start:
                    taken.append(frame)
                if len(taken) == count:
                    return np.stack(taken)
        raise DataError(f"{self.path}: frames {start} to {start + count} are asked for, it has {self._at}")


def film_writer(path: Path, fps: int) -> Any:
    """A video file to append pictures (h, w, 3) with even sides to, by ``append_data``, and to ``close``.

    Args:
        path: An mp4 file.
        fps: Pictures a second.

    Returns:
        imageio's writer.
    """
    return imageio_writer.get_writer(path, fps=fps, codec="libx264", macro_block_size=2, output_params=["-crf", "18"])
