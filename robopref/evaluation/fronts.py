"""What ways of choosing, and policies, bring by several objectives at once, and the front that weights draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError
from robopref.evaluation.pareto import hypervolume, pareto_flags
from robopref.files import number, read_json, write_json

FRONTS = "evaluation/fronts.json"
TUNED = "tuned by "  # before a reward, in the name of the point of the policy that it tuned
SWEPT = tuple(round(0.1 * k, 1) for k in range(11))  # weights of the first objective; the second has the rest
Values = NDArray[np.float64]
Point = tuple[float, ...]


@dataclass(frozen=True)
class Fronts:
    """Means over the held-out starts by each objective; larger is better.

    Attributes:
        objectives: What they are, M.
        measured: Whether the task reported them; otherwise they are what the rewards say, on one scale.
        points: Of ways of choosing by their name.
        sweep: Of the best candidate by each weight of `SWEPT`, without training.
        best: The same, by what the objectives themselves say.
        worst: Of the worst candidate by each objective, above which volumes are.
        on_front: Share of the candidates of a start that no other beats in all objectives.
    """

    objectives: tuple[str, ...]
    measured: bool
    points: dict[str, Point]
    sweep: tuple[Point, ...]
    best: tuple[Point, ...]
    worst: Point
    on_front: float

    @property
    def tuned(self) -> dict[str, Point]:
        """Points of the policies that were tuned, by the name of the reward."""
        return {name.removeprefix(TUNED): point for name, point in self.points.items() if name.startswith(TUNED)}

    def share(self, points: Sequence[Point]) -> float | None:
        """Hypervolume of points above the worst, over that of the best ones; None where these have none."""
        shape, floor = (-1, len(self.objectives)), np.array(self.worst)
        whole = hypervolume(np.array(self.best, np.float64).reshape(shape), floor)
        return hypervolume(np.array(points, np.float64).reshape(shape), floor) / whole if whole > 0 else None


def fronts_of(
    objectives: Mapping[str, Values],
    scores: Mapping[str, Values],
    said: Sequence[Values],
    *,
    measured: bool,
    candidates: int,
    policies: Mapping[str, int],
) -> Fronts:
    """Fronts of candidates that were scored.

    Args:
        objectives: By name, (S, N) how good each candidate is; the first two are swept.
        scores: (S, N) by the name of what chooses among the first `candidates`.
        said: Of the rewards of the first two objectives, (S, N) on one scale.
        measured: Whether the task reported the objectives.
        candidates: How many of the N can be chosen; those after them are samples of other policies.
        policies: Which candidate is a policy's own sample, by its name.
    """
    values = np.stack(list(objectives.values()), axis=-1)
    able, rows = values[:, :candidates], np.arange(len(values))
    spread = np.sqrt(able.var(axis=1).mean(axis=0))
    standard = able / np.where(spread > 0, spread, 1)

    def mean(index: NDArray[np.int64]) -> Point:
        return tuple(float(value) for value in values[rows, index].mean(axis=0))

    def swept(one: Values, two: Values) -> tuple[Point, ...]:
        return tuple(
            mean((weight * one[:, :candidates] + (1 - weight) * two[:, :candidates]).argmax(axis=1)) for weight in SWEPT
        )

    points = {name: mean(np.full(len(values), place)) for name, place in policies.items()}
    points |= {name: mean(score[:, :candidates].argmax(axis=1)) for name, score in scores.items()}
    return Fronts(
        tuple(objectives), measured, points, swept(said[0], said[1]), swept(standard[..., 0], standard[..., 1]),
        tuple(float(value) for value in able.min(axis=1).mean(axis=0)), float(pareto_flags(able).mean()),
    )  # fmt: skip


def save_fronts(folder: Path, fronts: Fronts) -> None:
    """Write them into a run folder.

    Raises:
        DataError: The disk refused.
    """
    write_json(folder / FRONTS, asdict(fronts))


def load_fronts(folder: Path) -> Fronts | None:
    """Read and check what a run folder holds of them; None if it holds none.

    Args:
        folder: The run folder.

    Raises:
        DataError: It is damaged.
    """
    path = folder / FRONTS
    if not path.exists():
        return None
    stored = read_json(path)
    names = stored.get("objectives")
    if not (isinstance(names, list) and len(names) >= 2 and all(isinstance(name, str) for name in names)):
        raise _damaged(path, f"objectives must be two names or more, got {names!r}")
    points, share = stored.get("points"), number(stored.get("on_front"))
    if not (isinstance(points, dict) and points and isinstance(stored.get("measured"), bool) and share is not None):
        raise _damaged(path, "it must hold points, measured and on_front")
    told = {str(name): _point(path, point, len(names)) for name, point in points.items()}
    lines = {name: _line(path, stored.get(name), len(names)) for name in ("sweep", "best")}
    worst = _point(path, stored.get("worst"), len(names))
    return Fronts(tuple(names), stored["measured"], told, lines["sweep"], lines["best"], worst, share)


def _line(path: Path, stored: Any, size: int) -> tuple[Point, ...]:
    if not (isinstance(stored, list) and len(stored) == len(SWEPT)):
        raise _damaged(path, f"a front must be {len(SWEPT)} points")
    return tuple(_point(path, point, size) for point in stored)


def _point(path: Path, stored: Any, size: int) -> Point:
    found = [number(value) for value in stored] if isinstance(stored, list) else []
    known = [value for value in found if value is not None and np.isfinite(value) and abs(value) < 1e30]
    if len(known) != size or len(found) != size:
        raise _damaged(path, f"a point must be {size} numbers, got {stored!r:.80}")
    return tuple(known)


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged: {reason}; run `robopref evaluate` again")
