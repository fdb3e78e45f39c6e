"""Arrays of a run folder, which may be damaged, or come from somebody else."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.damage import DAMAGE, cause
from robopref.errors import DataError
from robopref.files import require_file

LARGEST = 1e30  # of any value; the squares of larger ones are infinite in reports
_MOST_BYTES = 2**32  # of all arrays of a file, however few they take compressed


def load_arrays(path: Path, advice: str) -> dict[str, NDArray[Any]]:
    """Read an npz file.

    Args:
        path: The file.
        advice: What to do if it is damaged.

    Returns:
        Its arrays by name.

    Raises:
        DataError: It is missing or damaged, or holds more than 4 GB.
    """
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise ValueError(f"it holds more than {_MOST_BYTES} bytes")
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except DAMAGE as error:
        raise DataError(f"{path} is not readable as an npz file: {cause(error)}; {advice}") from error


def require_form(path: Path, name: str, array: NDArray[Any], shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Demand an array of finite numbers of some shape.

    Args:
        path: Of the file that it is from.
        name: Of the array.
        array: The array.
        shape: Its shape; None stands for any positive size.

    Returns:
        Its shape.

    Raises:
        DataError: It has another one, or holds something else.
    """
    fits = array.ndim == len(shape) and all(
        got == wanted if wanted is not None else got > 0 for got, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise DataError(f"{path}: {name} must be ({_spelt(shape)}), got ({_spelt(array.shape)})")
    if (
        array.dtype.kind not in "fiub"
        or not np.isfinite(array).all()
        or np.abs(array.astype(float)).max(initial=0) > LARGEST
    ):
        raise DataError(f"{path}: {name} must hold finite numbers, none above {LARGEST:g}")
    return array.shape


def _spelt(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if size is None else str(size) for size in shape)
