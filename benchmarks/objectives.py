"""Preference objectives in worlds whose answer is known: one row a method, five seeds each.

A row is a file of `rows` with ``measure(seed)``, the figures of one seed, and ``records(found)``, the claims that the
seeds' figures make. ``ROWS=vpo,raft make bench-objectives`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

import os
import pkgutil
import time
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch

from benchmarks import rows
from benchmarks.records import earlier, write
from robopref.errors import unknown_name
from robopref.processes import process_pool

SEEDS = 5
NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(rows.__path__)))


def main() -> None:
    """Run the rows, two seeds at a time, and write the result of each."""
    chosen = tuple(name for name in os.environ.get("ROWS", "").split(",") if name) or NAMES
    for name in chosen:
        if name not in NAMES:
            raise unknown_name("row", name, NAMES)
    # A seed stays in one process, which keeps the reference that it has learnt.
    pools = [process_pool(1) for _ in range(2)]
    for name in chosen:
        found = [pools[seed % 2].submit(measure, name, seed) for seed in range(SEEDS)]
        records = import_module(f"benchmarks.rows.{name}").records([figures.result() for figures in found])
        made = [replace(record, claim=f"{name}: {record.claim}") for record in records]
        print(f"{name}: {write('objectives', made, kept=earlier('objectives', {name}))}", flush=True)


def measure(name: str, seed: int) -> dict[str, Any]:
    """The figures of one row and seed."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    found = import_module(f"benchmarks.rows.{name}").measure(seed)
    print(f"{name}: seed {seed} took {time.perf_counter() - began:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
