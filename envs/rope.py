"""Rope shaping: bring a rope lying on a table into a target shape by picking and placing it."""

from __future__ import annotations

import itertools
from importlib import resources
from typing import Any, ClassVar

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera import DepthCamera, DepthCameraConfig, check_resolution, make_renderer
from envs.gripper import FlexGripper, GripperLimits
from envs.shapes import nearest_curve, shape_distance, target_curves, target_symmetries
from robopref.errors import ActionError, ConfigError, unknown_name
from robopref.types import ActionGeometry

VERTICES = 40
LENGTH = 0.78
REACH = 0.4  # half side of the square that actions reach, m
_GRASP_HEIGHT, _CARRY_HEIGHT, _CLEAR_HEIGHT = 0.012, 0.08, 0.15
_LANDMARKS = np.array([0, 10, 20, 29, 39])
_VERTEX_DAMPING = 0.01  # N s/m
_HOME = np.array([0.0, 0.55, 0.2])
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class RopeShapingEnv(gym.Env[dict[str, NDArray[Any]], NDArray[np.float32]]):
    """A flexible rope on a table, a two-finger gripper and an overhead depth camera.

    Observation:
        ``points`` (P, 3) float32, rope points seen by the camera, metres in the table frame;
        ``proprio`` (4,) float32, gripper position (m) and opening (0 closed, 1 open);
        ``image`` (h, w, 3) uint8 if ``image_size`` is given.
    Action:
        (4,) in [-1, 1]: pick x, pick y, place x, place y in units of 0.4 m. The gripper moves at finite speed, misses
        when no part of the rope is within reach of the closing fingers, and drops the rope when it pulls too hard.
    Reward:
        ``-d(v')`` in metres, where v' are the rope vertices after the action and
        ``d(v) = min_c mean_i || v_i - c_i ||_2`` over the placements c of the target shape, in which the two ends are
        interchangeable (and a circle may start anywhere). Range about [-0.5, 0].
    Episode:
        Terminates when ``d < success_distance``; the registered time limit truncates.
    Info:
        ``shape_distance``, ``success``, ``grasped``, ``dropped``.

    Args:
        target: ``straight``, ``u`` or ``circle``.
        success_distance: Largest shape distance that counts as success, m.
        gripper: Gripper limits.
        camera: Depth camera.
        image_size: Side of an RGB image to add to the observation, pixels.
        render_mode: ``rgb_array`` or None.

    Raises:
        ConfigError: A setting is out of range.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    instruction = "Arrange the rope on the table into the target shape."

    def __init__(
        self,
        *,
        target: str = "straight",
        success_distance: float = 0.03,
        gripper: GripperLimits | None = None,
        camera: DepthCameraConfig | None = None,
        image_size: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if not success_distance > 0:
            raise ConfigError(f"success_distance must be positive, got {success_distance}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render mode", str(render_mode), self.metadata["render_modes"])
        require_mujoco_4()
        self.curves = target_curves(target, LENGTH, VERTICES)
        self.target, self.success_distance, self.render_mode = target, success_distance, render_mode
        self._image_size = image_size
        self._load(gripper or GripperLimits(), camera or DepthCameraConfig())
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        content: dict[str, spaces.Space[Any]] = {
            "points": spaces.Box(-5.0, 5.0, (self._camera.config.points, 3), np.float32),
            "proprio": spaces.Box(-2.0, 2.0, (4,), np.float32),
        }
        if image_size is not None:
            check_resolution("image_size", self.model, (image_size, image_size))
            content["image"] = spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        self.observation_space = spaces.Dict(content)

    @property
    def geometry(self) -> ActionGeometry:
        """Pick and place points of an action, and the mirrorings that keep the target in place."""
        matrix = np.zeros((2, 3, 4), np.float32)
        matrix[0, :2, :2] = matrix[1, :2, 2:] = REACH * np.eye(2)
        plane = target_symmetries(self.target)
        lifted = np.tile(np.eye(3), (len(plane), 1, 1))
        lifted[:, :2, :2] = plane
        actions = np.stack([np.kron(np.eye(2), turn) for turn in plane])
        # A workspace corner turned by an eighth of a circle leaves the action square.
        inside = np.abs(actions).sum(axis=2).max(axis=1) < 1 + 1e-6
        return ActionGeometry(
            matrix=matrix,
            offset=np.full((2, 3), [0.0, 0.0, _GRASP_HEIGHT], np.float32),
            symmetry_points=lifted[inside].astype(np.float32),
            symmetry_actions=actions[inside].astype(np.float32),
            radius=REACH,
            labels=("pick", "place"),
        )

    @property
    def vertices(self) -> NDArray[np.float64]:
        """Rope vertices, (40, 3) in metres."""
        return self.data.xpos[self._bodies].copy()

    @property
    def shape_distance(self) -> float:
        """Distance of the rope to the target shape, m."""
        return shape_distance(self.vertices, self.curves)

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better: minus the shape distance, m."""
        return -self.shape_distance

    @property
    def target_points(self) -> NDArray[np.float64]:
        """Where each vertex should go, (40, 2) in metres."""
        return nearest_curve(self.vertices, self.curves)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Drop the rope as a random smooth curve and pull it once or twice at random.

        Args:
            seed: Seed of the start and of the camera noise that follows.
            options: Unused.

        Returns:
            The first observation and the info.
        """
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        # A drag changes which body the equality holds, and a reset of the data does not undo that.
        self.model.eq_obj2id[:] = self._grasp_default
        curve = _random_curve(self.np_random)
        rest = self.model.body_pos[self._bodies]
        address = self.model.jnt_qposadr[self.model.body_jntadr[self._bodies]]
        drop = curve - rest
        for axis in range(3):
            self.data.qpos[address + axis] = drop[:, axis]
        mujoco.mj_forward(self.model, self.data)
        self._gripper.settle(speed=0.003, seconds=2.0)
        for _ in range(self.np_random.integers(1, 3)):
            pick = self.vertices[self.np_random.integers(VERTICES), :2]
            place = np.clip(pick + self.np_random.normal(0, 0.15, 2), -REACH, REACH)
            self._pick_and_place(np.clip(pick, -REACH, REACH), place)
        return self._observe(), self._info(grasped=False)

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Pick and place once.

        Args:
            action: (4,) in [-1, 1].

        Returns:
            Observation, reward, terminated, truncated (always False) and info.

        Raises:
            ActionError: The action has the wrong shape, is not finite or leaves [-1, 1].
        """
        pick, place = check_action(action, self.action_space).reshape(2, 2) * REACH
        grasped = self._pick_and_place(pick, place)
        info = self._info(grasped=grasped)
        return self._observe(), -info["shape_distance"], info["success"], False, info

    def demonstrate(self, rng: np.random.Generator, *, noise: float = 1.0) -> NDArray[np.float32]:
        """What a hurried person would do: take a landmark of the rope that is far off and put it roughly in place.

        Landmarks are the ends, the quarters and the middle, chosen in proportion to their squared distance from where
        they belong.

        Args:
            rng: Source of the person's inaccuracy.
            noise: Scale of it; 1 is 12 mm at the pick and 50 mm at the place.

        Returns:
            (4,) action.
        """
        here, there = self.vertices[_LANDMARKS, :2], self.target_points[_LANDMARKS]
        weight = np.square(here - there).sum(axis=1)
        chosen = rng.choice(len(weight), p=weight / weight.sum())
        pick = here[chosen] + rng.normal(0, 0.012 * noise, 2)
        place = there[chosen] + rng.normal(0, 0.05 * noise, 2)
        return np.clip(np.concatenate([pick, place]) / REACH, -1, 1).astype(np.float32)

    def snapshot(self) -> NDArray[np.float64]:
        """The full physics state, for `restore`; the camera noise stream is not part of it."""
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE) + 1)
        mujoco.mj_getState(self.model, self.data, state[:-1], _STATE)
        state[-1] = self.model.eq_obj2id[0]
        return state

    def restore(self, snapshot: NDArray[np.float64]) -> None:
        """Return to a snapshot; what follows is then the same, bit for bit.

        Args:
            snapshot: From `snapshot`.
        """
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, snapshot[:-1], _STATE)
        self.model.eq_obj2id[0] = int(snapshot[-1])
        mujoco.mj_forward(self.model, self.data)

    def film(self, action: NDArray[np.float32], *, every: int = 8) -> list[NDArray[np.uint8]]:
        """Execute an action as `step` does and take pictures meanwhile.

        Args:
            action: (4,) in [-1, 1].
            every: Physics steps of 10 ms between pictures.

        Returns:
            Pictures (480, 480, 3) from the side camera.
        """
        frames: list[NDArray[np.uint8]] = []
        steps = itertools.count()

        def watch() -> None:
            if next(steps) % every == 0:
                frames.append(self._picture("side", 480))

        self._gripper.watch = watch
        try:
            self.step(action)
        finally:
            self._gripper.watch = None
        return frames

    def render(self) -> NDArray[np.uint8] | None:
        """A 480 x 480 picture from the side camera if ``render_mode`` is ``rgb_array``."""
        if self.render_mode != "rgb_array":
            return None
        return self._picture("side", 480)

    def close(self) -> None:
        """Free the OpenGL contexts."""
        self._camera.close()
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _load(self, gripper: GripperLimits, camera: DepthCameraConfig) -> None:
        scene = resources.files("robopref.assets").joinpath("rope.xml").read_text()
        self.model = mujoco.MjModel.from_xml_string(scene)
        self.data = mujoco.MjData(self.model)
        self._bodies = np.array([self.model.body(f"rope_{i}").id for i in range(VERTICES)])
        # Internal friction of the rope; without it a bent rope keeps quivering.
        first = self.model.body_dofadr[self._bodies]
        self.model.dof_damping[(first[:, None] + np.arange(3)).ravel()] = _VERTEX_DAMPING
        self._grasp_default = self.model.eq_obj2id.copy()
        self._gripper = FlexGripper(self.model, self.data, self._bodies, gripper)
        self._camera = DepthCamera(self.model, camera)
        self._renderers: dict[int, Any] = {}

    def _pick_and_place(self, pick: NDArray[Any], place: NDArray[Any]) -> bool:
        gripper = self._gripper
        gripper.move_to(np.array([*pick, _CLEAR_HEIGHT]))
        gripper.move_to(np.array([*pick, _GRASP_HEIGHT]))
        grasped = gripper.close()
        if grasped:
            gripper.move_to(np.array([*pick, _CARRY_HEIGHT]))
            gripper.move_to(np.array([*place, _CARRY_HEIGHT]))
            gripper.move_to(np.array([*place, _GRASP_HEIGHT]))
            gripper.open()
        gripper.move_to(_HOME)
        gripper.settle(speed=0.003, seconds=2.0)
        return grasped

    def _observe(self) -> dict[str, NDArray[Any]]:
        observation: dict[str, NDArray[Any]] = {
            "points": self._camera.points(self.data, self.np_random),
            "proprio": np.array([*self._gripper.position, not self._gripper.holding], np.float32),
        }
        if self._image_size is not None:
            observation["image"] = self._picture("overhead", self._image_size)
        return observation

    def _info(self, *, grasped: bool) -> dict[str, Any]:
        distance = self.shape_distance
        return {
            "shape_distance": distance,
            "success": distance < self.success_distance,
            "grasped": grasped,
            "dropped": self._gripper.dropped,
        }

    def _picture(self, camera: str, size: int) -> NDArray[np.uint8]:
        if size not in self._renderers:
            self._renderers[size] = make_renderer(self.model, (size, size))
        self._renderers[size].update_scene(self.data, camera=camera)
        return self._renderers[size].render()


