"""SQLite files that may come from somebody else: tables that keep what is put into them, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from robopref.files import require_file

# What label databases are called that a folder may hold, the likeliest first.
LABELS = ("labels.sqlite", "*.sqlite", "*.db")
SCHEMA = "SELECT type, name, sql FROM sqlite_master"
# Rows that replace others, and remarks in which that can be hidden.
_REPLACING = re.compile(r"ON\s+CONFLICT|CREATE\s+VIRTUAL|/\*|--", re.I)


def require_files(path: Path) -> None:
    """See that a database is a file, and so is what SQLite keeps beside it and opens by itself.

    Args:
        path: The database; there may be none.

    Raises:
        DataError: One is a pipe or a device, opening which may never end.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        require_file(path.with_name(path.name + suffix))


def strange_part(schema: Iterable[Iterable[object]], tables: Iterable[str]) -> str | None:
    """What a file holds that changes, drops or makes up rows of its tables; views for oneself are none of that.

    Args:
        schema: What `SCHEMA` selects.
        tables: Names of the tables that are used.

    Returns:
        It, in words; None if there are plain tables only.
    """
    used = {name.lower() for name in tables}
    for kind, name, sql in schema:
        if kind == "view" and str(name).lower() not in used:
            continue
        if kind not in ("table", "index"):
            return f"it holds the {kind} {str(name)[:60]!r}, which may change or drop what is stored"
        if _REPLACING.search(str(sql)):
            return f"its {kind} {str(name)[:60]!r} may replace what is stored"
    return None
