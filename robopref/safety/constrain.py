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
from robopref.safety.limits import Box, Limits

Mask = Any  # array of bool, or a numpy bool for a single command

FARTHEST = 1e3  # m or rad: nothing beyond is taken for a number that was meant
TOLERANCE = 1e-6  # of a limit, for rounding
_INSIDE = 1 - 1e-7
_ROUNDS = 12


@dataclass(frozen=True)
class Motion:
    """How a robot moves when the next command comes; leading dimensions are those of the commands.

    Attributes:
        command: The command before.
        velocity: (..., 3) of the tool, m/s.
        acceleration: (..., 3) of the tool, m/s².
    """

    command: Command
    velocity: Vector
    acceleration: Vector

    def repeat(self, count: int) -> Motion:
        """The same for `count` candidates."""

        def wide(part: Vector | None) -> Any:
            return None if part is None else np.broadcast_to(part, (count, *part.shape))

        parts = (wide(part) for part in self.command.parts().values())
        return Motion(Command(*parts), wide(self.velocity), wide(self.acceleration))


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
    command: Command, motion: Motion, tool: Vector, limits: Limits, spec: RobotSpec, period: float
) -> Constrained:
    """Bring commands within limits, or refuse them.

    Args:
        command: Commands of the right shapes and float dtype; any values.
        motion: How the robot moves, with the same leading dimensions.
        tool: (..., 3) or (3,) where the tool is, m.
        limits: What the robot may do.
        spec: What kind of commands it takes.
        period: Seconds between commands.

    Returns:
        The commands that come nearest, and which of them may be executed.
    """
    clamped: dict[str, Mask] = {}
    leading = motion.velocity.ndim - 1
    plausible = np.ones(motion.velocity.shape[:-1], dtype=bool)
    for part in command.parts().values():
        if part is not None:
            plausible &= (np.abs(part) <= FARTHEST).all(axis=tuple(range(leading, part.ndim)))
    before = motion.command
    points = _where(plausible, command.points, before.points)
    points = _place(points, motion, tool, limits, spec, period, clamped)
    quaternion, upright = command.quaternion, np.ones_like(plausible)
    if quaternion is not None:
        quaternion = _where(plausible, quaternion, before.quaternion)
        quaternion, upright = _point(quaternion, motion, limits, period, clamped)
    joints, gripper = command.joints, command.gripper
    if joints is not None:
        joints = _bend(_where(plausible, joints, before.joints), motion, limits, period, clamped)
    if gripper is not None:
        gripper = _where(plausible, gripper, before.gripper)
        gripper = _noting("gripper", gripper, np.clip(gripper, 0, 1), clamped)
    safe = Command(points, quaternion, joints, gripper)
    refused = {"not finite": ~plausible, "no orientation": ~upright}
    refused |= violations(safe, motion, tool, limits, spec, period)
    return Constrained(safe, _after(safe, motion, period), clamped, refused)


def violations(
    command: Command, motion: Motion, tool: Vector, limits: Limits, spec: RobotSpec, period: float
) -> dict[str, Mask]:
    """Check commands against every limit.

    Args:
        command: Commands.
        motion: How the robot moves before them.
        tool: Where the tool is.
        limits: What the robot may do.
        spec: What kind of commands it takes.
        period: Seconds between commands.

    Returns:
        Masks (...) by the limit that is broken.
    """
    broken: dict[str, Mask] = {}
    slack = 1 + TOLERANCE
    if limits.workspace is not None and spec.points:
        outside = (command.points < limits.workspace.low - 1e-9) | (command.points > limits.workspace.high + 1e-9)
        broken["workspace"] = outside.any(axis=(-1, -2))
    if limits.keep_out and spec.points:
        starts, ends = _path(command.points, motion, tool, limits, spec)
        crossed = [_crosses(starts, ends, box).any(axis=-1) for box in limits.keep_out]
        broken["keep-out"] = np.logical_or.reduce(crossed)
    if _streams(spec):
        for name, center, radius in _balls(motion, tool, limits, period):
            broken[name] = _length(command.points[..., 0, :] - center) > radius * slack + 1e-12
    if command.quaternion is not None:
        if limits.cone is not None:
            cosine = np.clip(tool_axis(command.quaternion) @ limits.cone.direction, -1, 1)
            broken["cone"] = np.arccos(cosine) > limits.cone.angle + 1e-6
        if limits.turn is not None:
            turned = _length(_turn(motion.command.quaternion, command.quaternion))
            broken["turn"] = turned > limits.turn * period * slack + 1e-9
    if command.joints is not None:
        if limits.joint_lower is not None and limits.joint_upper is not None:
            low, high = np.asarray(limits.joint_lower), np.asarray(limits.joint_upper)
            broken["joints"] = ((command.joints < low - 1e-9) | (command.joints > high + 1e-9)).any(axis=-1)
        if limits.joint_speed is not None and motion.command.joints is not None:
            moved = np.abs(command.joints - motion.command.joints).max(axis=-1)
            broken["joint speed"] = moved > limits.joint_speed * period * slack + 1e-12
    return broken


