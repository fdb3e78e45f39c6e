"""What seeds of long benchmarks measured, kept beside the records, so that more seeds can be added on another machine.

A seed may take an hour, and `keep` leaves what it found in runs/, which goes with the machine. ``python -m
benchmarks.measured store bench-unfolding`` adds it, compressed, to what benchmarks/measured/ holds; ``... restore
bench-unfolding`` puts it back where there is nothing yet, and says when it was measured, so that ``python -m
benchmarks.unfolding seeds=3`` measures the third seed alone. Nothing restores by itself: `make bench-unfolding` in a
fresh clone measures all of it. Policies and recordings are not kept; what needs them makes them again.
"""

from __future__ import annotations

import json
import lzma
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import WORDS
from robopref.data.containment import inside
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.files import read_json, replacing, write_json

KEPT, RUNS, DATE, SUFFIX = Path(__file__).parent / "measured", Path("runs"), "measured on", ".json.xz"


def main(words: Sequence[str]) -> None:
    """Store or restore what a benchmark measured.

    Raises:
        ConfigError: There is nothing of that name, or other words were given.
        DataError: What was kept or stored is damaged, or would be put elsewhere.
    """
    if len(words) != 2:
        raise ConfigError("give 'store' or 'restore' and a folder of runs/, such as: store bench-unfolding")
    does = {"store": store, "restore": restore}
    if words[0] not in does:
        raise unknown_name("command", words[0], does)
    if words[1] in ("", "..") or Path(words[1]).name != words[1]:
        raise ConfigError(f"a folder of runs/ is given by its name alone, such as bench-unfolding, got {words[1]!r}")
    for path, told in does[words[0]](words[1]):
        print(f"{path}: {told}")


def store(folder: str) -> Iterator[tuple[Path, str]]:
    """Add what `keep` wrote below a folder of runs/ to what was stored before; yields every file, and its date."""
    every = {path: read_json(path, object) for path in sorted((RUNS / folder).rglob("*.json"))}
    found = {path: one for path, one in every.items() if isinstance(one, dict) and WORDS in one}
    if not found:
        raise ConfigError(f"nothing that a benchmark kept is in {RUNS / folder}")
    held = _stored(folder)
    for path, one in found.items():
        date = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        held[str(path.relative_to(RUNS / folder))] = {DATE: date, **short(one)}
        yield path, f"measured on {date}"
    with replacing(_archive(folder)) as unfinished:
        unfinished.write_bytes(lzma.compress(json.dumps(held, separators=(",", ":")).encode(), preset=9))


def restore(folder: str) -> Iterator[tuple[Path, str]]:
    """Put back what is not there; yields every file, and when it was measured."""
    held = _stored(folder)
    if not held:
        raise unknown_name("folder", folder, [path.name.removesuffix(SUFFIX) for path in KEPT.glob(f"*{SUFFIX}")])
    for name, one in held.items():
        path, date = inside(RUNS / folder, name), one.pop(DATE)
        if path.exists():
            yield path, "is there already, left as it is"
        else:
            write_json(path, one)
            then = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()
            os.utime(path, (then, then))  # so that it keeps its date when it is stored again
            yield path, f"measured on {date}"


def short(value: Any) -> Any:
    """The same with numbers of single precision in as few digits as tell them apart, which keeps their order."""
    match value:
        case dict():
            return {name: short(one) for name, one in value.items()}
        case list():
            return [short(one) for one in value]
        case float() if np.isfinite(value) and value == float(np.float32(value)):
            return float(str(np.float32(value)))
        case _:
            return value


def _archive(folder: str) -> Path:
    return KEPT / f"{folder}{SUFFIX}"


def _stored(folder: str) -> dict[str, dict[str, Any]]:
    path = _archive(folder)
    try:
        held = json.loads(lzma.decompress(path.read_bytes())) if path.exists() else {}
        for one in held.values():
            datetime.fromisoformat(one[DATE])
    except (lzma.LZMAError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); restore it from a copy") from error
    return held


if __name__ == "__main__":
    main(sys.argv[1:])
