"""What a robot may do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np

from robopref.errors import ConfigError
from robopref.motion import RobotSpec, Vector

INSIDE = 1 - 1e-7  # share of a limit that commands are brought to: what is checked afterwards has rounding


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
        turn_step: Angle between the next target and the measured orientation, rad.
        step: Distance of the next target from the measured tool, m.
        speed: m/s.
        acceleration: m/s².
        jerk: m/s³.
        joint_lower: (J,) rad.
        joint_upper: (J,) rad.
        joint_speed: rad/s.
        joint_acceleration: rad/s².
        joint_step: Distance of each joint's next target from where it is measured, rad.
        gripper_speed: Share of the opening a second.
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
    turn_step: float | None = None
    step: float | None = None
    speed: float | None = None
    acceleration: float | None = None
    jerk: float | None = None
    joint_lower: Sequence[float] | None = None
    joint_upper: Sequence[float] | None = None
    joint_speed: float | None = None
    joint_acceleration: float | None = None
    joint_step: float | None = None
    gripper_speed: float | None = None
    force: float | None = None
    torque: float | None = None
    age: float | None = None
    frozen: float | None = None
    clamps: int = 10
    hold_after: float = 0.5
    stop_after: float = 2.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            value: Any = getattr(self, limit.name)
            if limit.name in _SHAPES:
                _check_shape(limit.name, value)
            elif value is not None or limit.default is not None:
                if isinstance(value, bool) or not isinstance(value, Real):
                    raise ConfigError(f"safety.{limit.name} must be a number, got {value!r}")
                if not math.isfinite(value) or (value <= 0 and limit.name != "clearance"):
                    wanted = "finite" if limit.name == "clearance" else "positive and finite"
                    raise ConfigError(f"safety.{limit.name} must be {wanted}, got {value}")
        if not self.hold_after < self.stop_after:
            raise ConfigError(
                f"safety.hold_after must be less than safety.stop_after, got {self.hold_after} and {self.stop_after}"
            )
        if (self.joint_lower is None) != (self.joint_upper is None):
            raise ConfigError("safety.joint_lower and safety.joint_upper are given together or not at all")
        if self.joint_lower is not None and self.joint_upper is not None:
            joints = len(self.joint_lower)
            if (
                not joints
                or not (_finite(self.joint_lower, joints) and _finite(self.joint_upper, joints))
                or not np.all(np.asarray(self.joint_lower) < np.asarray(self.joint_upper))
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
            needed += ["cone", "turn", "turn_step"]
        if spec.joints:
            needed += ["joint_lower", "joint_upper", "joint_speed", "joint_acceleration", "joint_step"]
        if spec.gripper:
            needed.append("gripper_speed")
        if spec.wrench:
            needed += ["force", "torque"]
        return [name for name in needed if getattr(self, name) is None]


_SHAPES = {"workspace", "keep_out", "cone", "joint_lower", "joint_upper"}


def _check_shape(name: str, value: Any) -> None:
    """Refuse what is neither a number nor of the right type."""
    listed = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str)
    if name == "keep_out":
        fits, wanted = listed and all(isinstance(one, Box) for one in value), "a list of boxes"
    elif name == "workspace":
        fits, wanted = value is None or isinstance(value, Box), "a box"
    elif name == "cone":
        fits, wanted = value is None or isinstance(value, Cone), "a cone"
    else:
        fits, wanted = value is None or listed, "a list of numbers"
    if not fits:
        raise ConfigError(f"safety.{name} must be {wanted}, got {value!r:.80}")


def _finite(values: Sequence[float], count: int) -> bool:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return array.shape == (count,) and bool(np.isfinite(array).all())
