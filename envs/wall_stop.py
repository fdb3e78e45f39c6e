"""Wall stop: bring a puck to a stop without hitting it, where force and sound alone tell how hard it was hit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Unpack

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.contact_sound import RATE, contact_sound
from envs.pushing import push_toward
from envs.task import QUALITIES, Task, TaskSettings, Values, positive
from envs.tool import CAMERA, SECONDS, Tool
from robopref.errors import ConfigError, unknown_name
from robopref.records import ActionGeometry

_HEIGHT = 0.012  # of the fingertips, m
_GAP = 0.046  # between the middles of tool and puck at contact, m
_FRONT = 0.2  # of the stop, m
_RADIUS = 0.035  # of the puck, m
_BELOW, _LYING = -1.0, -2.0  # where a stop is that is not there, and the gauge before anything is hit, m
_NEAR = 0.05  # from the stop, where somebody careful slows down, m
_SLOW = 0.15  # share of a full step near it
_ARRIVED = 0.002  # gap of puck and stop that is none, m
_WAY = 0.28  # of the puck at most, m
_STRONGEST = 1000.0  # that the load cell reads, N
STOPS = ("soft", "hard")


class WallStopEnv(Task):
    """A puck on a table, closed fingers at a fixed height, and a stop that the puck is to be brought to gently.

    The stop is soft or hard, which nobody can see. Gently pushed, both feel the same; hit, the hard one rings.

    Observation:
        ``proprio`` (7,): tool position (m), grip, and the force on the tool (N); ``state`` (5,): tool (m) and puck in
        the plane (m); ``points``, ``image``: see `envs.task.TaskSettings`. With ``contact``, what was felt and heard
        during the last action: ``force`` (S, 3), of the puck on the stop at every timestep (N), and ``audio`` (N,), see
        `envs.contact_sound`.
    Action:
        (2,) in [-1, 1]: displacement of the tool in x and y in units of 3 cm, within 80 ms.
    Reward:
        ``-(gap + 0.25 |tool - puck|)`` in metres, with the gap of puck and stop. Range about [-0.8, 0].
    Episode:
        Terminates when the puck touches the stop; the registered time limit truncates.
    Info:
        ``gap`` (m), ``tool_distance`` (m), ``peak_force`` of the episode (N), ``rating`` in [0, 1], ``success``.

    ``progress`` is the rating, which a scale of 1 to 5 cuts into: 5 arrived gently, 4 with a knock, 3 hit hard, 2 came
    near, 1 did not. It is ``0.375 * share of the way`` before the stop, and at it ``1 - 0.5 * clip((log F - log gentle)
    / (log hard - log gentle), 0, 1)`` of the peak force F.

    Args:
        contact: Whether to observe ``force`` and ``audio``.
        stop: ``soft`` or ``hard``; None draws one.
        gentle: Peak force up to which nothing is taken off, N.
        hard: Peak force from which half is, N.
        farthest: Gap of puck and stop at a start at most, m; half of it at least.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Bring the red puck to the stop gently."
    qualities: ClassVar[tuple[str, ...]] = (*QUALITIES, "impact", "slip")
    camera: ClassVar[DepthCameraConfig] = CAMERA
    inaccuracy: ClassVar[float] = 0.15

    def __init__(
        self, *, contact: bool = False, stop: str | None = None, gentle: float = 10.0, hard: float = 50.0,
        farthest: float = _WAY, **settings: Unpack[TaskSettings],
    ) -> None:  # fmt: skip
        if stop is not None and stop not in STOPS:
            raise unknown_name("stop", str(stop), STOPS)
        self.gentle, self.hard = positive("gentle", gentle), positive("hard", hard)
        self.farthest = positive("farthest", farthest)
        if not farthest <= _WAY:
            raise ConfigError(f"farthest must be at most {_WAY} m, got {farthest}")
        if not gentle < hard:
            raise ConfigError(f"gentle must be less than hard, got {gentle} and {hard} N")
        self._contact, self._chosen = contact, stop
        self._felt: NDArray[np.float64] = np.zeros((0, 3))
        super().__init__("wall_stop.xml", 2, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the tool will be, and the mirroring of left and right."""
        return self._tool.geometry(axes=2, actions=2)

    @property
    def progress(self) -> float:
        """The rating, in [0, 1]."""
        return self._rating(self._gap, self._peak)

    def demonstrate(self, rng: np.random.Generator, quality: str = "medium") -> NDArray[np.float32]:
        """See `Task.demonstrate`; ``impact`` never slows down, ``slip`` loses the puck on the way."""
        if quality not in ("impact", "slip"):
            return super().demonstrate(rng, quality)
        step = self._pushing(slow=1.0)
        if quality == "slip" and self._gap < 1.5 * _NEAR:
            step = np.array([1.0, -1.0])
        return np.clip(step + rng.normal(0, 0.05, 2), -1, 1).astype(np.float32)

    def _prepare(self) -> None:
        self._tool = Tool(self.physics, (-0.32, -0.32, _HEIGHT), (0.32, 0.32, _HEIGHT))
        self._stops = {name: int(self.model.body(name).mocapid[0]) for name in STOPS}
        self._shapes = {int(self.model.geom(name).id) for name in STOPS}
        self._gauge = int(self.model.body("gauge").mocapid[0])
        self._felt = np.zeros((round(SECONDS / self.physics.timestep), 3))

    def _start(self) -> None:
        rng = self.np_random
        there = str(rng.choice(STOPS)) if self._chosen is None else self._chosen
        for name, index in self._stops.items():
            self.data.mocap_pos[index] = [0, _FRONT + 0.02, 0.03 if name == there else _BELOW]
        self.data.mocap_pos[self._gauge] = [0, 0, _LYING]
        gap = self.farthest * rng.uniform(0.5, 1)
        puck = np.array([rng.uniform(-0.12, 0.12), _FRONT - _RADIUS - gap])
        self.data.joint("puck").qpos[:3] = [*puck, 0.02]
        self._tool.place(np.array([puck[0], puck[1] - rng.uniform(0.06, 0.14), _HEIGHT]), grip=-1.0)
        self._felt[:] = 0

    def _act(self, action: Values) -> None:
        watching, felt = self.physics.watch, list[Values]()
        self.physics.watch = partial(self._feel, felt, watching)
        try:
            self._tool.move(np.array([*action, 0.0]), grip=-1.0)
        finally:
            self.physics.watch = watching
        self._felt = np.clip(np.array(felt), -_STRONGEST, _STRONGEST)
        self.data.mocap_pos[self._gauge, 2] = _LYING - max(self._peak, float(np.linalg.norm(self._felt, axis=1).max()))

    def _feel(self, felt: list[Values], watching: Callable[[], object] | None) -> None:
        total, wrench = np.zeros(3), np.zeros(6)
        for index in range(self.data.ncon):
            contact = self.data.contact[index]
            if self._shapes.intersection(map(int, contact.geom)):
                mujoco.mj_contactForce(self.model, self.data, index, wrench)
                second = int(contact.geom[1]) in self._shapes
                total += (1 if second else -1) * wrench[:3] @ contact.frame.reshape(3, 3)
        felt.append(total)
        if watching is not None:
            watching()

    def _expert(self, rng: np.random.Generator) -> Values:
        return self._pushing(slow=_SLOW)

    def _pushing(self, slow: float) -> Values:
        """A step that pushes the puck straight on, by a share of a full one near the stop."""
        goal = np.array([self._puck[0], _FRONT])
        target = push_toward(self._tool.position[:2], self._puck, goal, gap=_GAP)
        step = self._tool.toward(np.array([*target, _HEIGHT]))[:2]
        return step * (slow if self._gap < _NEAR else 1.0)

    @property
    def _puck(self) -> Values:
        return self.data.joint("puck").qpos[:2].copy()

    @property
    def _gap(self) -> float:
        """Between puck and stop, m."""
        return float(max(0.0, _FRONT - _RADIUS - self._puck[1]))

    @property
    def _peak(self) -> float:
        """Largest force on the stop in this episode, N."""
        return float(_LYING - self.data.mocap_pos[self._gauge, 2])

    def _rating(self, gap: float, peak: float) -> float:
        if gap > _ARRIVED or not peak:
            return 0.375 * (1 - min(1.0, gap / self.farthest))
        lost = np.log(max(peak, 1e-9) / self.gentle) / np.log(self.hard / self.gentle)
        return float(1 - 0.5 * np.clip(lost, 0, 1))

    def _proprio(self) -> Values:
        return self._tool.proprio

    def _state(self) -> Values:
        return np.concatenate([self._tool.position, self._puck])

    def _measure(self) -> dict[str, Any]:
        return {
            "gap": self._gap, "tool_distance": float(np.linalg.norm(self._tool.position[:2] - self._puck)),
            "peak_force": self._peak, "rating": self.progress, "success": self._gap <= _ARRIVED and self._peak > 0,
        }  # fmt: skip

    def _dense(self, info: dict[str, Any]) -> float:
        return -(info["gap"] + 0.25 * info["tool_distance"])

    def _observe(self) -> dict[str, NDArray[Any]]:
        observation = super()._observe()
        if self._contact:
            size = np.linalg.norm(self._felt, axis=1)
            observation["force"] = self._felt.astype(np.float32)
            observation["audio"] = contact_sound(size, self.physics.timestep, self.np_random)
        return observation

    def _spaces(self) -> spaces.Dict:
        content = dict(super()._spaces().spaces)
        if self._contact:
            content["force"] = spaces.Box(-_STRONGEST, _STRONGEST, self._felt.shape, np.float32)
            content["audio"] = spaces.Box(-1.0, 1.0, (round(SECONDS * RATE),), np.float32)
        return spaces.Dict(content)
