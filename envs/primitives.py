"""What grippers do with two points on the table: pick one and place it on the other, or take both and fling or drag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.gripper import FlexGripper, move_together

Plane = NDArray[np.float64]
Vector = NDArray[np.float64]


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
    grasp: float = 0.012
    carry: float = 0.08
    clear: float = 0.15
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
