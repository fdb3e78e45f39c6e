"""What is in a dataset, in a few numbers, read one episode at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episode_formats.dataset import FLAGS, Dataset, Episode
from robopref.data.episodes.time_gaps import TIME, broken_at
from robopref.errors import DataError
from robopref.evaluation.intervals import Values


@dataclass(frozen=True)
class ArraySummary:
    """One array of a dataset.

    Attributes:
        name: Its name.
        dtype: Type of its numbers.
        shape: Of one step.
        low: Least finite number.
        high: Greatest finite number.
        missing: Numbers that are not finite.
        blank: Steps at which all numbers are equal, of arrays with two dimensions or more a step.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    low: float
    high: float
    missing: int
    blank: int


@dataclass(frozen=True)
class DataSummary:
    """A dataset.

    Attributes:
        attrs: What it says about itself.
        arrays: What it holds.
        lengths: (E,) steps of each episode.
        returns: (E,) sums of rewards; None without rewards.
        success: (E,) whether each succeeded at its end; None if nothing says so.
        terminated: (E,) whether each ended for good.
        truncated: (E,) whether each was cut off.
        missing: (E,) numbers that are not finite.
        gaps: (E,) gaps in time, beyond which chunks do not go; None without times.
    """

    attrs: Mapping[str, Any]
    arrays: tuple[ArraySummary, ...]
    lengths: NDArray[np.int64]
    returns: Values | None
    success: NDArray[np.bool_] | None
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    missing: NDArray[np.int64]
    gaps: NDArray[np.int64] | None = None

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return int(self.lengths.sum())

    def array(self, name: str) -> ArraySummary | None:
        """The array of a name, if there is one."""
        return next((one for one in self.arrays if one.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON has."""
        return {
            "episodes": len(self.lengths),
            "steps": self.steps,
            "arrays": {
                one.name: {
                    "dtype": one.dtype, "shape": list(one.shape), "low": one.low, "high": one.high,
                    "missing": one.missing, "blank": one.blank,
                }
                for one in self.arrays
            },
            "length": spread(self.lengths),
            "return": None if self.returns is None else spread(self.returns),
            "success": None if self.success is None else float(self.success.mean()),
            "terminated": int(self.terminated.sum()),
            "truncated": int(self.truncated.sum()),
            "gaps": None if self.gaps is None else int(self.gaps.sum()),
        }  # fmt: skip


def summarise(dataset: Dataset) -> DataSummary:
    """Go through a dataset once.

    Args:
        dataset: The dataset.

    Returns:
        Its summary.

    Raises:
        DataError: It is damaged, or holds no episodes.
    """
    totals: dict[str, _Total] = {}
    rows: list[tuple[int, float, bool, bool, bool, int]] = []
    gaps: list[int] = []
    first: Episode = {}
    for episode in dataset:
        first = first or episode
        missing = sum(totals.setdefault(key, _Total()).add(array) for key, array in episode.items())
        reward = float(np.sum(episode["reward"], dtype=np.float64)) if "reward" in episode else 0.0
        flags = [bool(np.any(episode[key][-1])) if key in episode else False for key in ("success", *FLAGS)]
        steps = len(next(iter(episode.values())))
        rows.append((steps, reward, *flags, missing))  # type: ignore[arg-type]
        if TIME in episode and episode[TIME].size == steps:
            gaps.append(len(broken_at(episode[TIME].reshape(-1).astype(np.float64))))
    if not rows:
        raise DataError(f"{dataset.path} holds no episodes")
    length, reward, success, terminated, truncated, missing = (np.array(column) for column in zip(*rows, strict=True))
    return DataSummary(
        attrs=dataset.attrs,
        arrays=tuple(totals[key].summary(key, first[key]) for key in first),
        lengths=length,
        returns=reward if "reward" in first else None,
        success=success if "success" in first else None,
        terminated=terminated,
        truncated=truncated,
        missing=missing,
        gaps=np.array(gaps) if len(gaps) == len(rows) else None,
    )


def spread(values: NDArray[Any]) -> dict[str, float]:
    """Least, median, greatest and mean of finite numbers; NaN if there are none."""
    kept = values[np.isfinite(values)]
    if not len(kept):
        return dict.fromkeys(("min", "median", "max", "mean"), float("nan"))
    return {
        "min": float(kept.min()),
        "median": float(np.median(kept)),
        "max": float(kept.max()),
        "mean": float(kept.mean()),
    }


class _Total:
    """Running totals of one array."""

    def __init__(self) -> None:
        self.low, self.high, self.missing, self.blank = float("inf"), float("-inf"), 0, 0

    def add(self, array: NDArray[Any]) -> int:
        finite = np.isfinite(array)
        missing = int(array.size - np.count_nonzero(finite))
        kept = array if not missing else array[finite]
        if kept.size:
            self.low, self.high = min(self.low, float(kept.min())), max(self.high, float(kept.max()))
        if array.ndim > 2 and array.size:
            rows = array.reshape(len(array), -1)
            self.blank += int((rows == rows[:, :1]).all(axis=1).sum())
        self.missing += missing
        return missing

    def summary(self, name: str, example: NDArray[Any]) -> ArraySummary:
        bounds = (self.low, self.high) if self.low <= self.high else (float("nan"), float("nan"))
        return ArraySummary(name, str(example.dtype), example.shape[1:], *bounds, self.missing, self.blank)


def array_rows(summary: DataSummary) -> list[list[str]]:
    """The arrays of a dataset as text.

    Args:
        summary: Of the dataset.

    Returns:
        Rows, the header first.
    """
    rows = [["array", "type", "step", "least", "greatest", "missing", "blank"]]
    for one in summary.arrays:
        shape = " × ".join(map(str, one.shape)) or "1"
        blank = str(one.blank) if len(one.shape) > 1 else "–"
        rows.append([one.name, one.dtype, shape, f"{one.low:.4g}", f"{one.high:.4g}", str(one.missing), blank])
    return rows


def episode_rows(summary: DataSummary) -> list[list[str]]:
    """Lengths, returns and ends of episodes as text.

    Args:
        summary: Of the dataset.

    Returns:
        Rows, the header first.
    """
    rows = [["of an episode", "least", "median", "greatest", "mean"]]
    for name, values in (("steps", summary.lengths), ("return", summary.returns)):
        if values is not None:
            rows.append([name, *(f"{value:.4g}" for value in spread(values).values())])
    return rows


def end_text(summary: DataSummary) -> str:
    """How episodes end, in one sentence."""
    count = len(summary.lengths)
    text = f"Of {count} episodes {summary.terminated.sum()} terminated, {summary.truncated.sum()} were cut off"
    neither = int((~summary.terminated & ~summary.truncated).sum())
    text += f", {neither} say neither" if neither else ""
    if summary.success is not None:
        text += f"; {summary.success.sum()} succeeded ({100 * summary.success.mean():.0f} %)"
    if summary.gaps is not None:
        found = int(summary.gaps.sum())
        where = f" in {int((summary.gaps > 0).sum())} episodes, beyond which chunks do not go" if found else ""
        text += f"; {found or 'no'} {'gap' if found == 1 else 'gaps'} in time{where}"
    return f"{text}."
