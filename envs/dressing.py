"""Dressing: pull a sleeve over a bent arm with the hand that holds its opening."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Unpack

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.camera import DepthCameraConfig
from envs.cloth import ClothMesh, soften
from envs.task import Task, TaskSettings, Values, positive
from robopref.records import ActionGeometry, Goal

AROUND, ROWS, RADIUS, SPACING = 12, 6, 0.065, 0.034
FOREARM, UPPER_ARM = 0.25, 0.25  # m
LENGTH = FOREARM + UPPER_ARM
STEP, TURN = 0.02, 0.1  # largest motion of one action, m and rad
_HELD = range(-3, 4)  # vertices of the opening in the hand, from its top
_SECONDS = 0.1  # of one action
_GENTLE, _ROUGHNESS = 2.0, 0.1  # N, 1 / N
_STRONGEST = 3.3  # pull against which the hand moves on, N
_HEIGHT = 0.25  # of the arm, m
_SAMPLES = 51  # of the axis of the arm
_OUTWARDS = 0.05  # m from the finger tips to the opening at the start


def sleeve() -> ClothMesh:
    """A tube along x; its first row is the opening that is pulled, the first vertex of a row its top."""
    angle = 2 * np.pi * np.arange(AROUND) / AROUND
    ring = np.column_stack([np.zeros(AROUND), RADIUS * np.sin(angle), RADIUS * np.cos(angle)])
    points = np.concatenate([ring - [SPACING * row, 0, 0] for row in range(ROWS)])
    triangles = list[tuple[int, int, int]]()
    for row in range(ROWS - 1):
        for k in range(AROUND):
            a, b = row * AROUND + k, row * AROUND + (k + 1) % AROUND
            c, d = b + AROUND, a + AROUND
            triangles += [(a, b, c), (a, c, d)] if (row + k) % 2 == 0 else [(a, b, d), (b, c, d)]
    return ClothMesh(points, np.array(triangles)[:, ::-1])


_MESH = sleeve()


class DressingEnv(Task):
    """A sleeve whose opening is in the hand of a robot, an arm that keeps still, and an overhead depth camera.

    Observation:
        ``proprio`` (7,): position of the middle of the opening (m), its heading (rad) and the force on the hand (N, in
        the table frame); ``state`` (88,): that, the vertices of the two ends of the sleeve, and finger tips,
        elbow and shoulder of the person (m); ``points``, ``image``: see `envs.task.TaskSettings`.
    Action:
        (4,) in [-1, 1]: motion along x, y, z in units of 0.02 m and turn about z in units of 0.1 rad, within 0.1 s.
        What of a motion goes against a pull of more than 3.3 N is not made.
    Reward:
        ``p - 1 - 0.1 max(f - 2, 0)`` after the action, where f is the force on the hand in N and p the way along the
        arm from the finger tips at which the arm passes through the opening, as a share of the arm; 0 while it does
        not. Range about [-2, 0], no unit.
    Episode:
        Terminates when ``p > success_progress``; the registered time limit truncates.
    Info:
        ``dressed`` (p), ``force`` (f), ``through`` (whether the arm passes through the opening), ``success``.

    Args:
        success_progress: Smallest share of the arm that counts as success.
        **settings: See `envs.task.TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    instruction: ClassVar[str] = "Pull the sleeve over the hand and along the arm to the shoulder, gently."
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig(lower=(-0.5, -0.4, 0.03), upper=(0.5, 0.4, 0.5))

    def __init__(self, *, success_progress: float = 0.9, **settings: Unpack[TaskSettings]) -> None:
        self.success_progress = positive("success_progress", success_progress)
        parts = _MESH.parts(front="0.18 0.42 0.36 1", back="0.62 0.80 0.70 1", thickness=0.003)
        held = "".join(
            f'<connect name="held_{k}" body1="gripper" body2="cloth_{k % AROUND}" '
            f'anchor="{" ".join(map(str, _MESH.points[k % AROUND]))}" solref="0.04 1"/>'
            for k in _HELD
        )
        super().__init__("dressing.xml", 4, parts | {"held": held}, **settings)

    @property
    def geometry(self) -> ActionGeometry:
        """Where the opening will be, and the mirroring of left and right."""
        matrix, origin = np.zeros((1, 3, 4), np.float32), np.zeros((1, 3, 7), np.float32)
        matrix[0, :, :3], origin[0, :, :3] = STEP * np.eye(3), np.eye(3)
        return ActionGeometry(
            matrix=matrix,
            offset=np.zeros((1, 3), np.float32),
            symmetry_points=np.stack([np.eye(3), np.diag([1, -1, 1])]).astype(np.float32),
            symmetry_actions=np.stack([np.eye(4), np.diag([1, -1, 1, -1])]).astype(np.float32),
            radius=0.4,
            labels=("opening",),
            origin=origin,
            symmetry_proprio=np.stack([np.eye(7), np.diag([1, -1, 1, -1, 1, -1, 1])]).astype(np.float32),
        )

    @property
    def goal(self) -> Goal:
        """The part of the arm that is still bare, in per cent."""
        return Goal("bare arm", "%", 100.0, best=1.0, success=1 - self.success_progress)

    @property
    def vertices(self) -> Values:
        """Vertices of the sleeve, (72, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def arm(self) -> Values:
        """Finger tips, elbow and shoulder, (3, 3) in metres."""
        fore, upper = self.data.mocap_pos[self._fore], self.data.mocap_pos[self._upper]
        return np.stack([fore, upper, upper + UPPER_ARM * _direction(_yaw(self.data.mocap_quat[self._upper]))])

    @property
    def dressed(self) -> float:
        """Share of the arm, from the finger tips, at which it passes through the opening; 0 if it does not."""
        return passage(self.arm, self.vertices[:AROUND]) / LENGTH

    @property
    def force(self) -> Values:
        """Pull of the sleeve on the hand, (3,) in newtons."""
        rows = self.data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY
        return self.data.efc_force[rows].reshape(-1, 3).sum(axis=0) if rows.any() else np.zeros(3)

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: the share of the arm in the sleeve."""
        return self.dressed

    def _prepare(self) -> None:
        self._bodies = soften(self.model, len(_MESH.points), damping=0.004)
        self._fore, self._upper, self._hand = (
            int(self.model.body(name).mocapid[0]) for name in ("forearm", "upper_arm", "gripper")
        )

    def _start(self) -> None:
        """Bend the arm at random, and hold the opening before the finger tips, not quite in line with them."""
        rng, data = self.np_random, self.data
        heading = rng.uniform(-0.3, 0.3)
        tips = np.array([-0.25, 0, _HEIGHT]) + rng.uniform(-0.03, 0.03, 3)
        self._point(self._fore, tips, heading)
        self._point(self._upper, tips + FOREARM * _direction(heading), heading + rng.uniform(-0.8, 0.8))
        opening = tips - _OUTWARDS * _direction(heading) + rng.uniform(-0.015, 0.015, 3)
        yaw = heading + rng.uniform(-0.15, 0.15)
        self._point(self._hand, opening, yaw)
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        address = self.model.jnt_qposadr[self.model.body_jntadr[self._bodies]]
        data.qpos[address[:, None] + np.arange(3)] = opening + _MESH.points @ turn.T - self.model.body_pos[self._bodies]
        self.physics.forward()
        self.physics.step(round(0.3 / self.physics.timestep))

    def _point(self, mocap: int, position: Values, yaw: float) -> None:
        self.data.mocap_pos[mocap] = position
        self.data.mocap_quat[mocap] = [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]

    def _act(self, action: Values) -> None:
        yaw, steps = _yaw(self.data.mocap_quat[self._hand]), round(_SECONDS / self.physics.timestep)
        for share in (np.arange(steps) + 1) / steps:
            motion = yielding(STEP * action[:3] / steps, self.force)
            self._point(self._hand, self.data.mocap_pos[self._hand] + motion, yaw + share * TURN * action[3])
            self.physics.step()

    def _expert(self, rng: np.random.Generator) -> Values:
        return self._follow(0.03)

    def _imprecise(self, rng: np.random.Generator, noise: float) -> Values:
        """A hurried person pulls straight at a point further up the arm, across the elbow, with an unsteady hand."""
        return self._follow(0.03 + 0.08 * noise) + rng.normal(0, 0.3 * noise, 4)

    def _follow(self, ahead: float) -> Values:
        """Move the opening towards the axis of the arm, `ahead` metres further up, and turn it along the axis."""
        position, arm = self.data.mocap_pos[self._hand], self.arm
        distance = np.linalg.norm(_axis(arm) - position, axis=1)
        target, heading = _point_at(arm, distance.argmin() * LENGTH / (_SAMPLES - 1) + ahead)
        turn = (heading - _yaw(self.data.mocap_quat[self._hand]) + np.pi) % (2 * np.pi) - np.pi
        motion = (target - position) / STEP
        return np.array([*motion / max(1.0, float(np.abs(motion).max())), np.clip(turn / TURN, -1, 1)])

    def _proprio(self) -> Values:
        return np.array(
            [*self.data.mocap_pos[self._hand], _yaw(self.data.mocap_quat[self._hand]), *np.clip(self.force, -10, 10)]
        )

    def _state(self) -> Values:
        ends = self.vertices[np.r_[:AROUND, -AROUND:0]]
        return np.concatenate([self._proprio(), ends.ravel(), self.arm.ravel()])

    def _measure(self) -> dict[str, Any]:
        dressed = self.dressed
        return {
            "dressed": dressed,
            "force": float(np.linalg.norm(self.force)),
            "through": dressed > 0,
            "success": dressed > self.success_progress,
        }

    def _dense(self, info: dict[str, Any]) -> float:
        return info["dressed"] - 1 - _ROUGHNESS * max(info["force"] - _GENTLE, 0.0)


def yielding(motion: Values, pull: Values) -> Values:
    """What a hand that gives way makes of a motion: nothing of it goes against a pull that is too strong.

    Args:
        motion: (3,) m.
        pull: (3,) on the hand, N.

    Returns:
        (3,) m.
    """
    strength = float(np.linalg.norm(pull))
    against = min(float(motion @ pull), 0.0)
    return motion if strength <= _STRONGEST else motion - against * pull / strength**2


def passage(arm: Values, ring: Values) -> float:
    """Where a bent arm passes through an opening.

    Args:
        arm: (3, 3) finger tips, elbow and shoulder, m.
        ring: (K, 3) the rim of the opening, in order, m.

    Returns:
        The way from the finger tips to where the axis of the arm crosses the fan of triangles from the middle of the
        rim, m; the largest one of several, 0 if there is none.
    """
    middle = ring.mean(axis=0)
    one, two = ring - middle, np.roll(ring, -1, axis=0) - middle
    best, start = 0.0, 0.0
    for first, last in itertools.pairwise(arm):
        bone, offset = last - first, first - middle
        # first + t bone = middle + u one + v two, by Cramer's rule.
        volume = np.cross(one, two) @ -bone
        safe = np.where(np.abs(volume) < 1e-12, np.inf, volume)
        t = np.cross(one, two) @ offset / safe
        u = (np.cross(offset, two) * -bone).sum(axis=1) / safe
        v = (np.cross(one, offset) * -bone).sum(axis=1) / safe
        crossed = (t >= 0) & (t <= 1) & (u >= 0) & (v >= 0) & (u + v <= 1) & np.isfinite(safe)
        length = float(np.linalg.norm(bone))
        best = max(best, start + length * float(t[crossed].max())) if crossed.any() else best
        start += length
    return best


def _point_at(arm: Values, way: float) -> tuple[Values, float]:
    """The point of the axis that far along the arm, extended beyond the shoulder, and the heading there."""
    first, last = (arm[0], arm[1]) if way < FOREARM else (arm[1], arm[2])
    bone = (last - first) / np.linalg.norm(last - first)
    return first + (way if way < FOREARM else way - FOREARM) * bone, float(np.arctan2(bone[1], bone[0]))


def _axis(arm: Values) -> Values:
    return np.stack([_point_at(arm, way)[0] for way in np.linspace(0, LENGTH, _SAMPLES)])


def _direction(yaw: float) -> NDArray[np.float64]:
    return np.array([np.cos(yaw), np.sin(yaw), 0.0])


def _yaw(quaternion: Values) -> float:
    return 2 * float(np.arctan2(quaternion[3], quaternion[0]))
