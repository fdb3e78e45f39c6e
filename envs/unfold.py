"""Cloth unfolding: spread a T-shirt that lies crumpled on a table by two-handed flings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.cloth import AT_REST, ClothMesh, covered, cut, lay, place, soften, turn_over, wrinkle
from envs.extremes import depth_between_layers
from envs.gripper import FlexGripper, GripperLimits
from envs.primitives import Fling, two_points
from envs.starts import first_fitting
from envs.task import Task, TaskSettings, Values, positive
from robopref.errors import unknown_name
from robopref.records import ActionGeometry, Goal

SPACING = 0.045
REACH = 0.4  # half side of the square that actions reach, m
_OUTLINE = (
    "####..####",
    "##########",
    "##########",
    "..######..",
    "..######..",
    "..######..",
    "..######..",
    "..######..",
)
_SLOPE = 0.4  # of the sleeves
_MOTIONS = {"fling": {}, "drag": {"height": 0.06, "swing": 0.0}}
_CHOSEN = "chosen"  # by the action, with which motion to carry it out
_NAMED = 0.5  # by which a demonstrator names a motion: minus this the fling, plus this the drag
_SUNK = 0.002  # depth of layers in each other at a start that is drawn again, m; in 100 others it is 1.4 mm at most
_DRAWS = 20  # of a start; one in a hundred is drawn again
_SLIP = 0.2  # probability that a hurried person drags
_HOMES = (np.array([-0.15, 0.6, 0.2]), np.array([0.15, 0.6, 0.2]))


def shirt() -> ClothMesh:
    """A T-shirt of one layer, its neck towards +y, with sloping sleeves."""
    rows = np.array([[cell == "#" for cell in row] for row in _OUTLINE])
    mesh = cut(rows[::-1].T, SPACING)
    outside = np.maximum(np.abs(mesh.points[:, 0]) - 3 * SPACING, 0)
    return mesh._replace(points=mesh.points - np.outer(outside, [0, _SLOPE, 0]))


_MESH = shirt()
_AREA = covered(_MESH.points, _MESH.triangles)


def _worth(points: Values) -> Values:
    """How well a cloth hangs from two of its vertices, (V, V) in metres.

    Their distance, less 1.5 m times the share of the cloth on the smaller side of the line through them.
    """
    between = points[None, :, :2] - points[:, None, :2]
    side = between[:, :, None, 0] * between[:, None, :, 1] - between[:, :, None, 1] * between[:, None, :, 0]
    smaller = np.minimum((side > 1e-6).mean(axis=2), (side < -1e-6).mean(axis=2))
    return np.linalg.norm(between, axis=2) - 1.5 * smaller


_WORTH = _worth(_MESH.points)


class ClothUnfoldingEnv(Task):
    """A T-shirt on a table, red outside and pale inside, two grippers and an overhead depth camera.

    Observation:
        ``proprio`` (8,): position (m) and opening (0 closed, 1 open) of the left and the right gripper; ``state``
        (242,): that, and the vertices (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: x and y of a pick, x and y of another, in units of 0.4 m; their order does not matter. Two
        grippers of finite speed take the shirt there, lift it, move apart until it is taut, swing it and lay it down;
        see `envs.primitives.Fling`. A gripper misses when no vertex is within reach. With ``motion=chosen`` (5,): the
        last number says how, a drag above 0 and else a fling.
    Reward:
        Minus the share that is not covered after the action: the coverage less 1, where the coverage is the area that
        the shirt covers seen from above over its area when flat. Range [-1, 0], no unit.
    Episode:
        Terminates when the coverage exceeds ``success_coverage``; the registered time limit truncates.
    Info:
        ``coverage``, ``success``, ``grasped`` (both hands), ``dropped``.

    Args:
        motion: ``fling``; ``drag``, which hardly lifts the shirt and does not swing it; or ``chosen`` by each action.
        success_coverage: Smallest coverage that counts as success.
        gripper: Limits of both grippers.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Spread the T-shirt flat on the table."
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig(lower=(-0.5, -0.5, 0.002), upper=(0.5, 0.5, 0.25))

    def __init__(
        self,
        *,
        motion: str = "fling",
        success_coverage: float = 0.9,
        gripper: GripperLimits | None = None,
        **settings: Unpack[TaskSettings],
    ) -> None:
        if motion not in (*_MOTIONS, _CHOSEN):
            raise unknown_name("motion", motion, [*_MOTIONS, _CHOSEN])
        self._motion = motion
        self.success_coverage = positive("success_coverage", success_coverage)
        self._limits = gripper or GripperLimits(speed=2.5, carry_speed=1.0, reach=0.045, force=2.0)
        self._grasped = False
        parts = _MESH.parts(front="0.75 0.16 0.14 1", back="0.95 0.72 0.62 1", thickness=0.004)
        super().__init__("cloth_unfolding.xml", 5 if motion == _CHOSEN else 4, parts, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """The two picks of an action, and the mirroring that leaves every motion as it is."""
        picks = two_points(REACH, 0.028, np.stack([np.eye(2), np.diag([-1, 1])]), ("pick", "pick"))
        if self._motion != _CHOSEN:
            return picks
        matrix = np.pad(picks.matrix, ((0, 0), (0, 0), (0, 1)))  # the motion names no point
        turned = np.pad(picks.symmetry_actions, ((0, 0), (0, 1), (0, 1)))
        turned[:, 4, 4] = 1
        return replace(picks, matrix=matrix, symmetry_actions=turned)

    @property
    def goal(self) -> Goal:
        """The area that is not covered, in per cent of the flat shirt."""
        return Goal("uncovered area", "%", 100.0, best=1.0, success=1 - self.success_coverage)

    @property
    def vertices(self) -> Values:
        """Vertices of the shirt, (V, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def coverage(self) -> float:
        """Covered area over the area of the flat shirt."""
        return min(covered(self.vertices, _MESH.triangles) / _AREA, 1.0)

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: the coverage."""
        return self.coverage

    def _prepare(self) -> None:
        self._bodies = soften(self.model, len(_MESH.points), damping=0.004)
        self._left = FlexGripper(self.physics, self._bodies, self._limits, rest=AT_REST)
        self._right = FlexGripper(
            self.physics, self._bodies, self._limits, body="gripper_right", equality="grasp_right", rest=AT_REST
        )
        self._motions = {name: Fling(self._left, self._right, _HOMES, **how) for name, how in _MOTIONS.items()}

    def _start(self) -> None:
        """Drop the shirt, again if layers have snapped through each other, which contacts then hold for good."""

        def dropped() -> bool | None:
            self.physics.reset()
            self._drop()
            return True if depth_between_layers(self.physics) <= _SUNK else None

        first_fitting(
            dropped, _DRAWS, f"leaves the layers of the shirt less than {1000 * _SUNK:g} mm in each other",
            "choose another seed",
        )  # fmt: skip
        self._grasped = self._left.dropped = self._right.dropped = False

    def _drop(self) -> None:
        """Lay the shirt down with a part turned over, then lift it at a random vertex and let it fall."""
        rng, hand = self.np_random, self._left
        points = turn_over(_MESH.points, rng, (0.2, 0.5))
        lay(self.physics, self._bodies, place(wrinkle(points, rng, 0.4), rng, 0.05))
        hand.settle(speed=0.1, seconds=0.3)
        vertex = self.vertices[rng.integers(len(_MESH.points))]
        hand.position[:] = vertex + np.array([0, 0, 0.02])
        hand.close()
        hand.move_to(np.array([*vertex[:2], 0.3]))
        hand.move_to(np.array([*rng.uniform(-0.12, 0.12, 2), 0.06]))
        hand.open()
        hand.position[:] = _HOMES[0]
        hand.settle(speed=0.03, seconds=0.8)

    def _act(self, action: Values) -> None:
        chosen = ("drag" if action[4] > 0 else "fling") if self._motion == _CHOSEN else self._motion
        self._grasped = self._motions[chosen](*action[:4].reshape(2, 2) * REACH)

    def _expert(self, rng: np.random.Generator) -> Values:
        """Take two uncovered vertices that are far apart and have most of the shirt on one side; fling it."""
        here = self.vertices
        free = np.flatnonzero(uncovered(here) & (np.abs(here[:, :2]) <= REACH).all(axis=1))
        apart = np.linalg.norm(here[free, None, :2] - here[None, free, :2], axis=2)
        worth = _WORTH[np.ix_(free, free)] - np.maximum(0.1 - apart, 0)
        first, second = free[list(np.unravel_index(worth.argmax(), worth.shape))]
        picks = np.concatenate([here[first, :2], here[second, :2]]) / REACH
        return np.append(picks, -_NAMED) if self._motion == _CHOSEN else picks

    def _imprecise(self, rng: np.random.Generator, noise: float) -> Values:
        """A hurried person takes each point 40 mm off, and often has hold of something else or nothing.

        Where the motion is chosen, one in five drags, which is mostly worse.
        """
        action = self._expert(rng)
        action[:4] += rng.normal(0, 0.04 * noise, 4) / REACH
        if self._motion == _CHOSEN and rng.random() < _SLIP * noise:
            action[4] = _NAMED
        return action

    def _proprio(self) -> Values:
        return np.array([v for g in (self._left, self._right) for v in (*g.position, not g.holding)])

    def _state(self) -> Values:
        return np.concatenate([self._proprio(), self.vertices.ravel()])

    def _measure(self) -> dict[str, Any]:
        coverage = self.coverage
        return {
            "coverage": coverage,
            "success": coverage > self.success_coverage,
            "grasped": self._grasped,
            "dropped": self._left.dropped or self._right.dropped,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return info["coverage"] - 1


def uncovered(vertices: Values) -> NDArray[np.bool_]:
    """Which vertices a gripper from above would meet first.

    Args:
        vertices: (V, 3), m.

    Returns:
        (V,) true where no vertex within 30 mm in the plane is more than 8 mm higher.
    """
    near = np.linalg.norm(vertices[:, None, :2] - vertices[None, :, :2], axis=2) < 0.03
    higher = vertices[None, :, 2] > vertices[:, None, 2] + 0.008
    return ~(near & higher).any(axis=1)
