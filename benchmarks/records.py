"""The one format of a benchmark's result."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Record:
    """One claim and what was measured.

    Attributes:
        claim: What is claimed, in words.
        value: What was measured.
        low: Lower end of its interval.
        high: Upper end of its interval.
        target: What was aimed for, in words; empty for a figure without a target.
        holds: Whether the target was reached; None without a target.
        unit: Of the value.
        n: How many independent measurements.
    """

    claim: str
    value: float
    low: float
    high: float
    target: str
    holds: bool | None
    unit: str
    n: int


def write(name: str, records: list[Record]) -> Path:
    """Write ``results/<name>.json``.

    Args:
        name: Of the benchmark.
        records: What was measured.

    Returns:
        The path.
    """
    RESULTS.mkdir(exist_ok=True)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    shared = {
        "command": f"make bench-{name.replace('_', '-')}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}{gpu}",
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps([asdict(record) | shared for record in records], indent=1) + "\n")
    return path
