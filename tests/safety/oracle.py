"""Limits written down a second time, one command at a time and without numpy, and inputs that try to break them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from robopref.motion import Command, Reading
from robopref.safety.limits import Limits
from robopref.types import Observation

SLACK = 1 + 2e-6
AWKWARD = [0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 1e-40, 1e300, -1e300, 1e38, math.inf, -math.inf, math.nan, 0.5, 3.0]


def _distance(a: Any, b: Any) -> float:
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))


def broken(
    trail: list[list[float]], velocity: list[float], tool: Any, point: Any, limits: Limits, period: float
) -> list[str]:
    """Limits that the next point of a trail breaks.

    Args:
        trail: Where the robot stood when it began to move, and every command since, newest last.
        velocity: Of the robot when it began to move.
        tool: Measured now.
        point: The next command.
        limits: Of the robot.
        period: Seconds between commands.
    """
    found = [] if all(math.isfinite(float(x)) for x in point) else ["finite"]
    box = limits.workspace
    assert box is not None
    if any(not low - 1e-9 <= x <= high + 1e-9 for low, x, high in zip(box.lower, point, box.upper, strict=True)):
        found.append("workspace")
    for keep in limits.keep_out:
        # Points along the way, which a line through the box has inside if it is crossed by more than a hair.
        for share in np.linspace(0, 1, 21):
            at = [a + share * (b - a) for a, b in zip(trail[-1], point, strict=True)]
            if all(low <= x <= high for low, x, high in zip(keep.lower, at, keep.upper, strict=True)):
                found.append("keep-out")
                break
    if _distance(tool, point) > limits.step * SLACK + 1e-12:
        found.append("step")
    moving = [v / period for v in (np.subtract(point, trail[-1]), *reversed(np.diff(trail, axis=0)))]
    speeds = [*moving, np.asarray(velocity)]
    if np.linalg.norm(speeds[0]) > limits.speed * SLACK + 1e-9:
        found.append("speed")
    change = (speeds[0] - speeds[1]) / period
    if np.linalg.norm(change) > limits.acceleration * SLACK + 1e-8:
        found.append("acceleration")
    before = (speeds[1] - speeds[2]) / period if len(speeds) > 2 else np.zeros(3)
    if np.linalg.norm(change - before) / period > limits.jerk * SLACK + 1e-6:
        found.append("jerk")
    return found


def points(rng: np.random.Generator, near: np.ndarray) -> np.ndarray:
    """A target (1, 3), from reasonable to absurd."""
    kind = rng.integers(5)
    if kind == 0:
        return rng.choice(AWKWARD, (1, 3))
    if kind == 1:
        return near + rng.normal(0, 10.0 ** rng.integers(-12, 4), (1, 3))
    if kind == 2:
        return rng.uniform(-0.7, 0.7, (1, 3))
    return near + rng.normal(0, 0.01, (1, 3))


def commands(rng: np.random.Generator, near: np.ndarray) -> Any:
    """A command, or something that is none."""
    kind = rng.integers(25)
    target = points(rng, near)
    if kind == 0:
        return rng.choice(np.array([None, "go", 3.0, b"", target], dtype=object))
    if kind == 1:
        return Command(target.astype(rng.choice(["float16", "int64", "complex128", "object", "U8"])))
    if kind == 2:
        return Command(target.reshape(3) if rng.random() < 0.5 else np.tile(target, (2, 1)))
    if kind == 3:
        return Command(target, quaternion=np.array([1.0, 0, 0, 0]))
    if kind == 4:
        return Command(target.tolist())
    return Command(target.astype(np.float32) if kind == 5 else target)


def readings(rng: np.random.Generator, tool: np.ndarray, now: float, number: int) -> Any:
    """A reading, or something that is none: stale, early, reordered, damaged."""
    kind = rng.integers(40)
    cloud = rng.normal(0, 0.1, (4, 3)).astype(np.float32)
    time, sequence, at = now - 0.01 * rng.random(), number, np.asarray(tool, np.float64)
    if kind == 0:
        time = now - 10.0 ** rng.integers(-2, 9)
    elif kind == 1:
        time = now + 10.0 ** rng.integers(-2, 9)
    elif kind == 2:
        sequence = number - int(rng.integers(1, 50))
    elif kind == 3:
        at = rng.choice(AWKWARD, 3)
    elif kind == 4:
        cloud[rng.integers(4), rng.integers(3)] = rng.choice([np.nan, np.inf])
    elif kind == 5:
        return rng.choice(np.array([None, "reading", 1.5], dtype=object))
    elif kind == 6:
        at = rng.choice(np.array([at[:2], at.astype(int), at.tolist()], dtype=object), 1)[0]
    elif kind == 7:
        time = rng.choice([np.nan, np.inf, -np.inf])
    elif kind == 8:
        at = at + rng.normal(0, 0.02, 3)
    return Reading(Observation(cloud, np.zeros(4, np.float32)), time, at, sequence)


def trials(rng: np.random.Generator) -> Iterator[float]:
    """Times of commands: about a period apart, now and then twice at once, late, or backwards."""
    now = 0.0
    while True:
        now += rng.choice(
            [0.05, 0.05, 0.05, 0.05, 0.05, 0.0, 0.01, 0.06, 0.3, 2.0, -1.0], p=[*[0.19] * 5, *[0.01] * 4, 0.008, 0.002]
        )
        yield now