def _place(
    points: Vector, motion: Motion, tool: Vector, limits: Limits, spec: RobotSpec, period: float,
    clamped: dict[str, Mask],
) -> Vector:  # fmt: skip
    """Bring points into the workspace, and the next one within reach."""
    if limits.workspace is not None and spec.points:
        inside = np.clip(points, limits.workspace.low, limits.workspace.high)
        points = _noting("workspace", points, inside, clamped, trailing=2)
    if not _streams(spec):
        return points
    target, balls = points[..., 0, :], _balls(motion, tool, limits, period)
    low, high = _reachable(motion, limits, period)
    for name, center, radius in balls:
        clamped[name] = _length(target - center) > radius
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
    quaternion: Vector, motion: Motion, limits: Limits, period: float, clamped: dict[str, Mask]
) -> tuple[Vector, Mask]:
    """Bring orientations into the cone and within reach, and say which were orientations at all."""
    size = _length(quaternion)
    proper = np.abs(size - 1) < 1e-2
    quaternion = quaternion / np.where(proper, size, 1)[..., None]
    previous = motion.command.quaternion
    quaternion = np.where(proper[..., None], quaternion, np.array([1.0, 0, 0, 0]) if previous is None else previous)
    if limits.cone is not None:
        axis = tool_axis(quaternion)
        over = np.arccos(np.clip(axis @ limits.cone.direction, -1, 1)) - limits.cone.angle * _INSIDE
        about = np.cross(axis, limits.cone.direction)
        length = _length(about)[..., None]
        # Opposite to the axis every way back is as short.
        about = np.where(length > 1e-9, about / np.maximum(length, 1e-9), _perpendicular(limits.cone.direction))
        turned = multiply(from_rotation(about * np.maximum(over, 0)[..., None]), quaternion)
        clamped["cone"] = over > limits.cone.angle * 1e-6
        quaternion = np.where((over > 0)[..., None], turned, quaternion)
    if limits.turn is not None and previous is not None:
        rotation = _turn(previous, quaternion)
        angle = _length(rotation)[..., None]
        share = np.minimum(1, limits.turn * period * _INSIDE / np.maximum(angle, 1e-12))
        clamped["turn"] = angle[..., 0] > limits.turn * period
        quaternion = np.where(share < 1, multiply(from_rotation(rotation * share), previous), quaternion)
    return quaternion, proper


def _bend(joints: Vector, motion: Motion, limits: Limits, period: float, clamped: dict[str, Mask]) -> Vector:
    """Bring joints into their ranges and within reach."""
    if limits.joint_lower is not None:
        low, high = np.asarray(limits.joint_lower, np.float64), np.asarray(limits.joint_upper, np.float64)
        joints = _noting("joints", joints, np.clip(joints, low, high), clamped)
    if limits.joint_speed is not None and motion.command.joints is not None:
        reach = limits.joint_speed * period * _INSIDE
        near = np.clip(joints, motion.command.joints - reach, motion.command.joints + reach)
        joints = _noting("joint speed", joints, near, clamped)
    return joints


def _streams(spec: RobotSpec) -> bool:
    return spec.points == 1 and not spec.primitive


def _balls(motion: Motion, tool: Vector, limits: Limits, period: float) -> list[tuple[str, Vector, float]]:
    """Name, centre and radius of each ball that the next point has to be in."""
    previous = motion.command.points[..., 0, :]
    coasting = previous + motion.velocity * period
    steady = coasting + motion.acceleration * period**2
    found = [
        ("step", np.asarray(tool, np.float64), limits.step),
        ("speed", previous, None if limits.speed is None else limits.speed * period),
        ("acceleration", coasting, None if limits.acceleration is None else limits.acceleration * period**2),
        ("jerk", steady, None if limits.jerk is None else limits.jerk * period**3),
    ]
    return [(name, center, radius) for name, center, radius in found if radius is not None]


def _reachable(motion: Motion, limits: Limits, period: float) -> tuple[Vector, Vector]:
    """Lowest and highest next point from which the robot can still come to rest within the workspace."""
    previous = motion.command.points[..., 0, :]
    if limits.workspace is None:
        return np.full_like(previous, -np.inf), np.full_like(previous, np.inf)
    low, high = limits.workspace.low, limits.workspace.high
    if limits.acceleration is None:
        return np.broadcast_to(low, previous.shape), np.broadcast_to(high, previous.shape)
    # Half of what the limit allows: the other axes brake as well, and rounding has to have room.
    braking = 0.5 * limits.acceleration
    delay = period + (0 if limits.jerk is None else braking / limits.jerk)

    def fastest(room: Vector) -> Vector:
        """Speed v with v delay + v² / (2 braking) = room."""
        return braking * (np.sqrt(delay**2 + 2 * np.maximum(room, 0) / braking) - delay)

    return (
        np.maximum(low, previous - fastest(previous - low) * period),
        np.minimum(high, previous + fastest(high - previous) * period),
    )


def _project(point: Vector, balls: list[tuple[str, Vector, float]], low: Vector, high: Vector) -> Vector:
    """Project onto one set after the other until the point is in all of them (Bregman 1965)."""
    for _ in range(_ROUNDS):
        before = point
        for _, center, radius in balls:
            away = point - center
            size = _length(away)[..., None]
            point = np.where(size > radius, center + away * (radius * _INSIDE / np.maximum(size, 1e-300)), point)
        point = np.minimum(np.maximum(point, low), high)
        if np.array_equal(point, before):
            break
    return point


def _path(points: Vector, motion: Motion, tool: Vector, limits: Limits, spec: RobotSpec) -> tuple[Vector, Vector]:
    """Starts and ends (..., S, 3) of the straight lines that the tool follows."""
    first = tool if spec.primitive else motion.command.points[..., -1, :]
    first = np.broadcast_to(np.asarray(first, np.float64), (*points.shape[:-2], 3))[..., None, :]
    start, end = np.concatenate([first, points[..., :-1, :]], axis=-2), points
    if not spec.primitive or limits.clearance is None:
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
    if command.points.shape[-2] == 0:
        return replace(motion, command=command)
    velocity = (command.points[..., -1, :] - motion.command.points[..., -1, :]) / period
    return Motion(command, velocity, (velocity - motion.velocity) / period)


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
