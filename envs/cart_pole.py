"""Cart-pole: hold a pole upright by pushing the cart it stands on."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from envs.camera import DepthCameraConfig
from envs.task import Task, TaskSettings, Values
from robopref.errors import ConfigError
from robopref.records import ActionGeometry

SECONDS = 0.04  # time an action takes
_FORCE = 8.0  # N
# Feedback of a careful person: force in newtons per m, m/s, rad and rad/s.
_GAINS = np.array([2.0, 4.0, 45.0, 9.0])
_UPRIGHT, _CENTRED = 0.1, 0.3  # rad, m
_LOST = 0.9  # angle from which the cart cannot catch the pole, rad


class CartPoleEnv(Task):
    """A cart on a rail of 1.4 m with a pole of 0.6 m, which starts tilted and falls onto a stop at 90 degrees.

    Balancing never ends, an episode has to: it is solved once the pole has been held for 2 s. The reward is a cost, so
    that being done early is better than going on.

    Observation:
        ``proprio`` (4,): cart position (m) and speed (m/s), pole angle (rad) and speed (rad/s); ``state`` (5,): that,
        and the share of `hold` that is done; ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (1,) in [-1, 1]: force on the cart in units of 8 N, for 40 ms.
    Reward:
        ``cos(angle) - 1 - (x / 0.7)^2``, x the position of the cart in metres, without a unit. Range [-2, 0].
    Episode:
        Terminates when the pole was within 0.1 rad of upright and the cart within 0.3 m of the middle for `hold`
        actions in a row. A fallen pole does not end it; the registered time limit truncates.
    Info:
        ``angle`` (rad), ``position`` (m), ``held`` (actions in a row), ``success``.

    Args:
        hold: How many actions in a row the pole has to be held.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Balance the pole upright on the cart."
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig(
        name="side", lower=(-0.9, -0.2, -0.05), upper=(0.9, 0.2, 0.8)
    )
    inaccuracy: ClassVar[float] = 0.6

    def __init__(self, *, hold: int = 50, **settings: Unpack[TaskSettings]) -> None:
        if hold < 1:
            raise ConfigError(f"hold must be at least 1, got {hold}")
        self.hold = hold
        super().__init__("cart_pole.xml", 1, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the cart is pushed to, at a quarter of a metre a full push, and the mirroring of left and right."""
        mirror = np.array([1.0, -1.0], np.float32)
        matrix, origin = np.zeros((1, 3, 1), np.float32), np.zeros((1, 3, 4), np.float32)
        matrix[0, 0, 0], origin[0, 0, 0] = 0.25, 1.0
        return ActionGeometry(
            matrix=matrix,
            offset=np.array([[0.0, 0.0, 0.04]], np.float32),
            symmetry_points=np.stack([np.diag([sign, 1, 1]) for sign in mirror]).astype(np.float32),
            symmetry_actions=mirror[:, None, None],
            radius=0.7,
            labels=("cart",),
            origin=origin,
            symmetry_proprio=np.stack([sign * np.eye(4, dtype=np.float32) for sign in mirror]),
        )

    @property
    def tool(self) -> Values:
        """The middle of the cart, (3,) m."""
        return np.array([self.data.qpos[0], 0.0, 0.04])

    def _start(self) -> None:
        rng = self.np_random
        self.data.qpos[:] = rng.uniform([-0.3, -0.2], [0.3, 0.2])
        self.data.qvel[:] = rng.uniform(-0.3, 0.3, 2)
        self.physics.forward()

    def _act(self, action: Values) -> None:
        self.data.ctrl[:] = action
        self.physics.step(round(SECONDS / self.physics.timestep))
        self.physics.forward()
        self.data.userdata[0] = self.data.userdata[0] + 1 if self._held_up() else 0

    def _held_up(self) -> bool:
        position, angle = self.data.qpos
        return bool(abs(angle) < _UPRIGHT and abs(position) < _CENTRED)

    def _expert(self, rng: np.random.Generator) -> Values:
        felt = self._proprio()
        if abs(felt[2]) > _LOST:
            # Nothing brings it up again; the cart goes back to the middle.
            return np.array([-(4.0 * felt[0] + 4.0 * felt[1]) / _FORCE])
        return np.array([_GAINS @ felt / _FORCE])

    def _proprio(self) -> Values:
        (position, angle), (speed, turning) = self.data.qpos, self.data.qvel
        return np.array([position, speed, angle, turning])

    def _state(self) -> Values:
        return np.append(self._proprio(), self.data.userdata[0] / self.hold)

    def _measure(self) -> dict[str, Any]:
        held = int(self.data.userdata[0])
        position, angle = (float(part) for part in self.data.qpos)
        return {"angle": angle, "position": position, "held": held, "success": held >= self.hold}

    def _dense(self, info: dict[str, Any]) -> float:
        return float(np.cos(info["angle"])) - 1 - (info["position"] / 0.7) ** 2
