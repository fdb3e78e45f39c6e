"""What actions in [-1, 1] mean in physical units: points in space, steps of the tool, or joint angles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.episodes.store import EpisodeStore, no_dataset
from robopref.errors import ConfigError
from robopref.motion import Command
from robopref.records import ActionGeometry
from robopref.rotations import from_rotation, multiply, to_rotation


class AnchorMap:
    """Actions name points in space, as `ActionGeometry` says: where to pick and place, or where the tool will be.

    Args:
        geometry: How; its anchors are the tool points of a command.

    Raises:
        ConfigError: Its actions are steps from where the robot is.
    """

    def __init__(self, geometry: ActionGeometry) -> None:
        if geometry.origin is not None:
            raise ConfigError("these actions are steps from where the robot is; see action_map")
        anchors, _, self.size = geometry.matrix.shape
        self.gripper = False
        self._matrix = geometry.matrix.astype(np.float64)
        self._offset = geometry.offset.astype(np.float64)
        self._inverse = np.linalg.pinv(self._matrix.reshape(3 * anchors, self.size))

    def to_command(self, actions: NDArray[Any], origin: Command) -> Command:
        """Points (..., L, 3) of (..., A) actions."""
        del origin
        return Command(np.einsum("lxa,...a->...lx", self._matrix, np.asarray(actions, np.float64)) + self._offset)

    def to_actions(self, command: Command, origin: Command) -> NDArray[np.float32]:
        """Least-squares (..., A) actions of points (..., L, 3), within [-1, 1]."""
        del origin
        away = (command.points - self._offset).reshape(*command.points.shape[:-2], -1)
        return np.clip(away @ self._inverse.T, -1, 1).astype(np.float32)


def recorded_anchors(path: str | Path) -> AnchorMap:
    """The meaning that actions had when demonstrations were recorded.

    Args:
        path: Store with a ``geometry`` in its attributes.

    Raises:
        DataError: There is no such store, or it has no geometry.
    """
    if not Path(path).exists():
        raise no_dataset(path, "robot.actions.path")
    return AnchorMap(recorded_geometry(EpisodeStore.open(path)))


class StepMap:
    """Actions move the tool from the command before: a step, a turn, and a gripper opening.

    Args:
        step: Length of a step at action 1, m.
        axes: Which of x, y, z (0, 1, 2) the first entries of an action move along.
        turn: Rotation vector at action 1 for the next three entries, rad; None keeps the orientation out of actions.
        gripper: Whether the last entry opens (1) or closes (-1) the gripper.

    Raises:
        ConfigError: A length is not positive, or an axis does not exist.
    """

    def __init__(
        self, step: float, *, axes: Sequence[int] = (0, 1, 2), turn: float | None = None, gripper: bool = False
    ) -> None:
        if not step > 0 or not (turn is None or turn > 0):
            raise ConfigError(f"step and turn of an action must be positive, got {step} and {turn}")
        if not axes or len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
            raise ConfigError(f"axes must be some of 0, 1, 2, got {list(axes)}")
        self.step, self.axes, self.turn, self.gripper = step, list(axes), turn, gripper
        self.size = len(self.axes) + 3 * (turn is not None) + gripper

    def to_command(self, actions: NDArray[Any], origin: Command) -> Command:
        """Tool pose (..., 1, 3) and (..., 4) after (..., A) steps from `origin`."""
        actions = np.asarray(actions, np.float64)
        count = len(self.axes)
        moved = np.zeros((*actions.shape[:-1], 3))
        moved[..., self.axes] = self.step * actions[..., :count]
        quaternion = origin.quaternion
        if quaternion is not None:
            quaternion = np.broadcast_to(quaternion, (*actions.shape[:-1], 4))
        if self.turn is not None and quaternion is not None:
            quaternion = multiply(from_rotation(self.turn * actions[..., count : count + 3]), quaternion)
        opening = (actions[..., -1:] + 1) / 2 if self.gripper else None
        return Command(origin.points[..., :1, :] + moved[..., None, :], quaternion, gripper=opening)

    def to_actions(self, command: Command, origin: Command) -> NDArray[np.float32]:
        """The (..., A) steps from `origin` to commands, within [-1, 1]."""
        parts = [(command.points - origin.points)[..., 0, self.axes] / self.step]
        if self.turn is not None and command.quaternion is not None and origin.quaternion is not None:
            back = origin.quaternion * np.array([1, -1, -1, -1])
            parts.append(to_rotation(multiply(command.quaternion, back)) / self.turn)
        if self.gripper and command.gripper is not None:
            parts.append(2 * command.gripper - 1)
        return np.clip(np.concatenate(parts, axis=-1), -1, 1).astype(np.float32)


def action_map(geometry: ActionGeometry) -> AnchorMap | StepMap:
    """What actions of a task mean: points, or steps of a tool along the axes that the geometry's matrix names.

    Args:
        geometry: Of the task.

    Raises:
        ConfigError: Steps of several tools, of unlike lengths, or with more than one entry beside them.
    """
    if geometry.origin is None:
        return AnchorMap(geometry)
    matrix = geometry.matrix[0].astype(np.float64)
    axes = [axis for axis in range(3) if matrix[axis].any()]
    expected = np.zeros_like(matrix)
    expected[axes, range(len(axes))] = matrix.max()
    if len(geometry.matrix) > 1 or not np.allclose(matrix, expected) or matrix.shape[1] > len(axes) + 1:
        raise ConfigError("only steps of one tool, alike along its axes, and a gripper can be made commands")
    return StepMap(float(matrix.max()), axes=axes, gripper=matrix.shape[1] > len(axes))


class UnknownMap:
    """Actions of which nobody has said what they mean: numbers that stand where joints would.

    Args:
        size: Action dim A.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.gripper = False

    def to_command(self, actions: NDArray[Any], origin: Command) -> Command:
        """The same numbers (..., A) as joints; the tool points stay those of `origin`."""
        joints = np.asarray(actions, np.float64)
        return Command(np.broadcast_to(origin.points, (*joints.shape[:-1], *origin.points.shape[-2:])), joints=joints)

    def to_actions(self, command: Command, origin: Command) -> NDArray[np.float32]:
        """The same numbers (..., A)."""
        joints = command.joints if command.joints is not None else origin.joints
        if joints is None:
            raise ConfigError("a command of joints was needed, this one has none")
        return joints.astype(np.float32)


