"""Cloth fold: fold a square cloth that lies on a table by picking and placing it."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.cloth import AT_REST, cut, lay, place, soften, turn_over, wrinkle
from envs.gripper import FlexGripper, GripperLimits
from envs.primitives import PickAndPlace, two_points
from envs.task import Task, TaskSettings, Values, positive
from robopref.errors import unknown_name
from robopref.records import ActionGeometry, Goal

CELLS = 8  # along a side; even, so that the middle line is an edge of the mesh
SPACING = 0.045
REACH = 0.4  # half side of the square that actions reach, m
_GRASP_HEIGHT = 0.028  # above a lower layer, so that the upper one is caught
_HOME = np.array([0.0, 0.55, 0.2])
_MESH = cut(np.ones((CELLS, CELLS), dtype=bool), SPACING)
_SHOWN = (np.round(_MESH.points[:, :2] / SPACING + CELLS / 2).astype(int) % 2 == 0).all(axis=1)
# The line that a fold mirrors at, as the direction it comes from: both diagonals, or both middle lines, each way.
_TOWARDS = {
    "diagonal": np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) / np.sqrt(2),
    "half": np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]),
}


class ClothFoldEnv(Task):
    """A square cloth on a table, blue above and cream below, a two-finger gripper and an overhead depth camera.

    Observation:
        ``proprio`` (4,): gripper position (m) and opening (0 closed, 1 open); ``state`` (79,): that, and every second
        vertex of the cloth in both directions (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: pick x, pick y, place x, place y in units of 0.4 m. The gripper catches the uppermost layer,
        misses when no vertex is within reach, and drops the cloth when it pulls too hard.
    Reward:
        ``-d`` in metres after the action. A fold mirrors one half of the flat cloth onto the other; ``d`` is the mean
        distance in the table plane from each vertex to its place in the folded cloth, at its best rigid fit (least
        squares) to the vertices, for the nearest of the four equivalent folds. Range about [-0.2, 0]; a flat cloth has
        -0.110 (diagonal) or -0.113 (half).
    Episode:
        Terminates when ``d < success_distance``; the registered time limit truncates.
    Info:
        ``fold_distance``, ``success``, ``grasped``, ``dropped``.

    Args:
        fold: ``diagonal``, corner to opposite corner, or ``half``, edge to opposite edge.
        success_distance: Largest fold distance that counts as success, m.
        gripper: Gripper limits.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Fold the square cloth in half along a diagonal, corner onto corner."
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig(lower=(-0.5, -0.5, 0.002), upper=(0.5, 0.5, 0.25))

    def __init__(
        self,
        *,
        fold: str = "diagonal",
        success_distance: float = 0.02,
        gripper: GripperLimits | None = None,
        **settings: Unpack[TaskSettings],
    ) -> None:
        if fold not in _TOWARDS:
            raise unknown_name("fold", fold, _TOWARDS)
        self.success_distance = positive("success_distance", success_distance)
        self._limits = gripper or GripperLimits(speed=2.5, carry_speed=0.7, reach=0.045, force=1.5)
        self.fold = fold
        self._partners, self.targets = _folds(_TOWARDS[fold])
        self._grasped = False
        super().__init__(
            "cloth_fold.xml",
            4,
            _MESH.parts(front="0.16 0.36 0.72 1", back="0.96 0.86 0.62 1", thickness=0.004),
            **settings,
        )
        if fold == "half":
            self.instruction = "Fold the square cloth in half, edge onto opposite edge."

    @property
    def geometry(self) -> ActionGeometry:
        """Pick and place points of an action, and the turns and mirrorings of the square that actions reach."""
        quarter, mirror = np.array([[0, -1], [1, 0]]), np.diag([-1, 1])
        turns = [np.linalg.matrix_power(quarter, k) for k in range(4)]
        return two_points(REACH, _GRASP_HEIGHT, np.stack(turns + [turn @ mirror for turn in turns]), ("pick", "place"))

    @property
    def goal(self) -> Goal:
        """The distance to the nearest fold, in cm."""
        return Goal("distance to the nearest fold", success=self.success_distance)

    @property
    def vertices(self) -> Values:
        """Cloth vertices, (81, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def fold_distances(self) -> Values:
        """Mean distance to each of the four folds, (4,) in metres."""
        here = self.vertices[:, :2]
        return np.array([np.linalg.norm(here - _fit(target, here), axis=1).mean() for target in self.targets])

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: minus the distance to the nearest fold, m."""
        return -float(self.fold_distances.min())

    def _prepare(self) -> None:
        self._bodies = soften(self.model, len(_MESH.points), damping=0.004)
        self._gripper = FlexGripper(self.physics, self._bodies, self._limits, rest=AT_REST)
        self._primitive = PickAndPlace(
            self._gripper, _HOME, grasp=_GRASP_HEIGHT, carry=0.1, clear=0.12, rest=0.02, patience=1.0
        )

    def _start(self) -> None:
        """Lay the cloth down anywhere near the middle, wrinkled, every other time with a part turned over."""
        rng = self.np_random
        points = turn_over(_MESH.points, rng, (0.05, 0.25)) if rng.random() < 0.6 else _MESH.points
        lay(self.physics, self._bodies, place(wrinkle(points, rng, 0.4), rng, 0.06))
        self._gripper.settle(speed=0.02, seconds=0.5)
        self._grasped = self._gripper.dropped = False

    def _act(self, action: Values) -> None:
        self._grasped = self._primitive(*action.reshape(2, 2) * REACH)

    def _expert(self, rng: np.random.Generator) -> Values:
        """Bring the vertex furthest from the one it should lie on there, in the fold that is nearest.

        Where many are about as far, as on an edge, the middle one takes the others along.
        """
        fold = self.fold_distances.argmin()
        here, partner = self.vertices[:, :2], self._partners[fold]
        aside = np.abs(_MESH.points[:, :2] @ (_TOWARDS[self.fold][fold, ::-1] * [1, -1]))
        chosen = (np.linalg.norm(here - here[partner], axis=1) - 0.1 * aside).argmax()
        return np.clip(np.concatenate([here[chosen], here[partner[chosen]]]) / REACH, -1, 1)

    def _imprecise(self, rng: np.random.Generator, noise: float) -> Values:
        """A hurried person is 10 mm off at the pick and 40 mm at the place."""
        return self._expert(rng) + noise * rng.normal(0, 1, 4) * np.array([0.01, 0.01, 0.04, 0.04]) / REACH

    def _proprio(self) -> Values:
        return np.array([*self._gripper.position, not self._gripper.holding])

    def _state(self) -> Values:
        return np.concatenate([self._proprio(), self.vertices[_SHOWN].ravel()])

    def _measure(self) -> dict[str, Any]:
        distance = float(self.fold_distances.min())
        return {
            "fold_distance": distance,
            "success": distance < self.success_distance,
            "grasped": self._grasped,
            "dropped": self._gripper.dropped,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -info["fold_distance"]


def _folds(towards: NDArray[np.float64]) -> tuple[NDArray[np.int64], Values]:
    """The vertex that each vertex lies on in each fold, itself on the half that stays, (4, V); and where, (4, V, 2)."""
    flat = _MESH.points[:, :2]
    height = flat @ towards.T  # (V, 4)
    moved = flat[None] - 2 * np.minimum(height, 0).T[..., None] * towards[:, None]
    partners = np.linalg.norm(moved[:, :, None] - flat[None, None], axis=-1).argmin(axis=2)
    return partners, moved


def _fit(target: Values, here: Values) -> Values:
    """The target, turned and shifted to lie as near to the vertices as it can in least squares, (V, 2)."""
    goal, cloth = target - target.mean(axis=0), here - here.mean(axis=0)
    dot, cross = (goal * cloth).sum(), (goal[:, 0] * cloth[:, 1] - goal[:, 1] * cloth[:, 0]).sum()
    angle = np.arctan2(cross, dot)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return goal @ turn.T + here.mean(axis=0)
