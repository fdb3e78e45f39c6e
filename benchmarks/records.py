"""The one format of a benchmark's result."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from robopref.evaluation.statistics import bootstrap_mean

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


def over_seeds(
    claim: str, values: np.ndarray, *, least: float | None = None, most: float | None = None, unit: str = "share"
) -> Record:
    """A claim about the mean over training seeds, with a 95 % bootstrap interval.

    Args:
        claim: In words.
        values: One a seed.
        least: Target, if the mean is to reach it.
        most: Target, if the mean is not to exceed it.
        unit: Of the values.

    Returns:
        The record.
    """
    interval = bootstrap_mean(values)
    target = f">= {least}" if least is not None else f"<= {most}" if most is not None else ""
    holds = interval.mean >= least if least is not None else interval.mean <= most if most is not None else None
    low, mean, high = (round(float(value), 4) for value in (interval.low, interval.mean, interval.high))
    return Record(claim, mean, low, high, target, holds, unit, len(values))


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
