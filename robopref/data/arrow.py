"""Parquet files; pyarrow is imported here only, and not before it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robopref.data.claims import check_claim
from robopref.data.parquet_trial import try_parquet
from robopref.errors import DependencyError


def pyarrow() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        DependencyError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DependencyError("parquet files need pyarrow; install it with: pip install 'robopref[parquet]'") from error
    return pa, pq


def checked_parquet(path: Path) -> Path:
    """A file that can be read, and whose metadata claim about as much as it can hold.

    Raises:
        DataError: It claims more than it can hold, or is damaged so that reading it would end this process.
        DependencyError: pyarrow is not installed.
    """
    _, pq = pyarrow()
    try_parquet(path, None)
    about = pq.ParquetFile(path).metadata
    groups = range(about.num_row_groups)
    check_groups(path, [about.row_group(group) for group in groups])
    try_parquet(path, groups)
    return path


def check_groups(path: Path, groups: Sequence[Any]) -> None:
    """See that a file can hold what groups of its rows, which are read at once, claim together.

    Args:
        path: The file.
        groups: pyarrow's metadata of each.

    Raises:
        DataError: It cannot.
    """
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    claimed = sum(max(column.total_uncompressed_size, 8 * column.num_values) for column in columns)
    held = sum(column.total_compressed_size for column in columns)
    check_claim(path, "its rows", claimed, min(held, path.stat().st_size))
