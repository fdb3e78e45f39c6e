"""Planar push: push a puck over a table to a goal."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.impact import Impact
from envs.pushing import push_toward
from envs.task import Task, TaskSettings, Values, positive
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

_HEIGHT = 0.012  # of the fingertips, m
_GAP = 0.046  # between the middles of tool and puck at contact, m


class PlanarPushEnv(Task):
    """A puck on a table, closed fingers at a fixed height, and a goal, after MoDem-V2's planar push.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (11,): that, and puck and
        goal in the plane (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (2,) in [-1, 1]: displacement of the tool in x and y in units of 3 cm, within 80 ms.
    Reward:
        ``-(|puck - goal| + 0.25 |tool - puck|)`` in metres, in the plane. Range about [-0.8, 0].
    Episode:
        Terminates when the puck is within ``success_distance`` of the goal; the registered time limit truncates.
    Info:
        ``goal_distance``, ``tool_distance`` (m), ``contact_force`` (N), ``success``; with ``impacts`` ``peak_force``,
        the greatest force on the way (N).

    Args:
        success_distance: Largest distance of puck and goal that counts as success, m.
        impacts: Whether the force is looked at during an action, too. A puck that is hit is gone by its end, so that
            ``contact_force``, which is felt then, misses most impacts.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Push the red puck onto the green goal."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.5

    def __init__(
        self, *, success_distance: float = 0.03, impacts: bool = False, **settings: Unpack[TaskSettings]
    ) -> None:
        self.success_distance = positive("success_distance", success_distance)
        self._impacts = impacts
        super().__init__("planar_push.xml", 2, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=2, actions=2)

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.32, -0.32, _HEIGHT), (0.32, 0.32, _HEIGHT))
        self._impact = Impact(self.physics, self._tool)
        self._goal = self.data.mocap_pos[self.model.body("goal").mocapid[0]]

    def _start(self) -> None:
        rng = self.np_random
        self._goal[:2] = rng.uniform([-0.2, 0.12], [0.2, 0.22])
        self.data.joint("puck").qpos[:3] = [*rng.uniform([-0.15, -0.1], [0.15, 0.02]), 0.02]
        self._tool.place(np.array([*rng.uniform([-0.2, -0.28], [0.2, -0.2]), _HEIGHT]), grip=-1.0)

    def _act(self, action: Values) -> None:
        with self._impact.felt() if self._impacts else nullcontext():
            self._tool.move(np.array([*action, 0.0]), grip=-1.0)

    def _expert(self, rng: np.random.Generator) -> Values:
        target = push_toward(self._tool.position[:2], self._puck, self._goal[:2], gap=_GAP)
        return self._tool.toward(np.array([*target, _HEIGHT]))[:2]

    @property
    def _puck(self) -> Values:
        return self.data.joint("puck").qpos[:2].copy()

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._puck, self._goal[:2]])

    def _measure(self) -> dict[str, Any]:
        distance = float(np.linalg.norm(self._puck - self._goal[:2]))
        found: dict[str, Any] = {
            "goal_distance": distance,
            "tool_distance": float(np.linalg.norm(self._tool.position[:2] - self._puck)),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": distance < self.success_distance,
        }
        return found | {"peak_force": self._impact.peak} if self._impacts else found

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["goal_distance"] + 0.25 * info["tool_distance"])
