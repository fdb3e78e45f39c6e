"""Drawer: hook the handle of a drawer and pull it open."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.task import Task, TaskSettings, Values, positive
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

_CLEAR = 0.08  # how far above the handle the tool passes over it, m


class DrawerOpenEnv(Task):
    """A cabinet with one drawer, whose handle fingers can reach behind from above, after Metaworld's drawer-open.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (11,): that, the middle of
        the slot behind the handle (m) and the opening (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: displacement of the tool in units of 3 cm, and grip (-1 closed, 1 open), within 80 ms.
    Reward:
        ``-(|tool - slot| + 2 max(0, success_opening - opening))`` in metres. Range about [-1, 0].
    Episode:
        Terminates when the drawer is open by ``success_opening``; the registered time limit truncates.
    Info:
        ``opening``, ``tool_distance`` (m), ``contact_force`` (N), ``success``.

    Args:
        success_opening: Smallest opening that counts as success, m; the drawer opens by 0.2 m.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Open the red drawer."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.5

    def __init__(self, *, success_opening: float = 0.15, **settings: Unpack[TaskSettings]) -> None:
        self.success_opening = positive("success_opening", success_opening)
        super().__init__("drawer_open.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=4)

    @property
    def opening(self) -> float:
        """How far the drawer is open, m."""
        return float(self.data.joint("drawer").qpos[0])

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.3, -0.32, 0.02), (0.3, 0.18, 0.25))
        self._cabinet = self.data.mocap_pos[self.model.body("cabinet").mocapid[0]]

    def _start(self) -> None:
        rng = self.np_random
        self._cabinet[0] = rng.uniform(-0.15, 0.15)
        self.data.joint("drawer").qpos[0] = rng.uniform(0, 0.02)
        self._tool.place(rng.uniform([-0.2, -0.25, 0.08], [0.2, -0.1, 0.2]), grip=rng.uniform(-1, 1))

    def _act(self, action: Values) -> None:
        self._tool.move(action[:3], action[3])

    def _expert(self, rng: np.random.Generator) -> Values:
        tool, slot = self._tool.position, self._slot
        aside, across, above = tool - slot
        if max(abs(aside) / 0.03, abs(across) / 0.014, above / 0.02) < 1:
            target = slot + np.array([0, min(across, 0) - 0.03, 0])
        elif max(abs(aside) / 0.02, abs(across) / 0.008) < 1:
            target = slot
        elif above > 0.8 * _CLEAR:
            target = slot + np.array([0, 0, _CLEAR])
        else:
            target = np.array([*tool[:2], slot[2] + _CLEAR])
        return np.append(self._tool.toward(target), -1.0)

    @property
    def _slot(self) -> Values:
        return self.data.site("hook").xpos.copy()

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._slot, [self.opening]])

    def _measure(self) -> dict[str, Any]:
        return {
            "opening": self.opening,
            "tool_distance": float(np.linalg.norm(self._tool.position - self._slot)),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": self.opening > self.success_opening,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["tool_distance"] + 2 * max(0.0, self.success_opening - info["opening"]))
