"""Videos of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from robopref.files import replacing


def write_video(path: Path, frames: Sequence[NDArray[np.uint8]], *, fps: int = 24) -> None:
    """Write an H.264 mp4 that browsers play; without frames nothing is written.

    Args:
        path: Where to.
        frames: Pictures (h, w, 3); the codec needs even sides, so odd ones have their last row or column twice.
            A single one is shown for two.
        fps: Pictures a second.

    Raises:
        DataError: The disk refused.
    """
    if not frames:
        return
    options: dict[str, Any] = {"fps": fps, "codec": "libx264", "macro_block_size": 2, "output_params": ["-crf", "30"]}
    film = np.stack(frames)
    if len(film) == 1:  # over whose end a browser that plays it in a loop never gets
        film = film.repeat(2, axis=0)
    film = np.pad(film, ((0, 0), (0, film.shape[1] % 2), (0, film.shape[2] % 2), (0, 0)), "edge")
    with replacing(path) as unfinished:
        imageio.imwrite(unfinished, film, plugin="FFMPEG", **options)
