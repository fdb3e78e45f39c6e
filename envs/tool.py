"""An end effector of finite speed and force that moves in small steps, with a gripper or a wrist."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.physics import Physics
from robopref.records import ActionGeometry

Vector = NDArray[np.float64]

STEP = 0.03  # largest displacement of an action, m
SECONDS = 0.08  # time an action takes
PROPRIO = 7
CAMERA = DepthCameraConfig(resolution=(144, 144))
_AXES = ("tool_x", "tool_y", "tool_z")
_STRONGEST = 90.0  # at which the force reading saturates, N


class Tool:
    """A hand on three sliding joints whose servos pull it to a setpoint with limited force.

    An action displaces the setpoint, which stays within the workspace and within one step of the hand, so that pushing
    against something builds up no more than a step of it. All there is to know is in the physics state: the setpoint is
    the control of the servos.

    Args:
        physics: A scene with a body ``tool`` on joints ``tool_x``, ``tool_y`` and ``tool_z`` and servos of these names;
            other servos are its grip.
        lower: Lowest corner of the workspace, m.
        upper: Highest corner of the workspace, m.
    """

    def __init__(self, physics: Physics, lower: tuple[float, ...], upper: tuple[float, ...]) -> None:
        self.lower, self.upper = np.array(lower), np.array(upper)
        self._physics, self._data, model = physics, physics.data, physics.model
        self._joints = np.array([model.joint(name).qposadr[0] for name in _AXES])
        self._servos = np.array([model.actuator(name).id for name in _AXES])
        self._grip = np.setdiff1d(np.arange(model.nu), self._servos)
        self._range = model.actuator_ctrlrange[self._grip].copy()
        self._grip_joints = model.jnt_qposadr[model.actuator_trnid[self._grip, 0]]
        self._steps = round(SECONDS / physics.timestep)
        root = model.body("tool").id
        self._own = model.body_rootid[model.geom_bodyid] == root

    @property
    def position(self) -> Vector:
        """Where the tool is, (3,) in metres: between the fingertips."""
        return self._data.qpos[self._joints].copy()

    @property
    def grip(self) -> float:
        """How far the grip is, from -1 to 1: fingers closed and open, or a wrist turned to either side."""
        low, high = self._range[0]
        return float(2 * (self._data.qpos[self._grip_joints].mean() - low) / (high - low) - 1)

    @property
    def force(self) -> Vector:
        """Force that other things exert on the tool, (3,) in newtons along the world's axes."""
        total, wrench = np.zeros(3), np.zeros(6)
        for index in range(self._data.ncon):
            contact = self._data.contact[index]
            one, other = self._own[contact.geom]
            if one != other:
                mujoco.mj_contactForce(self._physics.model, self._data, index, wrench)
                # The frame's first axis points from the first geom to the second, as the force on the second does.
                total += (1 if other else -1) * wrench[:3] @ contact.frame.reshape(3, 3)
        return total

    @property
    def proprio(self) -> Vector:
        """Position (m), grip (-1 to 1) and force (N, each part within 90), (7,)."""
        return np.concatenate([self.position, [self.grip], np.clip(self.force, -_STRONGEST, _STRONGEST)])

    def place(self, position: Vector, grip: float) -> None:
        """Put the tool somewhere at rest, for a start.

        Args:
            position: (3,) m.
            grip: From -1 to 1.
        """
        self._data.qpos[self._joints] = self._data.ctrl[self._servos] = position
        self._data.qpos[self._grip_joints] = self._data.ctrl[self._grip] = self._setpoint(grip)
        self._physics.forward()

    def move(self, step: Vector, grip: float) -> None:
        """Carry out one action.

        Args:
            step: (3,) displacement in units of `STEP`, in [-1, 1].
            grip: Setpoint of the grip, in [-1, 1].
        """
        here = self.position
        setpoint = np.clip(self._data.ctrl[self._servos] + STEP * step, here - STEP, here + STEP)
        self._data.ctrl[self._servos] = np.clip(setpoint, self.lower, self.upper)
        self._data.ctrl[self._grip] = self._setpoint(grip)
        self._physics.step(self._steps)
        self._physics.forward()

    def toward(self, target: Vector) -> Vector:
        """The step to a target, shortened to what an action can do.

        Args:
            target: (3,) m.

        Returns:
            (3,) in units of `STEP`.
        """
        step = (np.asarray(target) - self.position) / STEP
        return step / max(1.0, float(np.abs(step).max()))

    def geometry(self, axes: int, actions: int, *, wrist: bool = False) -> ActionGeometry:
        """How actions move the tool, and the mirroring of left and right.

        Args:
            axes: How many of x, y and z the first numbers of an action move along.
            actions: Size of an action.
            wrist: Whether the grip turns to the left or right, so that the mirror turns it over.

        Returns:
            A geometry whose proprioception is that of the tool.
        """
        matrix, origin = np.zeros((1, 3, actions), np.float32), np.zeros((1, 3, PROPRIO), np.float32)
        matrix[0, :axes, :axes] = STEP * np.eye(axes)
        origin[0, :, :3] = np.eye(3)
        return ActionGeometry(
            matrix=matrix,
            offset=np.zeros((1, 3), np.float32),
            symmetry_points=_mirrored(3, [0]),
            symmetry_actions=_mirrored(actions, [0, 3] if wrist else [0]),
            radius=0.4,
            labels=("tool",),
            origin=origin,
            symmetry_proprio=_mirrored(PROPRIO, [0, 3, 4] if wrist else [0, 4]),
        )

    def _setpoint(self, grip: float) -> Vector:
        low, high = self._range.T
        return low + (high - low) * (1 + grip) / 2


def _mirrored(size: int, turned: list[int]) -> NDArray[np.float32]:
    """The identity, and the reflection that turns the sign of some coordinates, (2, size, size)."""
    signs = np.ones((2, size), np.float32)
    signs[1, turned] = -1
    return np.stack([np.diag(sign) for sign in signs])
