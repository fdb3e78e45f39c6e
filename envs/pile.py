"""Granular pile: gather grains that are scattered over a table into a region by sweeping them with a board."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from envs.primitives import two_points
from envs.starts import first_fitting
from envs.task import Task, TaskSettings, Values, positive
from robopref.errors import unknown_name
from robopref.records import ActionGeometry, Goal

GRAINS = 200
RADIUS = 0.009  # of a grain, m
REACH = 0.4  # half side of the square that actions reach, m
# Half sides of the rectangle that is marked on the table, and by how much it is rounded outwards, m.
TARGETS = {"disc": (np.zeros(2), 0.15), "bar": (np.array([0.30, 0.07]), 0.0)}

_HOME = np.array([0.0, 0.62, 0.10, 0.0])
_RAISED, _LOWERED = 0.07, 0.0
_DOWN, _REST = 0.2, 0.2  # s
_SPEED = 0.5  # at the peak, m/s
_GRAIN_DAMPING = 0.03  # N s/m; grains are rough, spheres would roll on
_DRAWS = 1000  # of a start, of which one in twenty is far enough; tens of seconds
_SWATH = 0.07  # half of the width that the board clears, m
_LAYER = 2 * np.sqrt(3) * RADIUS**2  # area a grain takes in a dense layer, m^2


class GranularPileEnv(Task):
    """Grains on a table, a board that sweeps them and an overhead depth camera.

    Observation:
        ``proprio`` (4,): position of the board (m) and its heading (rad); ``state`` (404,): that, and the grains in
        the plane (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: start x, start y, end x, end y of a sweep in units of 0.4 m. The board faces the end; it comes
        down at the start, pushes with limited force in a straight line, and is lifted at the end.
    Reward:
        ``-d`` in metres, with ``d = mean_i max(0, phi(x_i))``: how far the grains lie outside the target region on
        average, phi being the signed distance to it in the plane. Range about [-0.3, 0].
    Episode:
        Terminates when ``d < success_distance``; the registered time limit truncates.
    Info:
        ``outside_distance`` (d), ``inside`` (share of the grains in the region), ``success``.

    Args:
        target: ``disc`` or ``bar``.
        success_distance: Largest mean distance that counts as success, m.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Sweep all grains into the green region on the table."
    inaccuracy: ClassVar[float] = 0.15

    def __init__(
        self, *, target: str = "disc", success_distance: float = 0.005, **settings: Unpack[TaskSettings]
    ) -> None:
        if target not in TARGETS:
            raise unknown_name("pile target", target, TARGETS)
        self.target = target
        self.success_distance = positive("success_distance", success_distance)
        super().__init__("pile.xml", 4, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Start and end of a sweep, and the turns and mirrorings that keep the region in place."""
        signs = [np.diag([x, y]) for x in (1.0, -1.0) for y in (1.0, -1.0)]
        turns = np.array(signs + [sign[::-1] for sign in signs] if self.target == "disc" else signs)
        return two_points(REACH, RADIUS, turns, ("start", "end"))

    @property
    def grains(self) -> Values:
        """Centres of the grains, (200, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def outside_distance(self) -> float:
        """Mean distance of the grains to the region, m."""
        return float(region_distance(self.grains[:, :2], self.target).mean())

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: minus the mean distance of the grains to the region, m."""
        return -self.outside_distance

    @property
    def goal(self) -> Goal:
        """The mean distance of the grains to the region, in cm."""
        return Goal("mean distance to the region", success=self.success_distance, difference=0.002)

    @property
    def outline(self) -> Values:
        """The edge of the region, (65, 2) in metres."""
        half, rounding = TARGETS[self.target]
        turn = np.linspace(0, 2 * np.pi, 65) + np.pi / 4
        around = np.column_stack([np.cos(turn), np.sin(turn)])
        return half * np.sign(np.round(around, 9)) + rounding * around

    def _prepare(self) -> None:
        model = self.model
        self._bodies = np.array([i for i in range(model.nbody) if model.body(i).name.startswith("grain_")])
        first = model.body_dofadr[self._bodies]
        model.dof_damping[(first[:, None] + np.arange(3)).ravel()] = _GRAIN_DAMPING
        for name in TARGETS.keys() - {self.target}:
            model.geom(name).rgba[3] = 0.0

    def _start(self) -> None:
        """Scatter the grains in a few clusters."""
        address = self.model.jnt_qposadr[self.model.body_jntadr[self._bodies]]
        scattered = _scatter(self.np_random, self.target, self.success_distance)
        for axis in range(2):
            self.data.qpos[address + axis] = scattered[:, axis]
        self.data.qpos[address + 2] = RADIUS
        self._put(_HOME)
        self.physics.step(self._steps(_REST))

    def _act(self, action: Values) -> None:
        begin, end = action.reshape(2, 2) * REACH
        along = end - begin
        heading = float(np.arctan2(along[1], along[0])) if np.any(along) else 0.0
        # Above the grains the board meets nothing, so its way there is not simulated.
        self._put(np.array([*begin, _RAISED, heading]))
        self._move(np.array([*begin, _LOWERED, heading]), _DOWN)
        # The peak of a smoothstep profile is 1.5 times its mean speed.
        self._move(np.array([*end, _LOWERED, heading]), max(1.5 * float(np.linalg.norm(along)) / _SPEED, 0.1))
        self._move(np.array([*end, _RAISED, heading]), _DOWN)
        self._put(_HOME)
        self.physics.step(self._steps(_REST))

    def _expert(self, rng: np.random.Generator) -> Values:
        """The sweep that a one-dimensional plough says brings the grains closest.

        Of straight swaths in 24 directions and 9 lateral positions, each with 8 ends, the one with the largest sum of
        distances that its grains get closer to the region by.
        """
        here = self.grains[:, :2]
        before = region_distance(here, self.target)
        best, chosen = -np.inf, np.zeros(4)
        for heading in np.arange(24) * np.pi / 12:
            forward = np.array([np.cos(heading), np.sin(heading)])
            across = np.array([-forward[1], forward[0]])
            for offset in np.linspace(-0.28, 0.28, 9):
                swath = np.flatnonzero(np.abs(here @ across - offset) < _SWATH)
                outside = swath[before[swath] > 0]
                if len(outside) == 0:
                    continue
                depth = here[swath] @ forward
                begin = float((here[outside] @ forward).min()) - 0.035
                for end in np.linspace(begin + 0.05, 0.2, 8):
                    moved = here[swath] + (_ploughed(depth, begin, end) - depth)[:, None] * forward
                    gain = float((before[swath] - region_distance(moved, self.target)).sum())
                    if gain > best:
                        best = gain
                        chosen = np.concatenate([across * offset + forward * s for s in (begin, end)])
        return np.clip(chosen / REACH, -1, 1)

    def _put(self, pose: Values) -> None:
        """Place the board, at rest."""
        self.data.qpos[:4] = self.data.ctrl[:] = pose
        self.data.qvel[:4] = 0.0
        self.physics.forward()

    def _move(self, pose: Values, seconds: float) -> None:
        """Drive the board from where it was sent last, with a smooth start and stop."""
        begin = self.data.ctrl.copy()
        for fraction in np.linspace(0, 1, self._steps(seconds) + 1)[1:]:
            self.data.ctrl[:] = begin + (pose - begin) * fraction * fraction * (3 - 2 * fraction)
            self.physics.step()

    def _steps(self, seconds: float) -> int:
        return round(seconds / self.physics.timestep)

    def _proprio(self) -> Values:
        return self.data.qpos[:4].copy()

    def _state(self) -> Values:
        return np.concatenate([self._proprio(), self.grains[:, :2].ravel()])

    def _measure(self) -> dict[str, Any]:
        distance = region_distance(self.grains[:, :2], self.target)
        outside = float(distance.mean())
        return {
            "outside_distance": outside,
            "inside": float((distance == 0).mean()),
            "success": outside < self.success_distance,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return -info["outside_distance"]


def region_distance(points: NDArray[np.float64], target: str) -> Values:
    """How far points lie outside a target region.

    Args:
        points: (P, 2) in the plane of the table, m.
        target: A key of `TARGETS`.

    Returns:
        (P,) metres, 0 inside.
    """
    half, rounding = TARGETS[target]
    beyond = np.linalg.norm(np.maximum(np.abs(points) - half, 0.0), axis=1)
    return np.maximum(beyond - rounding, 0.0)


def _ploughed(depth: Values, begin: float, end: float) -> Values:
    """Where grains along a swath come to lie: packed in front of the board in the order in which it met them."""
    order = np.argsort(depth)
    order = order[depth[order] > begin]
    packed = end + RADIUS + np.arange(len(order)) * _LAYER / (2 * _SWATH)
    moved = depth.copy()
    moved[order] = np.maximum(depth[order], packed)
    return moved


def _scatter(rng: np.random.Generator, target: str, success_distance: float) -> Values:
    """Grains in two to four elongated clusters, none on another, far from gathered; (200, 2).

    Raises:
        RoboprefError: No grains lie that far from the region.
    """

    def scattered() -> Values | None:
        clusters = int(rng.integers(2, 5))
        centre = rng.uniform(-0.25, 0.25, (clusters, 2))
        turn, spread = rng.uniform(0, np.pi, clusters), rng.uniform(0.03, 0.1, (clusters, 2))
        placed = np.empty((0, 2))
        for owner in rng.integers(0, clusters, 4000):
            x, y = rng.normal(0, spread[owner])
            c, s = np.cos(turn[owner]), np.sin(turn[owner])
            grain = centre[owner] + np.array([c * x - s * y, s * x + c * y])
            free = len(placed) == 0 or np.square(placed - grain).sum(axis=1).min() > (2.02 * RADIUS) ** 2
            if free and np.abs(grain).max() < 0.9 * REACH:
                placed = np.vstack([placed, grain])
            if len(placed) == GRAINS:
                return placed if region_distance(placed, target).mean() > 4 * success_distance else None
        return None

    return first_fitting(
        scattered, _DRAWS, f"has its grains {4 * success_distance:g} m from the region, four times success_distance",
        "give a smaller success_distance",
    )  # fmt: skip
