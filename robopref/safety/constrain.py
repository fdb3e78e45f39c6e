"""Bring commands within limits, many candidates at once; pure functions.

What can be corrected is changed as little as need be; then everything is checked again from scratch, and what does not
pass is refused. No command is ever returned as good that the last check did not pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robopref.motion import Command, RobotSpec, Vector
from robopref.rotations import from_rotation, multiply, to_rotation, tool_axis
from robopref.safety import joints as turning
from robopref.safety.limits import INSIDE, Box, Cone, Limits

Mask = Any  # array of bool, or a numpy bool for a single command

FARTHEST = 1e3  # m or rad: nothing beyond is taken for a number that was meant
TOLERANCE = 1e-6  # of a limit, for rounding
_ROUNDS = 12


@dataclass(frozen=True)
class Motion:
    """How a robot moves when the next command comes; leading dimensions are those of the commands.

    Attributes:
        command: The command before.
        velocity: (..., 3) of the tool, m/s.
        acceleration: (..., 3) of the tool, m/s².
        joint_velocity: (..., J) rad/s; None stands for joints at rest.
    """

    command: Command
    velocity: Vector
    acceleration: Vector
    joint_velocity: Vector | None = None

    def repeat(self, count: int) -> Motion:
        """The same for `count` candidates."""

        def wide(part: Vector | None) -> Any:
            return None if part is None else np.broadcast_to(part, (count, *part.shape))

        parts = (wide(part) for part in self.command.parts().values())
        return Motion(Command(*parts), wide(self.velocity), wide(self.acceleration), wide(self.joint_velocity))


@dataclass(frozen=True)
class Constrained:
    """Commands within limits.

    Attributes:
        command: The commands; where refused, what they hold means nothing.
        motion: How the robot moves after them.
        clamped: Masks (...) by the limit that changed a command.
        refused: Masks (...) by the reason that a command is refused for.
    """

    command: Command
    motion: Motion
    clamped: dict[str, Mask]
    refused: dict[str, Mask]

    @property
    def passed(self) -> Mask:
        """(...) whether a command may be executed."""
        return ~np.logical_or.reduce(list(self.refused.values()))


def constrain(
    command: Command, motion: Motion, measured: Command, limits: Limits, spec: RobotSpec, period: float
) -> Constrained:
    """Bring commands within limits, or refuse them.

    Args:
        command: Commands of the right shapes and float dtype; any values.
        motion: How the robot moves, with the same leading dimensions.
        measured: The command to stay where the robot was last measured, with or without the leading dimensions.
        limits: What the robot may do.
        spec: What kind of commands it takes.
        period: Seconds since the command before. When it is longer than the robot's, what is new is still done within
            the robot's, so that speeds allow no more; a robot that moves goes on for as long as it takes to slow down.

    Returns:
        The commands that come nearest, and which of them may be executed.
    """
    clamped: dict[str, Mask] = {}
    leading = motion.velocity.ndim - 1
    plausible = np.ones(motion.velocity.shape[:-1], dtype=bool)
    for part in command.parts().values():
        if part is not None:
            plausible &= (np.abs(part) <= FARTHEST).all(axis=tuple(range(leading, part.ndim)))
    before, brief = motion.command, min(period, spec.period)
    points = _where(plausible, command.points, before.points)
    points = _place(points, motion, measured, limits, spec, period, clamped)
    quaternion, upright = command.quaternion, np.ones_like(plausible)
    if quaternion is not None:
        quaternion = _where(plausible, quaternion, before.quaternion)
        quaternion, upright = _point(quaternion, motion, measured, limits, brief, clamped)
    joints, gripper = command.joints, command.gripper
    if joints is not None:
        joints = _where(plausible, joints, before.joints)
        joints = _bend(joints, motion, measured, limits, spec.period, period, clamped)
    if gripper is not None:
        gripper = _where(plausible, gripper, before.gripper)
        gripper = _noting("gripper", gripper, np.clip(gripper, 0, 1), clamped)
        if limits.gripper_speed is not None and before.gripper is not None:
            reach = limits.gripper_speed * brief * INSIDE
            near = np.clip(gripper, before.gripper - reach, before.gripper + reach)
            gripper = _noting("gripper speed", gripper, near, clamped)
    safe = Command(points, quaternion, joints, gripper)
    refused = {"not finite": ~plausible, "no orientation": ~upright}
    refused |= violations(safe, motion, measured, limits, spec, period)
    return Constrained(safe, _after(safe, motion, period), clamped, refused)


def violations(
    command: Command, motion: Motion, measured: Command, limits: Limits, spec: RobotSpec, period: float
) -> dict[str, Mask]:
    """Check commands against every limit.

    Args:
        command: Commands.
        motion: How the robot moves before them.
        measured: Where the robot is.
        limits: What the robot may do.
        spec: What kind of commands it takes.
        period: Seconds since the command before.

    Returns:
        Masks (...) by the limit that is broken.
    """
    broken: dict[str, Mask] = {}
    slack, brief = 1 + TOLERANCE, min(period, spec.period)
    if limits.workspace is not None and spec.points:
        outside = (command.points < limits.workspace.low - 1e-9) | (command.points > limits.workspace.high + 1e-9)
        broken["workspace"] = outside.any(axis=(-1, -2))
    if limits.keep_out and spec.points:
        starts, ends = _path(command.points, motion, measured, limits, spec)
        crossed = [_crosses(starts, ends, box).any(axis=-1) for box in limits.keep_out]
        broken["keep-out"] = np.logical_or.reduce(crossed)
    if _streams(spec):
        for name, center, radius in _balls(motion, measured, limits, period):
            broken[name] = _length(command.points[..., 0, :] - center) > radius * slack + 1e-12
    if command.quaternion is not None:
        if limits.cone is not None:
            cosine = np.clip(tool_axis(command.quaternion) @ limits.cone.direction, -1, 1)
            broken["cone"] = np.arccos(cosine) > limits.cone.angle + 1e-6
        if limits.turn is not None:
            turned = _length(_turn(motion.command.quaternion, command.quaternion))
            broken["turn"] = turned > limits.turn * brief * slack + 1e-9
        if limits.turn_step is not None:
            ahead = _length(_turn(measured.quaternion, command.quaternion))
            broken["turn step"] = ahead > limits.turn_step * slack + 1e-9
    if command.joints is not None:
        for name, low, high in _ranges(motion, measured, limits, period):
            slip = 1e-9 + TOLERANCE * (high - low) / 2 * (name != "joints")
            broken[name] = ((command.joints < low - slip) | (command.joints > high + slip)).any(axis=-1)
    if command.gripper is not None and limits.gripper_speed is not None and motion.command.gripper is not None:
        opened = np.abs(command.gripper - motion.command.gripper).max(axis=-1)
        broken["gripper speed"] = opened > limits.gripper_speed * brief * slack + 1e-12
    return broken


def _place(
    points: Vector, motion: Motion, measured: Command, limits: Limits, spec: RobotSpec, period: float,
    clamped: dict[str, Mask],
) -> Vector:  # fmt: skip
    """Bring points into the workspace, and the next one within reach."""
    if limits.workspace is not None and spec.points:
        inside = np.clip(points, limits.workspace.low, limits.workspace.high)
        points = _noting("workspace", points, inside, clamped, trailing=2)
    if not _streams(spec):
        return points
    target, balls = points[..., 0, :], _balls(motion, measured, limits, period)
    low, high = _reachable(motion, limits, spec.period, period)
    for name, center, radius in balls:
        clamped[name] = _length(target - center) > radius
    if limits.speed is not None and period > spec.period:
        near = _project(target, [("speed", motion.command.points[..., 0, :], limits.speed * spec.period)], low, high)
        clamped["speed"] = _length(target - near) > 1e-6
        target = near
    found = _project(target, balls, low, high)
    if any((_length(found - center) > radius).any() for _, center, radius in balls):
        # No common point was found from the target; perhaps there is one on the way to a standstill.
        previous = motion.command.points[..., 0, :]
        slower = _project(previous + 0.5 * motion.velocity * period, balls, low, high)
        lost = np.logical_or.reduce([_length(found - center) > radius for _, center, radius in balls])
        found = np.where(lost[..., None], slower, found)
    clamped["braking"] = (((target < low) & (found <= low)) | ((target > high) & (found >= high))).any(axis=-1)
    return found[..., None, :]


def _point(
    quaternion: Vector, motion: Motion, measured: Command, limits: Limits, period: float, clamped: dict[str, Mask]
) -> tuple[Vector, Mask]:
    """Bring orientations into the cone and within reach, and say which were orientations at all."""
    size = _length(quaternion)
    proper = np.abs(size - 1) < 1e-2
    quaternion = quaternion / np.where(proper, size, 1)[..., None]
    previous = motion.command.quaternion
    quaternion = np.where(proper[..., None], quaternion, np.array([1.0, 0, 0, 0]) if previous is None else previous)
    for _ in range(_ROUNDS):
        given, beyond = quaternion, dict[str, Mask]()
        if limits.cone is not None:
            quaternion, beyond["cone"] = _into(limits.cone, quaternion)
        if limits.turn is not None and previous is not None:
            quaternion, beyond["turn"] = _within(limits.turn * period, previous, quaternion)
        if limits.turn_step is not None and measured.quaternion is not None:
            quaternion, beyond["turn step"] = _within(limits.turn_step, measured.quaternion, quaternion)
        for name, mask in beyond.items():
            clamped.setdefault(name, mask)
        if np.array_equal(quaternion, given):
            break
    return quaternion, proper


def _into(cone: Cone, quaternion: Vector) -> tuple[Vector, Mask]:
    """Bring orientations into a cone, and say which were outside."""
    axis = tool_axis(quaternion)
    over = np.arccos(np.clip(axis @ cone.direction, -1, 1)) - cone.angle * INSIDE
    about = np.cross(axis, cone.direction)
    length = _length(about)[..., None]
    # Opposite to the axis every way back is as short.
    about = np.where(length > 1e-9, about / np.maximum(length, 1e-9), _perpendicular(cone.direction))
    turned = multiply(from_rotation(about * np.maximum(over, 0)[..., None]), quaternion)
    return np.where((over > 0)[..., None], turned, quaternion), over > cone.angle * 1e-6


def _within(most: float, middle: Vector, quaternion: Vector) -> tuple[Vector, Mask]:
    """Bring orientations to at most an angle from others, and say which were beyond."""
    rotation = _turn(middle, quaternion)
    angle = _length(rotation)[..., None]
    share = np.minimum(1, most * INSIDE / np.maximum(angle, 1e-12))
    return np.where(share < 1, multiply(from_rotation(rotation * share), middle), quaternion), angle[..., 0] > most


def _ranges(motion: Motion, measured: Command, limits: Limits, period: float) -> list[turning.Range]:
    return turning.ranges(motion.command.joints, motion.joint_velocity, measured.joints, limits, period)


def _bend(
    joints: Vector, motion: Motion, measured: Command, limits: Limits, nominal: float, period: float,
    clamped: dict[str, Mask],
) -> Vector:  # fmt: skip
    """Bring joints to the nearest place that every limit allows."""
    found = _ranges(motion, measured, limits, period)
    braking = turning.reachable(motion.command.joints, limits, max(nominal, period), period)
    found += [] if braking is None else [braking]
    low, high = np.full_like(joints, -np.inf), np.full_like(joints, np.inf)
    if period > nominal:
        for name, least, most in _ranges(motion, measured, limits, nominal):
            if name == "joint speed":
                joints = _noting(name, joints, np.clip(joints, least, most), clamped)
    for name, least, most in map(turning.shrunk, found):
        before = clamped.get(name, False)
        _noting(name, joints, np.clip(joints, least, most), clamped)
        clamped[name] |= before
        low, high = np.maximum(low, least), np.minimum(high, most)
    return np.clip(joints, low, high)


def _streams(spec: RobotSpec) -> bool:
    return spec.points == 1 and not spec.primitive


def _balls(motion: Motion, measured: Command, limits: Limits, period: float) -> list[tuple[str, Vector, float]]:
    """Name, centre and radius of each ball that the next point has to be in."""
    previous = motion.command.points[..., 0, :]
    coasting = previous + motion.velocity * period
    steady = coasting + motion.acceleration * period**2
    found = [
        ("step", measured.points[..., 0, :], limits.step),
        ("speed", previous, None if limits.speed is None else limits.speed * period),
        ("acceleration", coasting, None if limits.acceleration is None else limits.acceleration * period**2),
        ("jerk", steady, None if limits.jerk is None else limits.jerk * period**3),
    ]
    return [(name, center, radius) for name, center, radius in found if radius is not None]


def _reachable(motion: Motion, limits: Limits, nominal: float, period: float) -> tuple[Vector, Vector]:
    """Lowest and highest next point from which the robot can still come to rest within the workspace."""
    previous = motion.command.points[..., 0, :]
    if limits.workspace is None:
        return np.full_like(previous, -np.inf), np.full_like(previous, np.inf)
    low, high = limits.workspace.low, limits.workspace.high
    if limits.acceleration is None:
        return np.broadcast_to(low, previous.shape), np.broadcast_to(high, previous.shape)
    delay = max(nominal, period) + (0 if limits.jerk is None else 0.5 * limits.acceleration / limits.jerk)
    down, up = (turning.stopping(room, limits.acceleration, delay) for room in (previous - low, high - previous))
    return np.maximum(low, previous - down * period), np.minimum(high, previous + up * period)


def _project(point: Vector, balls: list[tuple[str, Vector, float]], low: Vector, high: Vector) -> Vector:
    """Project onto one set after the other until the point is in all of them (Bregman 1965)."""
    for _ in range(_ROUNDS):
        before = point
        for _, center, radius in balls:
            away = point - center
            size = _length(away)[..., None]
            point = np.where(size > radius, center + away * (radius * INSIDE / np.maximum(size, 1e-300)), point)
        point = np.minimum(np.maximum(point, low), high)
        if np.array_equal(point, before):
            break
    return point


def _path(
    points: Vector, motion: Motion, measured: Command, limits: Limits, spec: RobotSpec
) -> tuple[Vector, Vector]:  # fmt: skip
    """Starts and ends (..., S, 3) of the straight lines that the tool follows."""
    tool = np.broadcast_to(measured.points[..., :1, :], (*points.shape[:-2], 1, 3))
    if not spec.primitive:
        # From where it was told to go, and from where it is if it did not get there.
        return np.concatenate([motion.command.points, tool], axis=-2), np.concatenate([points, points], axis=-2)
    start, end = np.concatenate([tool, points[..., :-1, :]], axis=-2), points
    if limits.clearance is None:
        return start, end
    up, down = (np.maximum(corner, [-np.inf, -np.inf, limits.clearance]) for corner in (start, end))
    return np.concatenate([start, up, down], axis=-2), np.concatenate([up, down, end], axis=-2)


def _crosses(start: Vector, end: Vector, box: Box) -> Mask:
    """(..., S) whether straight lines touch a box (slabs, Kay and Kajiya 1986)."""
    along = end - start
    still = np.abs(along) < 1e-12
    rate = np.where(still, 1.0, along)
    first, last = (box.low - start) / rate, (box.high - start) / rate
    enter, leave = np.minimum(first, last), np.maximum(first, last)
    within = (start >= box.low) & (start <= box.high)
    enter = np.where(still, np.where(within, -np.inf, np.inf), enter).max(axis=-1)
    leave = np.where(still, np.where(within, np.inf, -np.inf), leave).min(axis=-1)
    return (enter <= leave) & (leave >= 0) & (enter <= 1)


def _after(command: Command, motion: Motion, period: float) -> Motion:
    turning = None
    if command.joints is not None and motion.command.joints is not None:
        turning = (command.joints - motion.command.joints) / period
    if command.points.shape[-2] == 0:
        return replace(motion, command=command, joint_velocity=turning)
    velocity = (command.points[..., -1, :] - motion.command.points[..., -1, :]) / period
    return Motion(command, velocity, (velocity - motion.velocity) / period, turning)


def _turn(before: Vector | None, after: Vector) -> Vector:
    """Rotation vector from one orientation to another."""
    if before is None:
        return np.zeros((*after.shape[:-1], 3))
    return to_rotation(multiply(after, before * np.array([1.0, -1, -1, -1])))


def _length(vectors: Vector) -> Vector:
    """Lengths (...) of (..., 3); numpy's own takes several times as long."""
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


def _perpendicular(axis: Vector) -> Vector:
    other = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    return np.asarray(other / np.linalg.norm(other), dtype=np.float64)


def _where(mask: Mask, new: Vector, old: Vector | None) -> Vector:
    fallback = np.zeros_like(new) if old is None else old
    return np.where(mask.reshape(mask.shape + (1,) * (new.ndim - mask.ndim)), new, fallback)


def _noting(name: str, before: Vector, after: Vector, clamped: dict[str, Mask], trailing: int = 1) -> Vector:
    """Note which candidates were changed by more than rounding."""
    clamped[name] = (np.abs(after - before) > 1e-6).any(axis=tuple(range(-trailing, 0)))
    return after
