"""How much a file may claim to hold: a few bytes can ask for all the memory there is."""

from __future__ import annotations

from pathlib import Path

from robopref.errors import DataError

RATIO = 1000  # about what deflate reaches at best
FLOOR = 256 << 20  # bytes that any file may claim: constants and what is left out take no room


def check_claim(path: Path, what: str, claimed: int, held: int) -> None:
    """See that a file can hold what it says.

    Args:
        path: The file or folder.
        what: Of what it says that, such as the names of arrays.
        claimed: Bytes that it would take in memory.
        held: Bytes that there are.

    Raises:
        DataError: It claims more than a thousand times that, and more than 256 MiB.
    """
    if claimed > max(FLOOR, RATIO * held):
        raise DataError(
            f"{path}: {what[:200]} would take {_size(claimed)}, but {_size(held)} of files hold it; it is damaged, or "
            "made to fill the memory"
        )


def _size(count: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count //= 1024
    return f"{count:,} TiB" if count < 10**9 else "more than any disk holds"
