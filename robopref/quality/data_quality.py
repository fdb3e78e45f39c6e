"""How good a dataset is to learn from: what repeats, stands still, saturates, is missing or stands out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episode_formats.dataset import Dataset, Episode, observed
from robopref.data.episodes.time_gaps import GAP, after_gaps
from robopref.errors import ConfigError
from robopref.evaluation.intervals import Values
from robopref.quality.data_summary import DataSummary, summarise

_BINS = 41
_SAMPLE = 1500
_OUTSIDE = 1 + 1e-4


@dataclass(frozen=True)
class QualityLimits:
    """What counts as suspicious.

    Attributes:
        saturated: Size of an action from which on it is at its bound.
        still: Change of a step, as a share of the range of an array, up to which nothing moved.
        share: Share of the steps of an episode, or of its action values, that makes it suspicious.
        outlier: Robust distance from the median at which a length or a return stands out: 0.6745 |x - median| over the
            median absolute deviation (Iglewicz and Hoaglin 1993, who recommend 3.5).
        gap: Multiple of the usual time between steps that counts as a gap.

    Raises:
        ConfigError: One of them is not positive.
    """

    saturated: float = 0.99
    still: float = 1e-3
    share: float = 0.5
    outlier: float = 3.5
    gap: float = GAP

    def __post_init__(self) -> None:
        for name in ("saturated", "still", "share", "outlier", "gap"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class Coverage:
    """Where states lie, in the two directions in which they vary most.

    Attributes:
        points: (n, 2) states on the first two principal components of standardised values.
        progress: (n,) how far into its episode each is, from 0 to 1.
        explained: Share of the variance along each of the two.
        source: Which array they are from.
    """

    points: Values
    progress: Values
    explained: tuple[float, float]
    source: str


@dataclass(frozen=True)
class DataQuality:
    """What was found in a dataset.

    Attributes:
        summary: What is in it.
        edges: (bins + 1,) of the histogram of actions.
        actions: (A, bins) how often each action value fell into each.
        saturated: (E,) share of action values at their bounds.
        outside: (E,) whether an action was beyond them.
        idle: (E,) share of steps at which nothing observed moved; NaN if that cannot be told.
        copies: (E,) number of an earlier episode that is the same, or -1.
        repeated: Steps whose observation and action occurred before.
        coverage: Of the states; None if there are too few or none is observed.
        intervals: (steps - E,) seconds between steps; None without times.
        gaps: (E,) steps of each after a gap or a step back in time.
        suspicious: Reasons by the number of the episode.
    """

    summary: DataSummary
    edges: Values
    actions: NDArray[np.int64]
    saturated: Values
    outside: NDArray[np.bool_]
    idle: Values
    copies: NDArray[np.int64]
    repeated: int
    coverage: Coverage | None
    intervals: Values | None
    gaps: NDArray[np.int64]
    suspicious: dict[int, list[str]]

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON has."""
        return {
            **self.summary.to_dict(),
            "saturated": float(self.saturated.mean()),
            "episodes_outside": int(self.outside.sum()),
            "idle": None if np.isnan(self.idle).all() else float(np.nanmean(self.idle)),
            "duplicate_episodes": int((self.copies >= 0).sum()),
            "duplicate_steps": self.repeated,
            "gaps": None if self.intervals is None else int(self.gaps.sum()),
            "explained": None if self.coverage is None else list(self.coverage.explained),
            "suspicious": {str(number): reasons for number, reasons in self.suspicious.items()},
        }


def data_quality(dataset: Dataset, limits: QualityLimits | None = None) -> DataQuality:
    """Go through a dataset twice: for its ranges, and for what depends on them.

    Args:
        dataset: The dataset.
        limits: What counts as suspicious.

    Returns:
        The quality; in memory are a few numbers an episode and a step, and one episode.

    Raises:
        DataError: The dataset is damaged, or holds no episodes.
    """
    limits = limits or QualityLimits()
    summary = summarise(dataset)
    look = _Look(dataset, summary, limits)
    for number, episode in enumerate(dataset):
        look.at(number, episode)
    return look.quality()


