"""Incline push: push a puck up a ramp to a goal."""

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

_FOOT = np.array([0.0, -0.2, 0.0])  # middle of the ramp's lower edge, m
_HEIGHT = 0.022  # of the fingertips above the ramp while pushing, m
_GAP = 0.046  # between the middles of tool and puck at contact, m
_THICK = 0.014  # half the height of the puck, m


class InclinePushEnv(Task):
    """A puck on a ramp of 15 degrees, a tool that has to follow the slope, and a goal, after MoDem-V2's incline push.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (13,): that, puck and goal
        (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (3,) in [-1, 1]: displacement of the tool in units of 3 cm, within 80 ms.
    Reward:
        ``-(|puck - goal| + 0.25 |tool - puck|)`` in metres. Range about [-0.8, 0].
    Episode:
        Terminates when the puck is within ``success_distance`` of the goal; the registered time limit truncates.
    Info:
        ``goal_distance``, ``tool_distance`` (m), ``contact_force`` (N), ``success``; with ``impacts`` ``peak_force``,
        the greatest force on the way (N).

    Args:
        success_distance: Largest distance of puck and goal that counts as success, m.
        impacts: Whether the force is looked at during an action, too, as in `PlanarPushEnv`.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Push the red puck up the ramp onto the green goal."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.4

    def __init__(
        self, *, success_distance: float = 0.03, impacts: bool = False, **settings: Unpack[TaskSettings]
    ) -> None:
        self.success_distance = positive("success_distance", success_distance)
        self._impacts = impacts
        super().__init__("incline_push.xml", 3, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=3)

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.24, -0.24, 0.012), (0.24, 0.3, 0.25))
        self._impact = Impact(self.physics, self._tool)
        self._goal = self.data.mocap_pos[self.model.body("goal").mocapid[0]]
        self.physics.forward()
        # Poses of bodies are gone after a reset.
        self._turn = self.data.body("ramp").xmat.reshape(3, 3).copy()
        self._slope = self.data.body("ramp").xquat.copy()

    def _start(self) -> None:
        rng = self.np_random
        self._goal[:] = self._above_ramp(rng.uniform([-0.15, 0.3, 0], [0.15, 0.4, 0]))
        self.data.joint("puck").qpos[:3] = self._above_ramp(rng.uniform([-0.14, 0.16, _THICK], [0.14, 0.22, _THICK]))
        self.data.joint("puck").qpos[3:] = self._slope
        self._tool.place(self._above_ramp(rng.uniform([-0.2, 0.02, 0.03], [0.2, 0.06, 0.1])), grip=-1.0)

    def _act(self, action: Values) -> None:
        with self._impact.felt() if self._impacts else nullcontext():
            self._tool.move(action, grip=-1.0)

    def _expert(self, rng: np.random.Generator) -> Values:
        tool, puck, goal = (self._on_ramp(place) for place in (self._tool.position, self._puck, self._goal))
        target = push_toward(tool[:2], puck[:2], goal[:2], gap=_GAP)
        return self._tool.toward(self._above_ramp(np.array([*target, _HEIGHT])))

    def _on_ramp(self, place: Values) -> Values:
        """Across, along and above the ramp, (3,) m."""
        return (place - _FOOT) @ self._turn

    def _above_ramp(self, place: Values) -> Values:
        """Inverse of `_on_ramp`."""
        return _FOOT + self._turn @ place

    @property
    def _puck(self) -> Values:
        return self.data.joint("puck").qpos[:3].copy()

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._puck, self._goal])

    def _measure(self) -> dict[str, Any]:
        distance = float(np.linalg.norm(self._on_ramp(self._puck)[:2] - self._on_ramp(self._goal)[:2]))
        found: dict[str, Any] = {
            "goal_distance": distance,
            "tool_distance": float(np.linalg.norm(self._tool.position - self._puck)),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": distance < self.success_distance,
        }
        return found | {"peak_force": self._impact.peak} if self._impacts else found

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["goal_distance"] + 0.25 * info["tool_distance"])
