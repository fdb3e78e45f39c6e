"""Rope shaping: bring a rope lying on a table into a target shape by picking and placing it."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.gripper import FlexGripper, GripperLimits
from envs.primitives import PickAndPlace, two_points
from envs.shapes import nearest_curve, shape_distance, target_curves, target_symmetries
from envs.starts import first_fitting
from envs.task import Task, TaskSettings, Values, positive
from robopref.records import ActionGeometry, Goal

VERTICES = 40
LENGTH = 0.78
REACH = 0.4  # half side of the square that actions reach, m
_GRASP_HEIGHT = 0.012
_LANDMARKS = np.array([0, 10, 20, 29, 39])
_VERTEX_DAMPING = 0.01  # N s/m
_TWIST_INERTIA, _TWIST_DAMPING = 1e-5, 4e-4  # of an edge about itself, kg m^2 and N m s
_DRAWS = 1000  # of a start, of which most fit
_HOME = np.array([0.0, 0.55, 0.2])


class RopeShapingEnv(Task):
    """A flexible rope on a table, a two-finger gripper and an overhead depth camera.

    Observation:
        ``proprio`` (4,): gripper position (m) and opening (0 closed, 1 open); ``state`` (84,): that, and the rope
        vertices in the plane (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: pick x, pick y, place x, place y in units of 0.4 m. The gripper moves at finite speed, misses
        when no part of the rope is within reach of the closing fingers, and drops the rope when it pulls too hard.
    Reward:
        ``-d(v')`` in metres, where v' are the rope vertices after the action and
        ``d(v) = min_c mean_i || v_i - c_i ||_2`` over the placements c of the target shape, in which the two ends are
        interchangeable (and a circle may start anywhere). Range about [-0.5, 0].
    Episode:
        Terminates when ``d < success_distance``; the registered time limit truncates.
    Info:
        ``shape_distance``, ``success``, ``grasped``, ``dropped``.

    Args:
        target: ``straight``, ``u`` or ``circle``.
        success_distance: Largest shape distance that counts as success, m.
        gripper: Gripper limits.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Arrange the rope on the table into the target shape."
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig()

    def __init__(
        self,
        *,
        target: str = "straight",
        success_distance: float = 0.03,
        gripper: GripperLimits | None = None,
        **settings: Unpack[TaskSettings],
    ) -> None:
        self.success_distance = positive("success_distance", success_distance)
        self.curves = target_curves(target, LENGTH, VERTICES)
        self.target = target
        self._limits = gripper or GripperLimits()
        self._grasped = False
        super().__init__("rope.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Pick and place points of an action, and the mirrorings that keep the target in place."""
        return two_points(REACH, _GRASP_HEIGHT, target_symmetries(self.target), ("pick", "place"))

    @property
    def vertices(self) -> Values:
        """Rope vertices, (40, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def shape_distance(self) -> float:
        """Distance of the rope to the target shape, m."""
        return shape_distance(self.vertices, self.curves)

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: minus the shape distance, m."""
        return -self.shape_distance

    @property
    def goal(self) -> Goal:
        """The shape distance, in cm."""
        return Goal("shape distance", success=self.success_distance)

    @property
    def outline(self) -> Values:
        """One of the placements of the target shape, (40, 2) in metres."""
        return self.curves[0]

    @property
    def target_points(self) -> Values:
        """Where each vertex should go, (40, 2) in metres."""
        return nearest_curve(self.vertices, self.curves)

    def _prepare(self) -> None:
        self._bodies = np.array([self.model.body(f"rope_{i}").id for i in range(VERTICES)])
        # Internal friction of the rope; without it a bent rope keeps quivering.
        first = self.model.body_dofadr[self._bodies]
        moves = (first[:, None] + np.arange(3)).ravel()
        self.model.dof_damping[moves] = _VERTEX_DAMPING
        # An edge of 80 g mm^2 leaves the solver with masses that differ by five orders, and it does not converge.
        twist = np.setdiff1d(np.arange(self.model.nv), moves)
        self.model.dof_armature[twist], self.model.dof_damping[twist] = _TWIST_INERTIA, _TWIST_DAMPING
        self._gripper = FlexGripper(self.physics, self._bodies, self._limits)
        self._primitive = PickAndPlace(self._gripper, _HOME, grasp=_GRASP_HEIGHT, carry=0.08, clear=0.15)

    def _start(self) -> None:
        """Drop the rope as a random smooth curve and pull it once or twice at random."""
        address = self.model.jnt_qposadr[self.model.body_jntadr[self._bodies]]
        drop = _random_curve(self.np_random) - self.model.body_pos[self._bodies]
        for axis in range(3):
            self.data.qpos[address + axis] = drop[:, axis]
        self.physics.forward()
        self._gripper.settle(speed=0.003, seconds=2.0)
        for _ in range(self.np_random.integers(1, 3)):
            pick = self.vertices[self.np_random.integers(VERTICES), :2]
            place = np.clip(pick + self.np_random.normal(0, 0.15, 2), -REACH, REACH)
            self._primitive(np.clip(pick, -REACH, REACH), place)
        self._grasped = self._gripper.dropped = False

    def _act(self, action: Values) -> None:
        pick, place = action.reshape(2, 2) * REACH
        self._grasped = self._primitive(pick, place)

    def _imprecise(self, rng: np.random.Generator, noise: float) -> Values:
        """A landmark of the rope that is far off, put roughly in place.

        Landmarks are the ends, the quarters and the middle, chosen in proportion to their squared distance from where
        they belong. A hurried person is 12 mm off at the pick and 50 mm at the place.
        """
        here, there = self.vertices[_LANDMARKS, :2], self.target_points[_LANDMARKS]
        weight = np.square(here - there).sum(axis=1)
        chosen = rng.choice(len(weight), p=weight / weight.sum())
        pick = here[chosen] + rng.normal(0, 0.012 * noise, 2)
        place = there[chosen] + rng.normal(0, 0.05 * noise, 2)
        return np.concatenate([pick, place]) / REACH

    def _proprio(self) -> Values:
        return np.array([*self._gripper.position, not self._gripper.holding])

    def _state(self) -> Values:
        return np.concatenate([self._proprio(), self.vertices[:, :2].ravel()])

    def _measure(self) -> dict[str, Any]:
        distance = self.shape_distance
        return {
            "shape_distance": distance,
            "success": distance < self.success_distance,
            "grasped": self._grasped,
            "dropped": self._gripper.dropped,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -info["shape_distance"]


def _random_curve(rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random curve of rope length inside the reach and clear of itself, (40, 3)."""
    spacing = LENGTH / (VERTICES - 1)
    apart = np.abs(np.subtract.outer(np.arange(VERTICES), np.arange(VERTICES))) > 3

    def curved() -> NDArray[np.float64] | None:
        curvature = np.convolve(rng.normal(0, 1, VERTICES + 8), np.ones(9) / 3, mode="valid")[: VERTICES - 1]
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.24 * curvature)
        steps = spacing * np.column_stack([np.cos(heading), np.sin(heading)])
        curve = np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
        curve += rng.uniform(-0.1, 0.1, 2) - curve.mean(axis=0)
        # The slope lets a curve cross over itself without touching.
        raised = np.column_stack([curve, np.linspace(0.02, 0.08, VERTICES)])
        gaps = np.linalg.norm(raised[:, None] - raised[None], axis=-1)[apart]
        return raised if np.abs(curve).max() < 0.95 * REACH and gaps.min() > 0.02 else None

    return first_fitting(curved, _DRAWS, "is clear of itself and within reach", "choose another seed")
