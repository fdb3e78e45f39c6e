"""Parquet files; pyarrow is imported here only, and not before it is needed."""

from __future__ import annotations

from typing import Any

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
