"""Sweep into: push a block over a table into a hole."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.pushing import push_toward
from envs.task import Task, TaskSettings, Values
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

HOLE = np.array([0.0, 0.18])  # m
_HEIGHT = 0.015  # of the fingertips while pushing, m
_GAP = 0.036  # between the middles of tool and block at contact, m


class SweepIntoEnv(Task):
    """A block on a table with a square hole, after Metaworld's sweep-into.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (10,): that, and the middle
        of the block (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: displacement of the tool in units of 3 cm, and grip (-1 closed, 1 open), within 80 ms.
    Reward:
        ``-(|block - hole| + 0.25 |tool - block|)`` in metres, the former in the plane. Range about [-0.8, 0].
    Episode:
        Terminates when the block has fallen into the hole; the registered time limit truncates.
    Info:
        ``hole_distance``, ``tool_distance`` (m), ``contact_force`` (N), ``success``.

    Args:
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Sweep the red block into the hole with the green rim."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.5

    def __init__(self, **settings: Unpack[TaskSettings]) -> None:
        super().__init__("sweep_into.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=4)

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.3, -0.3, 0.012), (0.3, 0.3, 0.2))

    def _start(self) -> None:
        rng = self.np_random
        turn = rng.uniform(-np.pi, np.pi) / 2
        self.data.joint("block").qpos[:] = [
            *rng.uniform([-0.18, -0.12], [0.18, 0.04]), 0.02, np.cos(turn), 0, 0, np.sin(turn)
        ]  # fmt: skip
        self._tool.place(rng.uniform([-0.2, -0.28, 0.02], [0.2, -0.18, 0.15]), grip=rng.uniform(-1, 1))

    def _act(self, action: Values) -> None:
        self._tool.move(action[:3], action[3])

    def _expert(self, rng: np.random.Generator) -> Values:
        target = push_toward(self._tool.position[:2], self._block[:2], HOLE, gap=_GAP)
        return np.append(self._tool.toward(np.array([*target, _HEIGHT])), -0.2)

    @property
    def _block(self) -> Values:
        return self.data.joint("block").qpos[:3].copy()

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._block])

    def _measure(self) -> dict[str, Any]:
        block = self._block
        return {
            "hole_distance": float(np.linalg.norm(block[:2] - HOLE)),
            "tool_distance": float(np.linalg.norm(self._tool.position - block)),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": bool(block[2] < -0.01),
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["hole_distance"] + 0.25 * info["tool_distance"])
