"""Benchmarks made of rows: one row a method, five seeds each.

A row is a file with ``measure(seed)``, the figures of one seed as plain values, and ``records(found)``, the claims that
the seeds' figures make. A row with ``SEEDS`` of its own is measured on as many. Seeds that are done are kept in
``runs/bench-<result>`` until their row is, so that a row that was stopped goes on; those of a row whose file has
changed are measured anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmarks.records import earlier, write
from robopref.errors import unknown_name
from robopref.files import write_json
from robopref.processes import process_pool

SEEDS = 5
RUNS = Path("runs")


def run_rows(package: ModuleType, result: str) -> None:
    """Run the rows that ``ROWS`` names, or all, two seeds at a time; the records of the others stay.

    Args:
        package: Whose files are the rows.
        result: Name of the result, in which a claim begins with the name of its row.

    Raises:
        ConfigError: A name is of no row.
    """
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))
    chosen = tuple(name for name in os.environ.get("ROWS", "").split(",") if name) or names
    for name in chosen:
        if name not in names:
            raise unknown_name("row", name, names)
    with ExitStack() as open_pools:
        # A seed stays in one process, which keeps the reference that it has learnt.
        pools = [open_pools.enter_context(process_pool(1)) for _ in range(2)]
        for name in chosen:
            path = f"{package.__name__}.{name}"
            row: Any = import_module(path)
            kept = RUNS / f"bench-{result.replace('_', '-')}" / f"{name}-{_digest(row)}"
            found = [pools[seed % 2].submit(measure, path, seed, kept) for seed in range(getattr(row, "SEEDS", SEEDS))]
            records = row.records([figures.result() for figures in found])
            made = [replace(record, claim=f"{name}: {record.claim}") for record in records]
            # A row that was skipped says nothing, and what it said before stays.
            print(f"{name}: {write(result, made, kept=earlier(result, {name} if made else set()))}", flush=True)
            shutil.rmtree(kept, ignore_errors=True)


def measure(path: str, seed: int, kept: Path) -> dict[str, Any]:
    """The figures of one row and seed, or what was kept of them.

    Args:
        path: Module of the row.
        seed: The seed.
        kept: Folder of the seeds that are done.
    """
    done, name = kept / f"{seed}.json", path.rpartition(".")[2]
    if done.exists():
        print(f"{name}: seed {seed} is done; to measure it again, remove {done}", flush=True)
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    began = time.perf_counter()
    found = import_module(path).measure(seed)
    print(f"{name}: seed {seed} took {time.perf_counter() - began:.0f} s", flush=True)
    if _is_plain(found):
        kept.mkdir(parents=True, exist_ok=True)
        write_json(done, found)
    return found


def _is_plain(found: dict[str, Any]) -> bool:
    """Whether figures are the same when they are read again."""
    try:
        return json.loads(json.dumps(found)) == found
    except TypeError:
        return False


def _digest(row: ModuleType) -> str:
    """Tells the file of a row from what it was before."""
    return hashlib.sha256(Path(str(row.__file__)).read_bytes()).hexdigest()[:8]
