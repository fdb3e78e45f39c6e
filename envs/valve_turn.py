"""Valve: turn a lever on a pivot until its red end points at a mark."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.impact import Impact
from envs.task import Task, TaskSettings, Values, positive
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

_HEIGHT = 0.012  # of the fingertips, m
_LENGTH = 0.11  # of either side of the lever, m
_ARM = 0.08  # from the pivot to where the lever is pushed, m
_GAP = 0.026  # between the middles of tool and lever at contact, m
_MARK = 0.16  # from the pivot to the mark, m


class ValveTurnEnv(Task):
    """A lever with a red and a pale side on a stiff pivot, closed fingers at a fixed height, and a mark.

    An articulated thing, where MoDem-V2 turns one in a hand: the lever is turned either way by pushing whichever of its
    sides the tool is behind, along an arc that the tool has to follow.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (13,): that, the pivot in
        the plane (m), and the directions of the red side and of the mark (unit vectors in the plane); ``points``,
        ``image``: see `envs.task.TaskSettings`.
    Action:
        (2,) in [-1, 1]: displacement of the tool in x and y in units of 3 cm, within 80 ms.
    Reward:
        ``-(0.11 |angle| + 0.25 |tool - lever|)`` in metres: the arc that is left to the red end, and the way to where
        either side is pushed. Range about [-0.5, 0].
    Episode:
        Terminates when the red side points within ``success_angle`` of the mark; the registered time limit truncates.
    Info:
        ``angle`` that is left (degrees), ``tool_distance`` (m), ``contact_force`` (N), ``success``; with ``impacts``
        ``peak_force``, the greatest force on the way (N).

    Args:
        success_angle: Largest angle between red side and mark that counts as success, degrees.
        impacts: Whether the force is looked at during an action, too, as in `PlanarPushEnv`.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Turn the lever until its red end points at the green mark."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.5

    def __init__(self, *, success_angle: float = 10.0, impacts: bool = False, **settings: Unpack[TaskSettings]) -> None:
        self.success_angle = positive("success_angle", success_angle)
        self._impacts = impacts
        super().__init__("valve_turn.xml", 2, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=2, actions=2)

    @property
    def angle(self) -> float:
        """How far the lever has yet to be turned, radians; positive is counterclockwise."""
        red, mark = self._red, self._direction
        return float(np.arctan2(red[0] * mark[1] - red[1] * mark[0], red @ mark))

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.32, -0.32, _HEIGHT), (0.32, 0.32, _HEIGHT))
        self._impact = Impact(self.physics, self._tool)
        self._pivot, self._mark = (self.data.mocap_pos[self.model.body(name).mocapid[0]] for name in ("stand", "mark"))

    def _start(self) -> None:
        rng = self.np_random
        self._pivot[:2] = rng.uniform([-0.08, -0.02], [0.08, 0.06])
        turned = rng.uniform(-np.pi, np.pi)
        self.data.joint("valve").qpos[0] = turned
        wanted = turned + rng.choice([-1, 1]) * rng.uniform(np.pi / 4, 3 * np.pi / 4)
        self._mark[:2] = self._pivot[:2] + _MARK * np.array([np.cos(wanted), np.sin(wanted)])
        self._tool.place(np.array([*rng.uniform([-0.2, -0.28], [0.2, -0.2]), _HEIGHT]), grip=-1.0)

    def _act(self, action: Values) -> None:
        with self._impact.felt() if self._impacts else nullcontext():
            self._tool.move(np.array([*action, 0.0]), grip=-1.0)

    def _expert(self, rng: np.random.Generator) -> Values:
        red, left = self._red, self._aside
        offset = self._tool.position[:2] - self._pivot[:2]
        along, aside = float(offset @ red), float(offset @ left)
        # On either side of the lever one of its ends can be pushed the right way: no need to go around.
        near = 1.0 if aside >= 0 else -1.0
        end = -near * np.sign(self.angle) * _ARM
        if abs(along - end) > 0.02 and abs(aside) < 1.6 * _GAP:
            way = np.array([along, near * 2.2 * _GAP])  # away from the lever first
        elif abs(along - end) > 0.02:
            way = np.array([end, near * max(abs(aside), 2 * _GAP)])
        else:
            reach = min(0.03, _ARM * abs(self.angle))  # slows down, since the lever goes on a little by itself
            way = np.array([end, near * (min(abs(aside), 2 * _GAP) - reach)])
        target = self._pivot[:2] + way[0] * red + way[1] * left
        return self._tool.toward(np.array([*target, _HEIGHT]))[:2]

    @property
    def _red(self) -> Values:
        """Where the red side points, a unit vector in the plane."""
        turned = float(self.data.joint("valve").qpos[0])
        return np.array([np.cos(turned), np.sin(turned)])

    @property
    def _aside(self) -> Values:
        """The same, a quarter turn counterclockwise."""
        return np.array([[0.0, -1.0], [1.0, 0.0]]) @ self._red

    @property
    def _direction(self) -> Values:
        """Where the mark is, a unit vector in the plane."""
        return (self._mark - self._pivot)[:2] / _MARK

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._pivot[:2], self._red, self._direction])

    def _measure(self) -> dict[str, Any]:
        ends = self._pivot[:2] + np.array([[_ARM], [-_ARM]]) * self._red
        left = abs(np.degrees(self.angle))
        found: dict[str, Any] = {
            "angle": float(left),
            "tool_distance": float(np.linalg.norm(self._tool.position[:2] - ends, axis=1).min()),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": bool(left < self.success_angle),
        }
        return found | {"peak_force": self._impact.peak} if self._impacts else found

    def _dense(self, info: dict[str, Any]) -> float:
        return -(_LENGTH * np.radians(info["angle"]) + 0.25 * info["tool_distance"])
