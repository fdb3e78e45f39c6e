"""Bin pick: grasp a cube in one bin and drop it into another."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.impact import Impact
from envs.task import Task, TaskSettings, Values
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

SOURCE, TARGET = np.array([0.0, -0.13, 0.02]), np.array([0.0, 0.13, 0.02])  # where a cube in the middle lies, m
INSIDE = np.array([0.12, 0.1])  # half sides of a bin, m
_OVER = 0.1  # height at which the fingers pass over walls and cube, m
_HELD = 0.3  # grip below which fingers around the cube hold it


class BinPickEnv(Task):
    """A cube, two bins and a two-finger gripper, after MoDem-V2's bin pick.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (10,): that, and the middle
        of the cube (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: displacement of the tool in units of 3 cm, and grip (-1 closed, 1 open), within 80 ms.
    Reward:
        ``-(|cube - target| + 0.5 |tool - cube|)`` in metres, the target in the middle of the second bin. Range about
        [-0.8, 0].
    Episode:
        Terminates when the cube is down in the second bin; the registered time limit truncates.
    Info:
        ``target_distance``, ``tool_distance`` (m), ``held``, ``contact_force`` (N), ``success``; with ``impacts``
        ``peak_force``, the greatest force on the way (N).

    Args:
        impacts: Whether the force is looked at during an action, too, as in `PlanarPushEnv`.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Put the red cube into the green bin."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.25

    def __init__(self, *, impacts: bool = False, **settings: Unpack[TaskSettings]) -> None:
        self._impacts = impacts
        super().__init__("bin_pick.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=4)

    @property
    def facts(self) -> dict[str, Any]:
        """See `Task.facts`: also whether the cube is held."""
        return {**super().facts, "held cube": float(self._held())}

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.25, -0.3, 0.014), (0.25, 0.3, 0.25))
        self._impact = Impact(self.physics, self._tool)

    def _start(self) -> None:
        rng = self.np_random
        turn = rng.uniform(-0.4, 0.4) / 2
        self.data.joint("cube").qpos[:] = [
            *(SOURCE[:2] + rng.uniform([-0.06, -0.06], [0.06, 0.06])), SOURCE[2], np.cos(turn), 0, 0, np.sin(turn)
        ]  # fmt: skip
        self._tool.place(rng.uniform([-0.15, -0.2, 0.1], [0.15, 0.2, 0.2]), grip=rng.uniform(-1, 1))

    def _act(self, action: Values) -> None:
        with self._impact.felt() if self._impacts else nullcontext():
            self._tool.move(action[:3], action[3])

    def _expert(self, rng: np.random.Generator) -> Values:
        tool, cube, grip = self._tool.position, self._cube, -1.0
        to_cube, to_target = cube - tool, TARGET - cube
        if self._held():
            if np.abs(to_target[:2]).max() < 0.03:
                # Down between the walls, then let go.
                target, grip = tool - [0, 0, 0.03], -1.0 if cube[2] > 0.05 else 1.0
            elif cube[2] < 0.8 * _OVER:
                target = np.array([*tool[:2], _OVER + 0.02])
            else:
                target = np.array([*(tool + to_target)[:2], _OVER])
        elif np.abs(to_cube[:2]).max() < 0.008:
            target = cube
            grip = -1.0 if abs(to_cube[2]) < 0.008 else 1.0
        else:
            target, grip = np.array([*cube[:2], _OVER]), 1.0
            if tool[2] < 0.7 * _OVER:
                target = np.array([*tool[:2], _OVER])
        return np.append(self._tool.toward(target), grip)

    def _held(self) -> bool:
        near = np.abs(self._cube - self._tool.position).max() < 0.016
        return bool(near and self._tool.grip < _HELD)

    @property
    def _cube(self) -> Values:
        return self.data.joint("cube").qpos[:3].copy()

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._cube])

    def _measure(self) -> dict[str, Any]:
        cube = self._cube
        found: dict[str, Any] = {
            "target_distance": float(np.linalg.norm(cube - TARGET)),
            "tool_distance": float(np.linalg.norm(self._tool.position - cube)),
            "held": self._held(),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": bool((np.abs(cube - TARGET)[:2] < INSIDE).all() and cube[2] < 0.03),
        }
        return found | {"peak_force": self._impact.peak} if self._impacts else found

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["target_distance"] + 0.5 * info["tool_distance"])
