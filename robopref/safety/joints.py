"""Where the joints may be next: each has a range of its own, so that the nearest targets are found exactly."""

from __future__ import annotations

import numpy as np

from robopref.motion import Vector
from robopref.safety.limits import INSIDE, Limits

Range = tuple[str, Vector, Vector]  # the limit, lowest and highest (..., J) targets that it allows


def ranges(
    before: Vector | None, velocity: Vector | None, measured: Vector | None, limits: Limits, period: float
) -> list[Range]:
    """What each limit allows.

    Args:
        before: (..., J) targets of the command before.
        velocity: (..., J) that led to them, rad/s; None stands for rest.
        measured: (..., J) where the joints are.
        limits: What the robot may do.
        period: Seconds since the command before.

    Returns:
        The limits that there are.
    """
    found: list[Range] = []
    if limits.joint_lower is not None:
        found.append(("joints", np.asarray(limits.joint_lower, float), np.asarray(limits.joint_upper, float)))
    if before is not None and limits.joint_speed is not None:
        found.append(_about("joint speed", before, limits.joint_speed * period))
    if before is not None and limits.joint_acceleration is not None:
        coasting = before if velocity is None else before + velocity * period
        found.append(_about("joint acceleration", coasting, limits.joint_acceleration * period**2))
    if measured is not None and limits.joint_step is not None:
        found.append(_about("joint step", measured, limits.joint_step))
    return found


def reachable(before: Vector | None, limits: Limits, delay: float, period: float) -> Range | None:
    """From where the joints can still come to rest within their limits.

    Args:
        before: (..., J) targets of the command before.
        limits: What the robot may do.
        delay: Seconds until braking begins.
        period: Seconds since the command before.
    """
    if before is None or limits.joint_lower is None or limits.joint_acceleration is None:
        return None
    low, high = np.asarray(limits.joint_lower, float), np.asarray(limits.joint_upper, float)
    down, up = (stopping(room, limits.joint_acceleration, delay) * period for room in (before - low, high - before))
    return "joint braking", np.maximum(low, before - down), np.minimum(high, before + up)


def stopping(room: Vector, acceleration: float, delay: float) -> Vector:
    """Highest speed from which there is room to come to rest.

    It takes half of what the limit allows, as rounding and commands that come late have to have room, too.

    Args:
        room: (...) distance to where it has to rest.
        acceleration: What the limit allows.
        delay: Seconds until braking begins.
    """
    # Speed v with v delay + v² / (2 braking) = room.
    braking = 0.5 * acceleration
    return braking * (np.sqrt(delay**2 + 2 * np.maximum(room, 0) / braking) - delay)


def _about(name: str, middle: Vector, most: float) -> Range:
    return name, middle - most, middle + most


def shrunk(one: Range) -> Range:
    """A range that rounding does not lead out of; that of the joints is exact."""
    name, low, high = one
    if name in ("joints", "joint braking"):
        return one
    slip = (1 - INSIDE) * (high - low) / 2
    return name, low + slip, high - slip
