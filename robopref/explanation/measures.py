"""What features measure: functions of series (T, ...) that give series, and summaries that give numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A function of series.

    Attributes:
        function: Gives a series (T,) or (T, C).
        said: What it is, in words.
        words: By which an instruction speaks of it.
        arguments: How many series it takes.
    """

    function: Callable[..., Series]
    said: str
    words: tuple[str, ...] = ()
    arguments: int = 1


def vectors(array: NDArray[Any]) -> Series:
    """A series as vectors, (T, C)."""
    return np.asarray(array, dtype=np.float64).reshape(len(array), -1)


def scalars(array: NDArray[Any], what: str) -> Series:
    """A series as numbers, (T,).

    Raises:
        DataError: It has several in each step.
    """
    rows = vectors(array)
    if rows.shape[1] != 1:
        raise DataError(f"{what} is of one number a step, got {rows.shape[1]}; choose one, such as with [0], or norm()")
    return rows[:, 0]


def _clouds(array: NDArray[Any], what: str) -> Series:
    if array.ndim != 3 or array.shape[2] < 3 or not array.shape[1]:
        raise DataError(f"{what} is of clouds (T, P, 3 or more), got {array.shape}")
    return np.asarray(array[..., :3], dtype=np.float64)


def _pictures(array: NDArray[Any], what: str) -> Series:
    if array.ndim != 4 or array.shape[3] != 3 or not array.size:
        raise DataError(f"{what} is of pictures (T, h, w, 3), got {array.shape}")
    shown = np.asarray(array, dtype=np.float64)
    return shown / 255 if array.dtype == np.uint8 else shown


def _norm(one: NDArray[Any]) -> Series:
    return np.linalg.norm(vectors(one), axis=1)


def _distance(one: NDArray[Any], two: NDArray[Any]) -> Series:
    a, b = vectors(one), vectors(two)
    if a.shape[1] != b.shape[1]:
        raise DataError(f"a distance is between vectors of one size, got {a.shape[1]} and {b.shape[1]} numbers")
    return np.linalg.norm(a - b, axis=1)


def _changes(order: int) -> Callable[[NDArray[Any]], Series]:
    """Size of the differences of some order from step to step; zero where there are too few steps."""

    def sizes(one: NDArray[Any]) -> Series:
        rows = vectors(one)
        if len(rows) <= order:
            return np.zeros(1)
        return np.linalg.norm(np.diff(rows, n=order, axis=0), axis=1)

    return sizes


def _nearest(cloud: NDArray[Any], one: NDArray[Any]) -> Series:
    points, at = _clouds(cloud, "nearest"), vectors(one)
    if at.shape[1] != 3:
        raise DataError(f"nearest is between a cloud and a point of three numbers a step, got {at.shape[1]}")
    return np.linalg.norm(points - at[:, None], axis=2).min(axis=1)


def _extent(cloud: NDArray[Any]) -> Series:
    points = _clouds(cloud, "extent")
    return np.linalg.norm(points.max(axis=1) - points.min(axis=1), axis=1)


def _colour(channel: int) -> Callable[[NDArray[Any]], Series]:
    def excess(picture: NDArray[Any]) -> Series:
        shown = _pictures(picture, "colour")
        return shown[..., channel].mean(axis=(1, 2)) - shown.mean(axis=(1, 2, 3))

    return excess


def _centre(cloud: NDArray[Any]) -> Series:
    return _clouds(cloud, "centre").mean(axis=1)


def _height(cloud: NDArray[Any]) -> Series:
    return _clouds(cloud, "height")[..., 2].max(axis=1)


def _brightness(picture: NDArray[Any]) -> Series:
    return _pictures(picture, "brightness").mean(axis=(1, 2, 3))


MEASURES: Mapping[str, Measure] = {
    "norm": Measure(_norm, "size", ("size", "force", "effort", "gentle", "gently", "softly", "strong")),
    "distance": Measure(
        _distance, "distance between", ("distance", "near", "close", "closer", "far", "reach", "clearance"), 2
    ),
    "speed": Measure(
        _changes(1), "change from step to step", ("speed", "fast", "faster", "slow", "slower", "quick", "quickly")
    ),
    "acceleration": Measure(_changes(2), "change of the speed", ("acceleration", "sudden", "abrupt")),
    "jerk": Measure(_changes(3), "change of the acceleration", ("jerk", "jerky", "smooth", "smoothly", "smoother")),
    "centre": Measure(_centre, "centre of a cloud", ("centre", "center")),
    "extent": Measure(_extent, "diagonal of a cloud's box", ("extent", "spread", "compact", "stretched", "straight")),
    "height": Measure(_height, "highest point of a cloud", ("height", "high", "lift")),
    "nearest": Measure(
        _nearest, "distance from the nearest point of", ("clearance", "collision", "near", "close", "hidden"), 2
    ),
    "brightness": Measure(_brightness, "brightness", ("bright", "dark", "light")),
    "red": Measure(_colour(0), "red beyond grey", ("red", "colour", "color")),
    "green": Measure(_colour(1), "green beyond grey", ("green", "colour", "color")),
    "blue": Measure(_colour(2), "blue beyond grey", ("blue", "colour", "color")),
}
# Of how items look in pictures, which is seldom what an answer is to go by.
OF_PICTURES = frozenset({"brightness", "red", "green", "blue"})

SUMMARIES: Mapping[str, Callable[[Series], float]] = {
    "mean": lambda row: float(row.mean()),
    "least": lambda row: float(row.min()),
    "greatest": lambda row: float(row.max()),
    "first": lambda row: float(row[0]),
    "last": lambda row: float(row[-1]),
    "change": lambda row: float(row[-1] - row[0]),
    "total": lambda row: float(row.sum()),
    "spread": lambda row: float(row.std()),
}
