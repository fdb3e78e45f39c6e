"""Rows at the end of a plain array of zarr 2, whose chunks are the bytes of its rows and nothing else.

Zarr hands every chunk and every shape from thread to thread, which takes several times as long as writing them.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain_metadata(folder: Path) -> dict[str, Any] | None:
    """What ``.zarray`` says of an array whose chunks hold whole rows as they are; None of any other array.

    Args:
        folder: Of the array.

    Raises:
        OSError: There is none.
        ValueError: It is damaged.
    """
    told = json.loads((folder / ".zarray").read_bytes())
    plain = (told.get("compressor"), told.get("filters") or None, told["order"]) == (None, None, "C")
    dotted = told.get("dimension_separator", ".") == "."
    return told if plain and dotted and told["chunks"][1:] == told["shape"][1:] else None


def put_rows(folder: Path, told: dict[str, Any], start: int, rows: NDArray[Any], fill: Any) -> None:
    """Write rows behind those of a plain array; its shape is left as it is.

    Args:
        folder: Of the array.
        told: See `plain_metadata`.
        start: Rows before them.
        rows: (T, ...) that fit.
        fill: What rows without a file are; None leaves it open.

    Raises:
        OSError: The disk refused.
        ValueError: The chunk that they share with the rows before them is damaged.
    """
    end, (size, *rest), dtype = start + len(rows), told["chunks"], np.dtype(told["dtype"])
    for first in range(start // size * size, end, size):
        file = folder / ".".join([str(first // size), *["0"] * len(rest)])
        chunk = np.zeros((size, *rest), dtype) if fill is None else np.full((size, *rest), fill, dtype)
        if first < start and file.exists():
            chunk = np.frombuffer(file.read_bytes(), dtype).reshape(chunk.shape).copy()
        begin, stop = max(first, start), min(first + size, end)
        chunk[begin - first : stop - first] = rows[begin - start : stop - start]
        replace_file(file, chunk.tobytes())


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of another one, all at once.

    Raises:
        OSError: The disk refused; the file is then as it was.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
