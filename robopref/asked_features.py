"""Questions about a named feature of items, such as the gripper's height: what is asked, and what is answered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from robopref.errors import ConfigError, unknown_name

Side = Literal["low", "high"]
_LONGEST: dict[str, int] = {"name": 200, "source": 200, "said": 200, "unit": 20}
_PLAIN = 1e-4, 1e6  # extents of scales whose values are written without a power of ten


@dataclass(frozen=True)
class AskedFeature:
    """A number that items of a dataset have, and how people are asked about it.

    Attributes:
        name: As the features of explanations are written, such as ``mean(height(points))``, or a name that settings
            give it; the same in all questions about it.
        source: Name of the dataset whose items have it.
        said: What it is, in words for people, such as ``the gripper's height``; empty takes the name.
        unit: Unit in which it is shown.
        scale: That unit in units of the feature, such as 100 to show metres as cm.
        low: Where its scale begins, in the feature's own unit.
        high: Where it ends.
        side: Of a threshold, where what is bad lies: ``low`` if less than it is too little (how close is too close?),
            ``high`` if more than it is too much.
        values: (K,) the feature of each item that is shown as an example, in its own unit; empty if that is not known.
    """

    name: str
    source: str
    said: str = ""
    unit: str = ""
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0
    side: Side = "high"
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field, most in _LONGEST.items():
            text = getattr(self, field)
            if len(text) > most or not text.isprintable() or (field in ("name", "source") and not text.strip()):
                raise ConfigError(f"{field} of a feature must be 1 to {most} printable letters, got {text[:60]!r}")
        if self.side not in get_args(Side):
            raise unknown_name("side of a feature", str(self.side), get_args(Side))
        if not (self.scale > 0 and all(math.isfinite(self.scale * end) for end in (1, self.low, self.high))):
            raise ConfigError(
                f"scale of feature {self.name!r} must be positive and finite, as must its ends be in that unit, got "
                f"{self.scale} and {self.low} to {self.high}"
            )
        if not 0 < self.high - self.low < math.inf:
            raise ConfigError(
                f"feature {self.name!r} must go from low to a greater high, got {self.low} to {self.high}"
            )
        if not all(map(math.isfinite, self.values)):
            raise ConfigError(f"values of feature {self.name!r} must be finite, got {self.values}")

    @property
    def words(self) -> str:
        """What it is, for people."""
        return self.said or self.name

    @property
    def digits(self) -> int | None:
        """After the point, of values in the unit in which they are shown: they tell a thousandth of the scale.

        None where only a power of ten would tell it.
        """
        span = self.scale * (self.high - self.low)
        return max(0, 3 - math.ceil(math.log10(span))) if _PLAIN[0] <= span < _PLAIN[1] else None

    def shown(self, value: float) -> str:
        """A value in the unit in which it is shown."""
        digits, there = self.digits, self.scale * value
        text = f"{there:.4g}" if digits is None else f"{there:.{digits}f}"
        return f"{text} {self.unit}".rstrip()


@dataclass(frozen=True)
class FeatureRelevance:
    """Answer to whether a feature matters.

    Attributes:
        direction: 1 if more of it is better, -1 if less is better, 0 if it does not matter.
    """

    direction: int

    def __post_init__(self) -> None:
        if self.direction not in (-1, 0, 1):
            raise ConfigError(f"the direction of a feature must be 1, 0 or -1, got {self.direction}")


@dataclass(frozen=True)
class Threshold:
    """Answer to how much of a feature is too much, or too little.

    Attributes:
        value: From where on it is bad, in the feature's own unit; at the end of the scale where what is bad would lie,
            nothing is.
    """

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ConfigError(f"the value of a threshold must be finite, got {self.value}")