class _Look:
    """What the second reading gathers."""

    def __init__(self, dataset: Dataset, summary: DataSummary, limits: QualityLimits) -> None:
        self.summary, self.limits = summary, limits
        self.seen = observed([one.name for one in summary.arrays], dataset.attrs)
        self.moving = [key for key in self.seen if not key.startswith("image")]
        action = summary.array("action")
        bound = max(1.0, abs(action.low), abs(action.high)) if action and np.isfinite(action.low) else 1.0
        self.edges = np.linspace(-bound, bound, _BINS + 1)
        width = int(np.prod(action.shape)) if action else 0
        self.actions = np.zeros((width, _BINS), dtype=np.int64)
        count = len(summary.lengths)
        self.saturated, self.idle = np.zeros(count), np.full(count, np.nan)
        self.outside, self.gaps = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
        self.copies = np.full(count, -1)
        self.digests: dict[bytes, int] = {}
        self.steps: list[NDArray[np.uint64]] = []
        self.intervals: list[Values] = []
        self.early = np.zeros(count, dtype=np.bool_)
        self.source = next((key for key in ("state", "proprio", "points") if key in self.seen), "")
        rng = np.random.default_rng(0)
        self.sample = np.sort(rng.permutation(summary.steps)[:_SAMPLE])
        self.states: list[Values] = []
        self.progress: list[Values] = []
        self.start = 0

    def at(self, number: int, episode: Episode) -> None:
        steps = len(next(iter(episode.values())))
        if "action" in episode:
            self._act(number, episode["action"].reshape(steps, -1).astype(np.float64))
        self._move(number, episode)
        self._repeat(number, episode)
        if "time" in episode:
            self._tick(number, episode["time"].reshape(steps).astype(np.float64))
        if self.source:
            wanted = self.sample[(self.sample >= self.start) & (self.sample < self.start + steps)] - self.start
            if len(wanted):
                rows = episode[self.source][wanted]
                self.states.append(_vectors(rows[..., :3] if self.source == "points" else rows))
                self.progress.append(wanted / max(1, steps - 1))
        ends = [episode[key][:-1].any() for key in ("terminated", "truncated") if key in episode]
        self.early[number] = any(ends)
        self.start += steps

    def quality(self) -> DataQuality:
        hashes = np.concatenate(self.steps) if self.steps else np.empty(0, dtype=np.uint64)
        summary = self.summary
        measured = {"length": summary.lengths, "return": summary.returns}
        apart = {what: _distances(values) for what, values in measured.items() if values is not None}
        return DataQuality(
            summary=self.summary,
            edges=self.edges,
            actions=self.actions,
            saturated=self.saturated,
            outside=self.outside,
            idle=self.idle,
            copies=self.copies,
            repeated=len(hashes) - len(np.unique(hashes)),
            coverage=self._coverage(),
            intervals=np.concatenate(self.intervals) if self.intervals else None,
            gaps=self.gaps,
            suspicious={
                number: reasons
                for number in range(len(self.summary.lengths))
                if (reasons := [*self._reasons(number), *_outliers(number, measured, apart, self.limits.outlier)])
            },
        )

    def _act(self, number: int, action: Values) -> None:
        finite = np.isfinite(action)
        for dim, column in enumerate(action.T):
            self.actions[dim] += np.histogram(column[finite[:, dim]], self.edges)[0]
        size = np.abs(action[finite])
        self.saturated[number] = (size >= self.limits.saturated).mean() if size.size else 0
        self.outside[number] = bool((size > _OUTSIDE).any())

    def _move(self, number: int, episode: Episode) -> None:
        stands: NDArray[np.bool_] | None = None
        for key in self.moving:
            known = self.summary.array(key)
            array = episode[key]
            after = episode[f"next_{key}"] if f"next_{key}" in episode else array[1:]
            extent = 0.0 if known is None else known.high - known.low
            if key == "points" and array.shape[-1] > 3:  # colours do not move
                array, after = array[..., :3], after[..., :3]
                extent = float(array.max()) - float(array.min())
            if known is None or not len(after):
                continue
            before = array[: len(after)].reshape(len(after), -1).astype(np.float64)
            change = np.abs(after.reshape(len(after), -1) - before).max(axis=1, initial=0)
            still = change <= self.limits.still * extent
            both = len(still) if stands is None else min(len(stands), len(still))
            stands = still if stands is None else stands[:both] & still[:both]
        if stands is not None:
            self.idle[number] = stands.mean()

    def _repeat(self, number: int, episode: Episode) -> None:
        whole = hashlib.blake2b(digest_size=16)
        for key, array in episode.items():
            whole.update(key.encode())
            whole.update(np.ascontiguousarray(array).tobytes())
        first = self.digests.setdefault(whole.digest(), number)
        self.copies[number] = first if first != number else -1
        told = [key for key in (*self.seen, "action") if key in episode]
        if self.seen:
            rows = [np.ascontiguousarray(episode[key]) for key in told]
            self.steps.append(np.array([_digest(row) for row in zip(*rows, strict=True)], dtype=np.uint64))

    def _tick(self, number: int, time: Values) -> None:
        passed = np.diff(time)
        if len(passed):
            self.gaps[number] = int(after_gaps(time, self.limits.gap).sum())
            self.intervals.append(passed)

    def _coverage(self) -> Coverage | None:
        if not self.states:
            return None
        states, progress = np.concatenate(self.states), np.concatenate(self.progress)
        kept = np.isfinite(states).all(axis=1)
        states, progress = states[kept], progress[kept]
        deviation = states.std(axis=0) if len(states) else np.zeros(0)
        varying = deviation > 0
        if len(states) < 3 or varying.sum() < 2:
            return None
        values = (states[:, varying] - states[:, varying].mean(axis=0)) / deviation[varying]
        _, size, directions = np.linalg.svd(values, full_matrices=False)
        share = size**2 / (size**2).sum()
        return Coverage(values @ directions[:2].T, progress, (float(share[0]), float(share[1])), self.source)

    def _reasons(self, number: int) -> Iterator[str]:
        summary, limits = self.summary, self.limits
        if summary.missing[number]:
            yield f"missing numbers: {summary.missing[number]}"
        if self.copies[number] >= 0:
            yield f"the same as episode {self.copies[number]}"
        if self.outside[number]:
            yield "actions outside [-1, 1]"
        if self.saturated[number] > limits.share:
            yield f"{100 * self.saturated[number]:.0f} % of action values at their bounds"
        if self.idle[number] > limits.share:
            yield f"nothing moves at {100 * self.idle[number]:.0f} % of its steps"
        if self.gaps[number]:
            yield f"gaps in time: {self.gaps[number]}"
        if self.early[number]:
            yield "goes on after a step that ended it"
        if self._flagged() and not (summary.terminated[number] or summary.truncated[number]):
            yield "neither terminated nor truncated at its end"

    def _flagged(self) -> bool:
        return all(self.summary.array(key) is not None for key in ("terminated", "truncated"))


