"""Feature reach: carry a cup to a goal, in a way that people have preferences about."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.task import Task, TaskSettings, Values, positive
from envs.tool import Tool
from robopref.errors import ConfigError
from robopref.records import ActionGeometry

FEATURES = ("table", "upright", "laptop", "person")
LAPTOP, PERSON = 0.2, 0.35  # distances within which these mind, m
_LOW = 0.08  # height at which a careful person carries, m
_UPRIGHT = 0.3  # largest tilt at the goal, rad


class FeatureReachEnv(Task):
    """A cup in a gripper with a wrist, a goal beyond a laptop, and a person at the table, after SIRL's arm task.

    Observation:
        ``proprio`` (7,): cup position (m), tilt (-1 to 1), and the force on cup and tool (N); ``state`` (14,): that,
        goal (m), laptop and person in the plane (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: displacement of the cup in units of 3 cm, and its tilt to the left or right in units of 90
        degrees, within 80 ms.
    Reward:
        ``-(|cup - goal| + weights @ features)`` in metres. Range about [-1.5, 0].
    Episode:
        Terminates when the cup is within ``success_distance`` of the goal and tilted by less than 0.3 rad; the
        registered time limit truncates.
    Info:
        ``goal_distance`` (m), ``success``, and ``features`` (4,), each 0 where all is well: ``table``, height of the
        cup over the table in units of 0.3 m; ``upright``, 1 minus the cosine of the tilt; ``laptop`` and ``person``,
        by how much the cup is nearer in the plane than 0.2 m and 0.35 m, as a share of that. Teachers and tests use
        them; they are in no observation.

    Args:
        weights: Of the four features in the reward, m.
        success_distance: Largest distance of cup and goal that counts as success, m.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = (
        "Carry the cup to the green ball: upright, low over the table, not over the laptop, away from the person."
    )
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig(
        name="side", resolution=(144, 144), lower=(-0.45, -0.45, 0.005), upper=(0.45, 0.6, 0.45)
    )
    inaccuracy: ClassVar[float] = 0.8

    def __init__(
        self,
        *,
        weights: tuple[float, float, float, float] = (0.1, 0.2, 0.3, 0.3),
        success_distance: float = 0.04,
        **settings: Unpack[TaskSettings],
    ) -> None:
        self.weights = np.array(weights, dtype=np.float64)
        if self.weights.shape != (len(FEATURES),) or not np.isfinite(self.weights).all():
            raise ConfigError(f"weights must be one finite number for each of {', '.join(FEATURES)}, got {weights}")
        self.success_distance = positive("success_distance", success_distance)
        super().__init__("feature_reach.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the cup will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=3, actions=4, wrist=True)

    @property
    def facts(self) -> dict[str, Any]:
        """See `Task.facts`: also how the cup is tilted, that it is held, and the force on it."""
        force = float(np.linalg.norm(self._tool.force))
        return {**super().facts, "tilt cup": self.tilt, "held cup": 1.0, "force": force}

    @property
    def tilt(self) -> float:
        """Angle of the cup to the vertical, rad, positive to the right."""
        return float(self.data.joint("wrist").qpos[0])

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.33, -0.33, 0.055), (0.33, 0.25, 0.35))
        places = (self.data.mocap_pos[self.model.body(name).mocapid[0]] for name in ("goal", "laptop", "person"))
        self._goal, self._laptop, self._person = places

    def _start(self) -> None:
        rng = self.np_random
        side = rng.choice([-1.0, 1.0])
        self._laptop[:2] = rng.uniform([-0.05, -0.04], [0.05, 0.06])
        self._person[:2] = rng.uniform([-0.25, 0.43], [0.25, 0.47])
        self._goal[:] = rng.uniform([0.27, -0.2, 0.1], [0.32, 0.1, 0.25]) * [side, 1, 1]
        start = rng.uniform([0.27, -0.2, 0.1], [0.32, 0.1, 0.3]) * [-side, 1, 1]
        self._tool.place(start, grip=rng.uniform(-0.6, 0.6))

    def _act(self, action: Values) -> None:
        self._tool.move(action[:3], action[3])

    def _expert(self, rng: np.random.Generator) -> Values:
        cup, goal = self._tool.position, self._goal
        target = np.array([*around(cup[:2], goal[:2], self._laptop[:2], LAPTOP + 0.01), _LOW])
        if np.linalg.norm(goal[:2] - cup[:2]) < 0.1:
            target[2] = goal[2]
        return np.append(self._tool.toward(target), 0.0)

    def _features(self) -> Values:
        cup = self._tool.position
        near = [
            max(0.0, 1 - float(np.linalg.norm(cup[:2] - place[:2])) / reach)
            for place, reach in ((self._laptop, LAPTOP), (self._person, PERSON))
        ]
        return np.array([cup[2] / 0.3, 1 - np.cos(self.tilt), *near])

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.proprio, self._goal, self._laptop[:2], self._person[:2]])

    def _measure(self) -> dict[str, Any]:
        distance = float(np.linalg.norm(self._tool.position - self._goal))
        return {
            "goal_distance": distance,
            "features": tuple(self._features().tolist()),
            "success": distance < self.success_distance and abs(self.tilt) < _UPRIGHT,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["goal_distance"] + float(self.weights @ info["features"]))


def around(here: Values, there: Values, centre: Values, radius: float) -> Values:
    """The next corner of a way between two places in the plane that keeps out of a circle, on its near side (-y)."""
    way, out = there - here, here - centre
    length, distance = float(np.linalg.norm(way)), float(np.linalg.norm(out))
    passed = float(np.clip((centre - here) @ way / max(length, 1e-9) ** 2, 0, 1))
    if float(np.linalg.norm(here + passed * way - centre)) > radius - 1e-3 or passed == 0:
        return there
    if distance < radius:
        return centre + out / max(distance, 1e-9) * (radius + 0.02) + 0.03 * np.array([np.sign(way[0]), 0])
    # The tangent that leaves the circle on the far side from the person.
    turn = np.arcsin(radius / distance) * (1 if way[0] < 0 else -1)
    cos, sin = np.cos(turn), np.sin(turn)
    along = np.array([[cos, -sin], [sin, cos]]) @ -out / distance
    return here + along * float(np.sqrt(distance**2 - radius**2) + 0.03)
