"""Limits written down a second time, one command at a time and without numpy, and inputs that try to break them."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from robopref.motion import Command, Reading, RobotSpec
from robopref.records import Observation
from robopref.safety.limits import Limits

SLACK = 1 + 2e-6
AWKWARD = [0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 1e-40, 1e300, -1e300, 1e38, math.inf, -math.inf, math.nan, 0.5, 3.0]


def _distance(a: Any, b: Any) -> float:
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))


def _angle(a: Any, b: Any) -> float:
    """Between two orientations."""
    return 2 * math.acos(min(1.0, abs(sum(float(x) * float(y) for x, y in zip(a, b, strict=True)))))


class Watch:
    """Follows the commands that pass, by the clock and by what is measured, and says what each of them breaks.

    Speeds are those between two commands, over the time that really was between them.

    Args:
        limits: Of the robot.
        spec: Of the robot; it takes one point.
    """

    def __init__(self, limits: Limits, spec: RobotSpec) -> None:
        self.limits, self.spec = limits, spec
        self.last = -math.inf
        self.forget()

    def forget(self) -> None:
        """A reset: nothing is known."""
        self.readings: list[Reading] = []
        self.last = -math.inf
        self.rest()

    def rest(self) -> None:
        """The robot is held: it starts from where it is measured."""
        self.trail: list[tuple[float, Command]] = []

    def see(self, reading: Reading) -> None:
        """A reading that is believed."""
        if self.readings and reading.time == self.readings[-1].time:
            self.readings[-1] = reading
        else:
            self.readings = [*self.readings[-1:], reading]

    def broken(self, command: Command, now: float) -> list[str]:
        """Names of the limits that a command breaks, which then is part of the trail."""
        limits, period, reading = self.limits, self.spec.period, self.readings[-1]
        found = [] if all(math.isfinite(float(x)) for x in command.vector()) else ["finite"]
        if now - reading.time > limits.age or now < reading.time - 0.005:
            found.append("age")
        if not self.trail or now - self.last > 2 * period:
            # From rest there is a whole period.
            self.trail = [(now - period, self._standing(reading))]
        elapsed = now - self.trail[-1][0]
        if now - self.last < 0.4 * period or (len(self.trail) == 1 and now - self.last < period * (1 - 1e-6)):
            found.append("rate")
        before = self.trail[-1][1]
        point, tool = command.points[0].tolist(), [float(x) for x in reading.tool]
        found += self._place(before.points[0].tolist(), tool, point)
        if self.spec.joints:
            found += self._bend(command.joints, reading.joints)
        if self.spec.oriented:
            w, x, y, z = (float(part) for part in command.quaternion)
            axis = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
            cosine = sum(a * b for a, b in zip(axis, limits.cone.direction, strict=True))
            broken = {
                "unit": abs(w * w + x * x + y * y + z * z - 1) > 1e-6,
                "cone": math.acos(max(-1.0, min(1.0, cosine))) > limits.cone.angle + 2e-6,
                "turn": _angle(before.quaternion, command.quaternion) / elapsed > limits.turn * SLACK + 1e-6,
                "turn step": _angle(reading.quaternion, command.quaternion) > limits.turn_step * SLACK + 1e-7,
            }
            found += [name for name, is_broken in broken.items() if is_broken]
        if self.spec.gripper:
            opened = abs(float(command.gripper[0]) - float(before.gripper[0])) / elapsed
            found += ["gripper speed"] if opened > limits.gripper_speed * SLACK + 1e-9 else []
            found += [] if 0 <= command.gripper[0] <= 1 else ["gripper"]
        self.trail, self.last = [*self.trail[-3:], (now, command)], now
        found += self._motion("", lambda one: one.points[0], self._velocity("tool", limits.speed, clip_each=False))
        if self.spec.joints:
            turning = self._velocity("joints", limits.joint_speed, clip_each=True)
            for joint in range(self.spec.joints):
                found += self._motion(
                    "joint ", lambda one, at=joint: one.joints[at : at + 1], turning[joint : joint + 1]
                )
        return found

    def _place(self, before: list[float], tool: list[float], point: list[float]) -> list[str]:
        limits, found = self.limits, []
        box = limits.workspace
        if any(not low - 1e-9 <= x <= high + 1e-9 for low, x, high in zip(box.lower, point, box.upper, strict=True)):
            found.append("workspace")
        for keep in limits.keep_out:
            # Points along the way, which a line through the box has inside if it is crossed by more than a hair.
            for start in (before, tool):
                for share in range(21):
                    at = [a + share / 20 * (b - a) for a, b in zip(start, point, strict=True)]
                    if all(low <= x <= high for low, x, high in zip(keep.lower, at, keep.upper, strict=True)):
                        found.append("keep-out")
                        break
        if _distance(tool, point) > limits.step * SLACK + 1e-12:
            found.append("step")
        return found

    def _bend(self, joints: Any, measured: Any) -> list[str]:
        limits, found = self.limits, []
        for joint, at, low, high in zip(joints, measured, limits.joint_lower, limits.joint_upper, strict=True):
            if not low - 1e-9 <= joint <= high + 1e-9:
                found.append("joints")
            if abs(float(joint) - float(at)) > limits.joint_step * SLACK + 1e-8:
                found.append("joint step")
        return found

    def _motion(self, kind: str, part: Any, start: list[float]) -> list[str]:
        """Speed, acceleration and jerk at the end of the trail."""
        limits = self.limits
        most = (
            (limits.joint_speed, limits.joint_acceleration, None) if kind else
            (limits.speed, limits.acceleration, limits.jerk)
        )  # fmt: skip
        # What it moved with, then its changes: each over the time that was between the commands.
        rates, change = [[start, [0.0] * len(start)]], []
        for (begun, one), (ended, other) in itertools.pairwise(self.trail):
            moved = [(float(b) - float(a)) / (ended - begun) for a, b in zip(part(one), part(other), strict=True)]
            speed, faster = rates[-1]
            change = [(b - a) / (ended - begun) for a, b in zip(speed, moved, strict=True)]
            jerk = [(b - a) / (ended - begun) for a, b in zip(faster, change, strict=True)]
            rates.append([moved, change])
        sizes = [math.sqrt(sum(x * x for x in values)) for values in (moved, change, jerk)]
        slips = (1e-7, 1e-6, 1e-4)  # of positions that are rounded to 1e-16, over the shortest time between commands
        return [
            kind + name
            for name, size, limit, slip in zip(("speed", "acceleration", "jerk"), sizes, most, slips, strict=True)
            if limit is not None and size > limit * SLACK + slip
        ]

    def _standing(self, reading: Reading) -> Command:
        kinds = {"quaternion": self.spec.oriented, "joints": self.spec.joints, "gripper": self.spec.gripper}
        return Command(
            np.asarray(reading.tool, float)[None],
            *(getattr(reading, name) if has else None for name, has in kinds.items()),
        )

    def _velocity(self, part: str, most: float, *, clip_each: bool) -> list[float]:
        """What the trail began with: as measured, if the trail is as short as that."""
        if len(self.trail) == 2:
            self._started = getattr(self, "_started", {}) | {part: self._measured(part, most, clip_each=clip_each)}
        return self._started[part]

    def _measured(self, part: str, most: float, *, clip_each: bool) -> list[float]:
        still = [0.0] * len(getattr(self.readings[-1], part))
        if len(self.readings) < 2:
            return still
        before, after = self.readings
        elapsed = after.time - before.time
        if not 1e-3 < elapsed < 3 * self.spec.period:
            return still
        rate = [
            (float(b) - float(a)) / elapsed for a, b in zip(getattr(before, part), getattr(after, part), strict=True)
        ]
        if clip_each:
            return [max(-most, min(most, x)) for x in rate]
        share = min(1.0, most / max(math.sqrt(sum(x * x for x in rate)), 1e-12))
        return [share * x for x in rate]


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


def trials(rng: np.random.Generator, period: float = 0.05) -> Iterator[float]:
    """Times of commands: about a period apart and jittered; now and then in bursts, late, very late, or backwards."""
    now, kind = 0.0, 0
    while True:
        if rng.random() < 0.05:
            kind = int(rng.integers(4))
        if kind == 0:
            step = period
        elif kind == 1:
            step = period * rng.uniform(0.8, 1.2)
        elif kind == 2:  # as fast as it can
            step = period * rng.choice([0.1, 0.41, 0.45, 0.6])
        else:  # a late one, and one that makes up for it
            step = period * rng.choice([1.4, 0.6, 1.9, 0.5])
        if rng.random() < 0.02:
            step = rng.choice([0.0, 0.01, 0.06, 0.3, 2.0, -1.0], p=[0.2, 0.2, 0.2, 0.18, 0.18, 0.04])
        now += float(step)
        yield now
