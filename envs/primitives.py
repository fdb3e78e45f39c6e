"""What grippers do with two points on the table: pick one and place it on the other, or take both and fling or drag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.gripper import FlexGripper, move_together
from robopref.records import ActionGeometry

Plane = NDArray[np.float64]
Vector = NDArray[np.float64]
_GRASP, _CLEAR = 0.028, 0.12  # heights of the tool centres, m


@dataclass(frozen=True)
class PickAndPlace:
    """One gripper picks at the first point and places at the second, if it caught anything.

    Attributes:
        gripper: The gripper.
        home: Where it goes afterwards, (3,) in metres.
        grasp: Height of the tool centre when it closes and opens, m.
        carry: Height at which it carries, m.
        clear: Height at which it travels to the pick, m.
        rest: Speed below which a vertex counts as at rest, m/s.
        patience: Longest wait for that, s.
    """

    gripper: FlexGripper
    home: Vector
    grasp: float
    carry: float
    clear: float
    rest: float = 0.003
    patience: float = 2.0

    def __call__(self, pick: Plane, place: Plane) -> bool:
        """Carry it out and wait for rest.

        Args:
            pick: (2,) in metres.
            place: (2,) in metres.

        Returns:
            Whether anything was caught.
        """
        gripper = self.gripper
        gripper.move_to(np.array([*pick, self.clear]))
        gripper.move_to(np.array([*pick, self.grasp]))
        grasped = gripper.close()
        if grasped:
            gripper.move_to(np.array([*pick, self.carry]))
            gripper.move_to(np.array([*place, self.carry]))
            gripper.move_to(np.array([*place, self.grasp]))
            gripper.open()
        gripper.move_to(self.home)
        gripper.settle(speed=self.rest, seconds=self.patience)
        return grasped


@dataclass(frozen=True)
class Fling:
    """Two grippers take the cloth at two points, lift it, pull it taut, swing it and lay it down towards +y.

    The left one takes the point of smaller x. Where one catches nothing, the other one does its part alone.

    Attributes:
        left: One gripper.
        right: The other one.
        homes: Where they go afterwards, each (3,) in metres.
        height: Height to which they lift, m; 0.03 and no swing is a drag.
        swing: How far the cloth is swung towards -y before it is laid down, m.
        tension: Pull at which a cloth is taut, N.
        width: Largest distance between the grippers, m.
        front: y at which laying down begins, m.
        back: y at which it ends, m.
    """

    left: FlexGripper
    right: FlexGripper
    homes: tuple[Vector, Vector]
    height: float = 0.42
    swing: float = 0.15
    tension: float = 1.0
    width: float = 0.56
    front: float = -0.2
    back: float = 0.2

    def __call__(self, first: Plane, second: Plane) -> bool:
        """Carry it out and wait for rest.

        Args:
            first: (2,) in metres.
            second: (2,) in metres.

        Returns:
            Whether both caught something.
        """
        grippers = (self.left, self.right)
        picks = (first, second) if first[0] <= second[0] else (second, first)
        self._go([[*pick, _CLEAR] for pick in picks])
        self._go([[*pick, _GRASP] for pick in picks])
        caught = [gripper.close() for gripper in grippers]
        if any(caught):
            apart = float(np.clip(np.linalg.norm(picks[1] - picks[0]), 0.1, self.width))
            self._spread(apart, 0.0, self.height)
            while apart < self.width and all(g.holding and g.pull < self.tension for g in grippers):
                apart += 0.02
                self._spread(apart, 0.0, self.height)
            self._spread(apart, self.front - self.swing, self.height)
            self._spread(apart, self.front, 0.7 * self.height)
            self._spread(apart, self.back, _GRASP)
            for gripper in grippers:
                gripper.open()
        self._go(self.homes)
        self.left.settle(speed=0.02, seconds=1.0)
        return all(caught)

    def _spread(self, apart: float, y: float, z: float) -> None:
        self._go([[-apart / 2, y, z], [apart / 2, y, z]])

    def _go(self, targets: Sequence[Sequence[float] | Vector]) -> None:
        move_together((self.left, self.right), [np.asarray(target, dtype=float) for target in targets])


def two_points(reach: float, height: float, turns: NDArray[np.floating], labels: tuple[str, str]) -> ActionGeometry:
    """Actions (4,) that name two points of the table by their x and y.

    Args:
        reach: Half side of the square that actions reach, m.
        height: Of both points, m.
        turns: (G, 2, 2) turns and mirrorings of the plane that leave the task as it is, the identity first; one that
            brings a corner of the square out of it is left out.
        labels: What the points are called.

    Returns:
        The geometry.
    """
    matrix = np.zeros((2, 3, 4), np.float32)
    matrix[0, :2, :2] = matrix[1, :2, 2:] = reach * np.eye(2)
    inside = turns[np.abs(turns).sum(axis=2).max(axis=1) < 1 + 1e-6]
    lifted = np.tile(np.eye(3), (len(inside), 1, 1))
    lifted[:, :2, :2] = inside
    return ActionGeometry(
        matrix=matrix,
        offset=np.full((2, 3), [0.0, 0.0, height], np.float32),
        symmetry_points=lifted.astype(np.float32),
        symmetry_actions=np.stack([np.kron(np.eye(2), turn) for turn in inside]).astype(np.float32),
        radius=reach,
        labels=labels,
    )