def check_action(action: Any, space: spaces.Box) -> NDArray[np.float64]:
    """Validate an action against its space.

    Args:
        action: What was asked for.
        space: The space it must be in.

    Returns:
        The action as float64.

    Raises:
        ActionError: Wrong shape, not finite or out of bounds.
    """
    try:
        array = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ActionError(f"action must be {space.shape} numbers, got {action!r}") from error
    if array.shape != space.shape:
        raise ActionError(f"action must have shape {space.shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ActionError(f"action must be finite, got {array.tolist()}")
    if (array < space.low - 1e-6).any() or (array > space.high + 1e-6).any():
        raise ActionError(f"action must be within [{space.low.min():g}, {space.high.max():g}], got {array.tolist()}")
    return array


def require_mujoco_4() -> None:
    """Stop with a clear message on a MuJoCo too old for these scenes.

    Raises:
        ConfigError: MuJoCo is older than 4.
    """
    if int(mujoco.__version__.split(".")[0]) < 4:
        raise ConfigError(f"robopref's own environments need mujoco >= 4, found {mujoco.__version__}")


def _random_curve(rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random curve of rope length inside the reach and clear of itself, (40, 3)."""
    spacing = LENGTH / (VERTICES - 1)
    apart = np.abs(np.subtract.outer(np.arange(VERTICES), np.arange(VERTICES))) > 3
    while True:
        curvature = np.convolve(rng.normal(0, 1, VERTICES + 8), np.ones(9) / 3, mode="valid")[: VERTICES - 1]
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.24 * curvature)
        steps = spacing * np.column_stack([np.cos(heading), np.sin(heading)])
        curve = np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
        curve += rng.uniform(-0.1, 0.1, 2) - curve.mean(axis=0)
        # The slope lets a curve cross over itself without touching.
        raised = np.column_stack([curve, np.linspace(0.02, 0.08, VERTICES)])
        gaps = np.linalg.norm(raised[:, None] - raised[None], axis=-1)[apart]
        if np.abs(curve).max() < 0.95 * REACH and gaps.min() > 0.02:
            return raised
