"""Soccer: bring a ball into a goal."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.pushing import push_toward
from envs.task import Task, TaskSettings, Values
from envs.tool import CAMERA, Tool
from robopref.records import ActionGeometry

RADIUS = 0.03  # of the ball, m
MOUTH = 0.1  # half width of the goal, m
_HEIGHT = 0.02  # of the fingertips while pushing, m
_GAP = 0.041  # between the middles of tool and ball at contact, m


class SoccerEnv(Task):
    """A ball that rolls, and a goal without a keeper, after Metaworld's soccer.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (13,): that, ball (m) and
        its speed (m/s) in the plane, and the middle of the goal line (m); ``points``, ``image``: see
        `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: displacement of the tool in units of 3 cm, and grip (-1 closed, 1 open), within 80 ms.
    Reward:
        ``-(|ball - goal| + 0.25 |tool - ball|)`` in metres, in the plane; the goal is a point a ball's radius behind
        the line. Range about [-1, 0].
    Episode:
        Terminates when the whole ball is behind the line, between the posts; the registered time limit truncates.
    Info:
        ``goal_distance``, ``tool_distance`` (m), ``contact_force`` (N), ``success``.

    Args:
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Get the orange ball into the blue goal."
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.5

    def __init__(self, **settings: Unpack[TaskSettings]) -> None:
        super().__init__("soccer.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=4)

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.32, -0.32, 0.012), (0.32, 0.32, 0.2))
        self._line = self.data.mocap_pos[self.model.body("goal").mocapid[0]]

    def _start(self) -> None:
        rng = self.np_random
        self._line[0] = rng.uniform(-0.2, 0.2)
        self.data.joint("ball").qpos[:3] = [*rng.uniform([-0.18, -0.15], [0.18, 0.05]), RADIUS]
        self._tool.place(rng.uniform([-0.2, -0.3, 0.03], [0.2, -0.22, 0.15]), grip=rng.uniform(-1, 1))

    def _act(self, action: Values) -> None:
        self._tool.move(action[:3], action[3])

    def _expert(self, rng: np.random.Generator) -> Values:
        # Where the ball will have rolled to when the tool gets there.
        ball, goal = self._ball + 0.1 * self._speed, self._goal
        aside, short = abs(goal[0] - ball[0]), goal[1] - ball[1]
        if aside > 0.3 * MOUTH and not (aside < 0.6 * MOUTH and short < 2 * RADIUS):
            # In front of the goal first: straight on, the ball would meet a post.
            goal = goal - [0, 0.12]
        target = push_toward(self._tool.position[:2], ball, goal, gap=_GAP)
        return np.append(self._tool.toward(np.array([*target, _HEIGHT])), -1.0)

    @property
    def _ball(self) -> Values:
        return self.data.joint("ball").qpos[:2].copy()

    @property
    def _speed(self) -> Values:
        return self.data.joint("ball").qvel[:2].copy()

    @property
    def _goal(self) -> Values:
        return self._line[:2] + np.array([0, RADIUS])

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._ball, self._speed, self._line[:2]])

    def _measure(self) -> dict[str, Any]:
        ball = self._ball
        aside, behind = ball - self._line[:2]
        return {
            "goal_distance": float(np.linalg.norm(ball - self._goal)),
            "tool_distance": float(np.linalg.norm(self._tool.position[:2] - ball)),
            "contact_force": float(np.linalg.norm(self._tool.force)),
            "success": bool(abs(aside) < MOUTH and behind > RADIUS),
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["goal_distance"] + 0.25 * info["tool_distance"])
