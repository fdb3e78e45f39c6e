"""What a robot may do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from robopref.errors import ConfigError
from robopref.motion import RobotSpec, Vector


@dataclass(frozen=True)
class Box:
    """A box in the robot's base frame.

    Attributes:
        lower: Lowest corner (3,), m.
        upper: Highest corner (3,), m.
    """

    lower: Sequence[float]
    upper: Sequence[float]

    def __post_init__(self) -> None:
        if not all(_finite(corner, 3) for corner in (self.lower, self.upper)) or not (self.low < self.high).all():
            raise ConfigError(f"a box needs finite lower < upper of 3 numbers, got {self.lower} and {self.upper}")

    @property
    def low(self) -> Vector:
        """Lowest corner as an array."""
        return np.asarray(self.lower, dtype=np.float64)

    @property
    def high(self) -> Vector:
        """Highest corner as an array."""
        return np.asarray(self.upper, dtype=np.float64)


@dataclass(frozen=True)
class Cone:
    """Where the z axis of the tool may point.

    Attributes:
        axis: (3,) middle of the cone, base frame; any length.
        angle: Largest angle to it, rad, in (0, pi].
    """

    axis: Sequence[float]
    angle: float

    def __post_init__(self) -> None:
        if not _finite(self.axis, 3) or not float(np.linalg.norm(self.axis)) > 1e-6 or not 0 < self.angle <= math.pi:
            raise ConfigError(f"a cone needs an axis and an angle in (0, pi], got {self.axis} and {self.angle}")

    @property
    def direction(self) -> Vector:
        """The axis, at unit length."""
        return np.asarray(self.axis, np.float64) / np.linalg.norm(self.axis)


@dataclass(frozen=True)
class Limits:
    """Limits of one robot in one cell; None leaves something unlimited, which a real robot does not accept.

    Attributes:
        workspace: Where the tool may be.
        keep_out: Where it may neither be nor pass.
        clearance: Height at which a primitive travels between its points, m; None for straight lines.
        cone: Where the tool may point.
        turn: Angular speed of the tool, rad/s.
        step: Distance of the next target from the measured tool, m.
        speed: m/s.
        acceleration: m/s².
        jerk: m/s³.
        joint_lower: (J,) rad.
        joint_upper: (J,) rad.
        joint_speed: rad/s.
        force: At the tool, N; more halts the robot.
        torque: At the tool, N m; more halts the robot.
        age: Oldest observation that a command may follow, s.
        frozen: Longest time for which readings may repeat the same cloud bit by bit, s; a camera has noise.
        clamps: Most commands that are changed or refused within a second; more halt the robot.
        hold_after: Seconds without a command after which the robot is held.
        stop_after: Seconds without a command after which it is stopped.

    Raises:
        ConfigError: A limit is not positive, or two do not fit together.
    """

    workspace: Box | None = None
    keep_out: Sequence[Box] = ()
    clearance: float | None = None
    cone: Cone | None = None
    turn: float | None = None
    step: float | None = None
    speed: float | None = None
    acceleration: float | None = None
    jerk: float | None = None
    joint_lower: Sequence[float] | None = None
    joint_upper: Sequence[float] | None = None
    joint_speed: float | None = None
    force: float | None = None
    torque: float | None = None
    age: float | None = None
    frozen: float | None = None
    clamps: int = 10
    hold_after: float = 0.5
    stop_after: float = 2.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if isinstance(value, (int, float)) and limit.name != "clearance" and not 0 < value < math.inf:
                raise ConfigError(f"safety.{limit.name} must be positive and finite, got {value}")
        if self.clearance is not None and not math.isfinite(self.clearance):
            raise ConfigError(f"safety.clearance must be finite, got {self.clearance}")
        if not self.hold_after < self.stop_after:
            raise ConfigError(
                f"safety.hold_after must be less than safety.stop_after, got {self.hold_after} and {self.stop_after}"
            )
        if (self.joint_lower is None) != (self.joint_upper is None):
            raise ConfigError("safety.joint_lower and safety.joint_upper are given together or not at all")
        if self.joint_lower is not None and self.joint_upper is not None:
            joints = len(self.joint_lower)
            if not (_finite(self.joint_lower, joints) and _finite(self.joint_upper, joints)) or not np.all(
                np.asarray(self.joint_lower) < np.asarray(self.joint_upper)
            ):
                raise ConfigError(
                    f"joint limits need finite lower < upper, got {self.joint_lower} and {self.joint_upper}"
                )

    def missing(self, spec: RobotSpec) -> list[str]:
        """Names of the limits that a robot's commands and readings call for and that are not given."""
        needed = ["age", "frozen"]
        if spec.points:
            needed.append("workspace")
        if spec.points and not spec.primitive:
            needed += ["step", "speed", "acceleration", "jerk"]
        if spec.oriented:
            needed += ["cone", "turn"]
        if spec.joints:
            needed += ["joint_lower", "joint_upper", "joint_speed"]
        if spec.wrench:
            needed += ["force", "torque"]
        return [name for name in needed if getattr(self, name) is None]


def _finite(values: Sequence[float], count: int) -> bool:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return array.shape == (count,) and bool(np.isfinite(array).all())
