"""Where items lie in an embedding, drawn on a plane: their two first principal components, and how they fared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError
from robopref.evaluation.stored_arrays import LARGEST
from robopref.files import fields, read_json, write_json

EMBEDDING, MAP = "similarity", "map.json"  # within a run folder, and within that
_MOST = 5000  # items of a map


@dataclass(frozen=True)
class ItemMap:
    """N items on a plane.

    Attributes:
        x: (N,) first component.
        y: (N,) second component.
        value: (N,) how each fared; empty if that is not known.
        asked: (N,) 1 if somebody has said what it is like, else 0.
        shown: Share of the variance of the embedding that the plane holds.
        said: What the value is.
    """

    x: list[float]
    y: list[float]
    value: list[float]
    asked: list[int]
    shown: float
    said: str

    @classmethod
    def of(
        cls, points: NDArray[np.float64], asked: NDArray[np.bool_], value: NDArray[np.float64] | None, said: str = ""
    ) -> ItemMap:
        """Draw points of an embedding on a plane.

        Args:
            points: (N, D).
            asked: (N,) whether somebody has said what each is like.
            value: (N,) how each fared; None if that is not known.
            said: What that is.
        """
        rows = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST)).astype(int))
        centred = points - points.mean(0)
        _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
        # A component may point either way; the same data are to give the same map.
        axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(1)])[:, None]
        plane = centred[rows] @ axes.T
        x, y = plane[:, 0], plane[:, 1] if plane.shape[1] > 1 else np.zeros(len(rows))
        shown = float((sizes[:2] ** 2).sum() / max(float((sizes**2).sum()), 1e-12))
        known = [] if value is None else [round(float(one), 4) for one in value[rows]]
        return cls(
            [round(float(one), 4) for one in x], [round(float(one), 4) for one in y], known,
            [int(one) for one in asked[rows]], round(shown, 4), said if known else "",
        )  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write it; raises DataError if the disk refuses."""
        write_json(folder / MAP, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> ItemMap | None:
        """What `save` wrote; None if nothing is there.

        Raises:
            DataError: It is damaged.
        """
        path = folder / MAP
        if not path.exists():
            return None
        kinds = {"x": list, "y": list, "value": list, "asked": list, "shown": float, "said": str}
        told = fields(path, read_json(path), kinds)
        if len(told) < len(kinds):
            raise _damaged(path, "it lacks a column")
        try:
            columns = {name: [float(one) for one in told[name]] for name in ("x", "y", "value", "asked")}
        except (OverflowError, TypeError, ValueError) as error:
            raise _damaged(path, str(error)[:100]) from error
        counts = {len(columns[name]) for name in ("x", "y", "asked")}
        whole = len(counts) == 1 and 0 < max(counts) <= _MOST and len(columns["value"]) in (0, *counts)
        if not whole or not all(abs(one) <= LARGEST for column in columns.values() for one in column):
            raise _damaged(path, "its columns are not of as many items, or hold what nothing can draw")
        if not 0 <= told["shown"] <= 1:
            raise _damaged(path, f"shown is {told['shown']:g}, which is no share")
        return cls(
            columns["x"], columns["y"], columns["value"], [int(one) for one in columns["asked"]],
            float(told["shown"]), str(told["said"])[:100],
        )  # fmt: skip


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is damaged ({why}); run robopref train similarity again")
