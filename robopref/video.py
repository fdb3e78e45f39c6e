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
        frames: Pictures (h, w, 3) with even sides.
        fps: Pictures a second.

    Raises:
        DataError: The disk refused.
    """
    if not frames:
        return
    options: dict[str, Any] = {"fps": fps, "codec": "libx264", "macro_block_size": 2, "output_params": ["-crf", "30"]}
    with replacing(path) as unfinished:
        imageio.imwrite(unfinished, np.stack(frames), plugin="FFMPEG", **options)