def opening(proprio: NDArray[Any]) -> NDArray[np.float64]:
    """How far a gripper is open, (1,), by the fourth reading of a tool, which is -1 closed and 1 open."""
    return np.clip((np.asarray(proprio[3:4], np.float64) + 1) / 2, 0, 1)


class JointMap:
    """Actions are joint angles, -1 at the lower end of a range and 1 at the upper.

    Args:
        lower: (J,) rad.
        upper: (J,) rad.

    Raises:
        ConfigError: The ends do not match.
    """

    def __init__(self, lower: Sequence[float], upper: Sequence[float]) -> None:
        low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
        if low.shape != high.shape or low.ndim != 1 or not (low < high).all():
            raise ConfigError(f"joint ranges need lower < upper for each joint, got {lower} and {upper}")
        self.size, self._middle, self._half = len(low), (low + high) / 2, (high - low) / 2

    def to_command(self, actions: NDArray[Any], origin: Command) -> Command:
        """Joint targets (..., J) of (..., J) actions; the tool points stay those of `origin`."""
        joints = self._middle + self._half * np.asarray(actions, np.float64)
        return Command(np.broadcast_to(origin.points, (*joints.shape[:-1], *origin.points.shape[-2:])), joints=joints)

    def to_actions(self, command: Command, origin: Command) -> NDArray[np.float32]:
        """(..., J) actions of joint targets."""
        joints = command.joints if command.joints is not None else origin.joints
        if joints is None:
            raise ConfigError("a command of joint angles was needed, this one has none")
        return np.clip((joints - self._middle) / self._half, -1, 1).astype(np.float32)
