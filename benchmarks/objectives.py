"""Preference objectives in worlds whose answer is known: one row a method, five seeds each.

A row is a file of `rows` with ``measure(seed)``, the figures of one seed, and ``records(found)``, the claims that the
seeds' figures make. ``ROWS=vpo,raft make bench-objectives`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

import json
import os
import pkgutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import torch

from benchmarks import rows
from benchmarks.records import RESULTS, write
from robopref.errors import unknown_name

SEEDS = 5
NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(rows.__path__)))


def main() -> None:
    """Run the rows, two seeds at a time, and write the result."""
    chosen = tuple(name for name in os.environ.get("ROWS", "").split(",") if name) or NAMES
    for name in chosen:
        if name not in NAMES:
            raise unknown_name("row", name, NAMES)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = list(pool.map(run_seed, range(SEEDS), [chosen] * SEEDS))
    made = []
    for name in chosen:
        records = import_module(f"benchmarks.rows.{name}").records([seed[name] for seed in found])
        made += [replace(record, claim=f"{name}: {record.claim}") for record in records]
    print(f"result: {write('objectives', made, kept=earlier(chosen))}")


def run_seed(seed: int, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The figures of one seed; rows share what the process has learnt of the worlds."""
    torch.set_num_threads(1)
    found = {}
    for name in names:
        began = time.perf_counter()
        found[name] = import_module(f"benchmarks.rows.{name}").measure(seed)
        print(f"seed {seed}: {name} took {time.perf_counter() - began:.0f} s", flush=True)
    return found


def earlier(chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    """The stored records of the rows that were not run this time."""
    path = RESULTS / "objectives.json"
    stored = json.loads(path.read_text()) if path.exists() else []
    return [record for record in stored if record["claim"].split(": ")[0] in set(NAMES) - set(chosen)]


if __name__ == "__main__":
    main()