def _digest(row: tuple[NDArray[Any], ...]) -> int:
    made = hashlib.blake2b(digest_size=8)
    for part in row:
        made.update(part.tobytes())
    return int.from_bytes(made.digest(), "little")


def _outliers(number: int, measured: Mapping[str, Any], apart: Mapping[str, Values], limit: float) -> Iterator[str]:
    for what, distance in apart.items():
        if distance[number] > limit:
            yield f"{what} {measured[what][number]:.4g} stands out ({distance[number]:.1f} from the median)"


def _distances(values: NDArray[Any]) -> Values:
    """Robust distances from the median; 0 where more than half of the values are equal."""
    known = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    if np.isnan(known).all():
        return np.zeros(len(known))
    from_median = np.abs(known - np.nanmedian(known))
    deviation = float(np.nanmedian(from_median))
    return np.nan_to_num(0.6745 * from_median / deviation) if deviation > 0 else np.zeros(len(known))


def _vectors(rows: NDArray[Any]) -> Values:
    """Vectors as they are; of a cloud, whose points have no order, mean, deviation, least and greatest coordinates."""
    if rows.ndim <= 2:
        return rows.reshape(len(rows), -1).astype(np.float64)
    clouds = rows.reshape(len(rows), -1, rows.shape[-1]).astype(np.float64)
    parts = (clouds.mean(axis=1), clouds.std(axis=1), clouds.min(axis=1), clouds.max(axis=1))
    return np.concatenate(parts, axis=1)
