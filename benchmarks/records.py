"""The one format of a benchmark's result."""

from __future__ import annotations

import json
import operator
import platform
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.evaluation.statistics import bootstrap_mean, gap_closed
from robopref.files import write_json

WORDS = "measured with"  # of what is kept: settings that were typed
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


def across_seeds(claim: str, values: Sequence[float], target: str = "", *, unit: str = "share") -> Record:
    """Mean of one figure a seed, with a 95 % bootstrap interval over the seeds.

    Args:
        claim: What is claimed.
        values: One number a seed.
        target: ``>=`` or ``<=`` and a number, which the mean has to reach; empty for a figure without a target.
        unit: Of the values.

    Returns:
        The record.
    """
    found = bootstrap_mean(values)
    holds = None
    if target:
        comparison, bound = target.split()
        holds = {">=": operator.ge, "<=": operator.le}[comparison](found.mean, float(bound))
    rounded = (round(x, 4) for x in (found.mean, found.low, found.high))
    return Record(claim, *rounded, target=target, holds=holds, unit=unit, n=len(values))


def labels_ratio(asked: NDArray[Any], chance: NDArray[Any], batch: int) -> tuple[float, float, float]:
    """Labels that a way of asking needs for what random questions reach in the end, over those that these need.

    Args:
        asked: (S, B) accuracy after each batch of every seed.
        chance: The same of random questions.
        batch: Labels of a batch.

    Returns:
        The ratio of the mean curves, and its 95 % bootstrap interval over the seeds.
    """

    def ratio(rows: Any) -> float:
        mean, random = asked[rows].mean(0), chance[rows].mean(0)
        return labels_needed(mean, float(random[-1]), batch) / labels_needed(random, float(random[-1]), batch)

    rows = np.random.default_rng(0).integers(len(chance), size=(2000, len(chance)))
    low, high = np.quantile([ratio(row) for row in rows], [0.025, 0.975])
    return ratio(slice(None)), float(low), float(high)


def labels_needed(curve: NDArray[Any], aim: float, batch: int) -> float:
    """Labels after which a curve first reaches an accuracy, between batches by a straight line; all if never."""
    above = np.flatnonzero(curve >= aim)
    if not len(above):
        return float(batch * len(curve))
    place = int(above[0])
    before = curve[place - 1] if place else 0.5
    return float(batch * (place + (aim - before) / max(curve[place] - before, 1e-12)))


def chosen_by(scores: NDArray[np.floating], outcomes: NDArray[Any]) -> NDArray[Any]:
    """Of each start what belongs to the candidate with the best score, (S,); both are (S, N)."""
    return outcomes[np.arange(len(outcomes)), scores.argmax(axis=1)]


def share_of_gap(
    claim: str,
    chosen: NDArray[np.float64],
    outcomes: NDArray[np.float64],
    owner: NDArray[np.int64],
    *,
    subject: str = "",
    least: float | None = None,
) -> Record:
    """How far a choice goes from a random candidate to the best, with a 95 % interval over seeds and starts.

    Args:
        claim: What chooses, in words.
        chosen: (S,) what the choice achieves.
        outcomes: (S, N) what the candidates achieve.
        owner: (S,) training seed of each start.
        subject: What the claim begins with, see `earlier`.
        least: Share that was aimed for.

    Returns:
        The record.
    """
    gap = gap_closed(chosen, outcomes.mean(axis=1), outcomes.max(axis=1), seeds=owner)
    begin = f"{subject}: " if subject else ""
    return Record(
        f"{begin}share of the random-to-oracle best-of-{outcomes.shape[1]} gap closed by {claim}",
        *(round(x, 4) for x in (gap.mean, gap.low, gap.high)), f">= {least}" if least else "",
        gap.mean >= least if least else None, "share", len(outcomes),
    )  # fmt: skip


def keep(path: Path, make: Callable[[], dict[str, Any]], words: Sequence[str] = ()) -> dict[str, Any]:
    """What was found out before, or is now.

    Args:
        path: File that it is kept in.
        make: Finds it out, as plain values.
        words: Settings that it depends on and that the name of the file does not say, as they were typed.

    Returns:
        What `make` found out.

    Raises:
        ConfigError: It was found out with other settings.
    """
    made = sorted(words)
    if not path.exists():
        begun = time.process_time()
        write_json(path, {**make(), WORDS: made})
        print(f"{path.stem}: done in {time.process_time() - begun:.0f} CPU-seconds", flush=True)
    found = json.loads(path.read_text())
    if (then := found.pop(WORDS, [])) != made:
        told, asked = (" ".join(some) or "no settings of its own" for some in (then, made))
        raise ConfigError(f"{path} was measured with {told}, not with {asked}; give those, or remove it")
    return found


def exactly(claim: str, value: int, unit: str, n: int, *, wanted: int = 0) -> Record:
    """A count that has to be what is wanted, to the one.

    Args:
        claim: What is claimed.
        value: What was counted.
        unit: Of the count.
        n: Out of how many.
        wanted: What it has to be.

    Returns:
        The record.
    """
    return Record(claim, float(value), float(value), float(value), str(wanted), value == wanted, unit, n)


def write(name: str, records: list[Record], kept: Sequence[dict[str, Any]] = ()) -> Path:
    """Write ``results/<name>.json``.

    Args:
        name: Of the benchmark.
        records: What was measured.
        kept: Records of earlier runs, as they were stored, that stay; they come first.

    Returns:
        The path.
    """
    RESULTS.mkdir(exist_ok=True)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    shared = {
        "command": _command(name),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}{gpu}",
    }
    path = RESULTS / f"{name}.json"
    stored = [*kept, *(asdict(record) | shared for record in records)]
    path.write_text(json.dumps(stored, indent=1, default=_plain) + "\n")
    return path


def _plain(value: Any) -> Any:
    """A number or truth value of numpy as Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no plain value")


def earlier(name: str, subjects: Collection[str]) -> list[dict[str, Any]]:
    """Stored records of a benchmark that are not about some subjects.

    Args:
        name: Of the benchmark; its claims begin with their subject and a colon.
        subjects: That are measured again.

    Returns:
        The records, as they were stored.
    """
    path = RESULTS / f"{name}.json"
    stored = json.loads(path.read_text()) if path.exists() else []
    return [record for record in stored if record["claim"].split(": ")[0] not in subjects]


def _command(name: str) -> str:
    """What was typed, or does the same; with words of its own a benchmark is started as a module."""
    started = sys.modules["__main__"].__spec__
    if started is None or not started.name.startswith("benchmarks."):
        return f"make bench-{name.replace('_', '-')}"
    if not sys.argv[1:]:
        return f"make bench-{started.name.removeprefix('benchmarks.').replace('_', '-')}"
    return " ".join(["python -m", started.name, *sys.argv[1:]])
