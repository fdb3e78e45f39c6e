"""What a policy is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robopref.records import ActionGeometry


@dataclass(frozen=True)
class PolicySpec:
    """What a policy observes, and how it acts.

    Attributes:
        shapes: By name, the shape of each part of one observation: (P, 3+C) of ``points``, (h, w, 3) of pictures, (D,)
            of vectors.
        actions: Action dim A.
        geometry: How its actions name points in space; None if that is not known.
    """

    shapes: Mapping[str, tuple[int, ...]]
    actions: int
    geometry: ActionGeometry | None = None
