"""Pictures and videos as files hold them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v2 as imageio_writer
import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robopref.data.claims import check_claim
from robopref.data.episode_formats.dataset import reading
from robopref.errors import DataError

_KINDS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PPM")
_PALETTES = ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
_MOST_PIXELS = 1 << 26
_STILL = 10  # times as small as other files may films be in which little moves


def encode(picture: NDArray[Any]) -> bytes:
    """A PNG file of a picture (h, w) or (h, w, 3) uint8, which keeps every pixel."""
    return imageio.imwrite("<bytes>", picture, extension=".png")


def decode(content: bytes, path: Path) -> NDArray[Any]:
    """The picture of a PNG, JPEG or TIFF file, in numbers of the kind that it holds, such as uint16 for depth.

    Args:
        content: The file.
        path: Where it was found, for errors.

    Returns:
        (h, w, 3), or (h, w).

    Raises:
        DataError: It is no picture, or one of more pixels than a camera has.
    """
    # Pillow alone: other readers that may be installed open what they like.
    try:
        with reading(path, "a picture"), Image.open(io.BytesIO(content), formats=_KINDS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise DataError(f"{path}: a picture of {opened.width} by {opened.height} pixels")
            found = np.asarray(opened.convert("RGB") if opened.mode in _PALETTES else opened)
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: a picture that is too large ({error})") from error
    return found.astype(np.uint8 if found.dtype == np.bool_ else found.dtype.newbyteorder("="), copy=False)


def is_deep(pixels: str) -> bool:
    """Whether ffmpeg's name of a kind of pixels is one of grey values of more than 8 bits, such as of depth."""
    return pixels.startswith(("gray", "ya", "pal")) and pixels.partition("(")[0] not in ("gray", "gray8", "ya8")


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
            DataError: The file is missing, damaged or too short, or its pictures would fill the memory.
        """
        if not self.path.exists():
            raise DataError(f"{self.path}: the video is missing; restore it from a copy")
        with reading(self.path, "a video"):
            if self._frames is None and is_deep(str(imageio.immeta(self.path, plugin="FFMPEG").get("pix_fmt", ""))):
                raise DataError(f"{self.path}: a film of depth, of which only 8 bits could be read")
            if self._frames is None or start < self._at:
                self._frames, self._at = iter(imageio.imiter(self.path, plugin="FFMPEG")), 0
            taken: list[NDArray[np.uint8]] = []
            for frame in self._frames:
                self._at += 1
                if self._at > start:
                    if not taken:
                        self._check(frame, count)
                    taken.append(frame)
                if len(taken) == count:
                    return np.stack(taken)
        raise DataError(f"{self.path}: frames {start} to {start + count} are asked for, it has {self._at}")

    def _check(self, frame: NDArray[np.uint8], count: int) -> None:
        if frame.shape[0] * frame.shape[1] > _MOST_PIXELS:
            raise DataError(f"{self.path}: pictures of {frame.shape[1]} by {frame.shape[0]} pixels")
        check_claim(self.path, f"{count} pictures", count * frame.nbytes, _STILL * self.path.stat().st_size)


def film_writer(path: Path, fps: int) -> Any:
    """A video file to append pictures (h, w, 3) with even sides to, by ``append_data``, and to ``close``.

    Args:
        path: An mp4 file.
        fps: Pictures a second.

    Returns:
        imageio's writer.
    """
    return imageio_writer.get_writer(path, fps=fps, codec="libx264", macro_block_size=2, output_params=["-crf", "18"])
