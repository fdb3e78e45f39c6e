"""What drivers demand of their settings, before they connect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from robopref.errors import ConfigError
from robopref.motion import Command, RobotSpec
from robopref.robot_protocols import ActionMap


def names(name: str, values: Any) -> None:
    """Demand a list of names that is not empty.

    Raises:
        ConfigError: It is none.
    """
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    if not listed or not values or not all(isinstance(one, str) and one for one in values):
        raise ConfigError(f"{name} must be a list of names, got {values!r:.80}")


def positive(**given: Any) -> None:
    """Demand positive and finite numbers.

    Args:
        **given: The settings by name.

    Raises:
        ConfigError: One is not.
    """
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise ConfigError(f"{name} of a robot or camera must be a positive number, got {value!r}")


def port(value: Any) -> None:
    """Demand a port.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 < int(value) < 1 << 16:
        raise ConfigError(f"port must be a whole number in 1 to 65535, got {value!r}")


def text(**given: Any) -> None:
    """Demand names that are not empty.

    Raises:
        ConfigError: One is no text, or empty.
    """
    for name, value in given.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{name} must be a name, got {value!r}")


def angles(name: str, values: Sequence[float] | None, counts: range) -> None:
    """Demand joint angles, or None.

    Args:
        name: Of the setting.
        values: What was given.
        counts: How many joints the robot may have.

    Raises:
        ConfigError: They are not as many finite numbers.
    """
    if values is None:
        return
    listed: Any = values
    fits = isinstance(listed, (Sequence, np.ndarray)) and not isinstance(listed, str) and len(listed) in counts
    if not fits or not all(isinstance(one, Real) and math.isfinite(one) for one in listed):
        wanted = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        raise ConfigError(f"{name} must be {wanted} joint angles in rad, got {values!r:.80}")


def fitting(actions: Any, spec: RobotSpec) -> None:
    """Demand actions that mean commands of the robot.

    Args:
        actions: What the policy's actions mean: an `ActionMap`.
        spec: What kind of commands it takes.

    Raises:
        ConfigError: They mean others.
    """
    if not isinstance(actions, ActionMap):
        raise ConfigError(f"actions of robot {spec.name} must be an action map, got {type(actions).__name__}")
    origin = Command(
        np.zeros((spec.points, 3)), np.array([1.0, 0, 0, 0]) if spec.oriented else None,
        np.zeros(spec.joints) if spec.joints else None, np.zeros(1) if spec.gripper else None,
    )  # fmt: skip
    try:
        meant = actions.to_command(np.zeros(actions.size), origin)
    except IndexError:  # steps of a tool, of a robot that has none
        meant = Command(np.zeros((1, 3)))
    if _kind(meant) != _kind(origin):
        raise ConfigError(
            f"actions mean commands of {_kind(meant)}, but robot {spec.name} takes commands of {_kind(origin)}"
        )


def _kind(command: Command) -> str:
    """What a command consists of, in words."""
    points, joints = command.points.shape[-2], 0 if command.joints is None else command.joints.shape[-1]
    parts = {
        f"{points} tool point{'s' * (points > 1)}": points > 0,
        "orientation": command.quaternion is not None,
        f"{joints} joint{'s' * (joints > 1)}": joints > 0,
        "gripper": command.gripper is not None,
    }
    return ", ".join(name for name, has in parts.items() if has) or "nothing"
