"""Any gymnasium environment that runs on MuJoCo, as a task that can be rewound and is seen as points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces, wrappers
from gymnasium.utils import seeding
from numpy.typing import NDArray

from envs.camera import DepthCamera, DepthCameraConfig, check_resolution, make_renderer
from envs.foreign_expert import checked, load_expert
from envs.foreign_state import ForeignState
from envs.physics import Physics
from envs.task import QUALITIES, check_action, positive
from robopref.errors import ActionError, ConfigError, unknown_name
from robopref.records import ActionGeometry, Goal

# Wrappers that count steps, watch or reset: they change nothing between a reset and the end that a task decides on.
_LEFT_OUT = (
    wrappers.Autoreset, wrappers.HumanRendering, wrappers.OrderEnforcing, wrappers.PassiveEnvChecker,
    wrappers.RecordEpisodeStatistics, wrappers.RecordVideo, wrappers.RenderCollection, wrappers.TimeLimit,
)  # fmt: skip
# Wrappers whose next step depends on earlier ones, which a snapshot does not hold.
_REMEMBERING = (
    wrappers.DelayObservation, wrappers.FrameStackObservation, wrappers.NormalizeObservation, wrappers.NormalizeReward,
    wrappers.StickyAction, wrappers.TimeAwareObservation,
)  # fmt: skip


class ForeignEnv(gym.Env[dict[str, NDArray[Any]], NDArray[np.float32]]):
    """Another package's environment with actions in [-1, 1], exact snapshots and a depth camera that follows it.

    The camera looks at the centre of mass of all bodies from so far that every body is in sight; floors are left out.
    Time limits of the other package do not apply; `robopref.robots.sim.TaskSpec.max_steps` does. Other wrappers are
    kept, such as one that chooses the task at a reset.

    Args:
        name: Gymnasium id, such as ``Hopper-v5``.
        points: Whether to observe ``points`` (P, 3).
        image_size: Side of an RGB ``image`` to observe, pixels; None observes none.
        expert: Scripted policy for demonstrations, see `envs.foreign_expert.load_expert`, or a function of the
            observation in Python; None acts at random.
        inaccuracy: Spread of a hurried person's action around the expert's, of actions in [-1, 1].
        forget: Attributes of the environment that are no part of its state, see `envs.foreign_state`.
        render_mode: ``rgb_array`` or None.
        **options: Keyword arguments of the environment.

    Raises:
        ConfigError: There is no such environment, it does not run on MuJoCo, its actions have no bounds, or a wrapper
            remembers earlier steps.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    instruction: ClassVar[str] = "Earn as much reward as possible."

    def __init__(
        self,
        name: str = "Hopper-v5",
        *,
        points: bool = True,
        image_size: int | None = None,
        expert: str | Callable[[Any], Any] | None = None,
        inaccuracy: float = 0.1,
        forget: Sequence[str] = (),
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._inaccuracy = positive("inaccuracy", inaccuracy)
        self._expert = load_expert(expert) if isinstance(expert, str) else expert
        try:
            made: Any = gym.make(name, disable_env_checker=True, **options)
        except (gym.error.Error, ImportError, TypeError) as error:
            raise ConfigError(f"cannot make the gymnasium environment {name!r}: {error}") from error
        self.env: Any = made.unwrapped
        self._wrappers = _wrappers(made)
        self._outer: Any = self._wrappers[0] if self._wrappers else self.env
        for one in self._wrappers:
            if isinstance(one, _REMEMBERING):
                raise ConfigError(
                    f"{name!r} is in a {type(one).__name__}, which remembers earlier steps, so it cannot be rewound"
                )
        model, data = getattr(self.env, "model", None), getattr(self.env, "data", None)
        if not (isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData)):
            raise ConfigError(
                f"{name!r} does not run on MuJoCo with `model` and `data` of MuJoCo's own bindings, "
                "as dm_control does not, so its state cannot be saved and its points not be seen"
            )
        space: Any = self._outer.action_space
        if not isinstance(space, spaces.Box) or not np.isfinite([space.low, space.high]).all():
            raise ConfigError(f"actions of {name!r} must be a box with bounds, got {space}")
        self.physics = Physics(model, data)
        self.render_mode, self._image_size = render_mode, image_size
        self._low, self._high = space.low.astype(np.float64), space.high.astype(np.float64)
        self._returned = 0.0
        self._renderers: dict[int, Any] = {}
        self._seen = self._trial()
        self._state = ForeignState(self.physics, [*self._wrappers, self.env], forget)
        self._radius = self._extent()
        side = 1.2 * self._radius
        config = DepthCameraConfig(resolution=(128, 128), lower=(-side,) * 3, upper=(side,) * 3)
        self._depth = DepthCamera(model, config, self._view) if points else None
        if image_size is not None:
            check_resolution("image_size", model, (image_size, image_size))
        self.action_space = spaces.Box(-1.0, 1.0, self._low.shape, np.float32)
        self.observation_space = self._spaces()

    @property
    def qualities(self) -> tuple[str, ...]:
        """How well the demonstrator can act."""
        return ("random",) if self._expert is None else tuple(QUALITIES)

    @property
    def progress(self) -> float:
        """The rewards of the episode so far, added up."""
        return self._returned

    @property
    def goal(self) -> Goal:
        """Reports speak of the return."""
        return Goal("minus the return", unit="", scale=1.0)

    @property
    def geometry(self) -> ActionGeometry:
        """Nothing is known of what actions mean in space: one anchor, in the middle, and no symmetry."""
        size = self._low.size
        return ActionGeometry(
            matrix=np.zeros((1, 3, size), np.float32),
            offset=np.asarray(self.physics.data.subtree_com[:1], np.float32),
            symmetry_points=np.eye(3, dtype=np.float32)[None],
            symmetry_actions=np.eye(size, dtype=np.float32)[None],
            radius=self._radius,
            labels=("middle",),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Start an episode; `seed` seeds the start and the camera noise that follows."""
        super().reset(seed=seed)
        observation, info = self._begin(seed, options)
        self._returned = 0.0
        return self._observe(observation), {**info, "success": False}

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Carry out one action (A,) in [-1, 1]; ``info["success"]`` is False where the environment does not tell.

        Raises:
            ActionError: The action has the wrong shape, is not finite or leaves [-1, 1].
        """
        checked = check_action(action, self.action_space)
        # What some environments read before they step must not depend on how the state was reached.
        self.physics.forward()
        scaled = self._low + (checked + 1) / 2 * (self._high - self._low)
        try:
            observation, reward, terminated, _, info = self._outer.step(scaled.astype(self._outer.action_space.dtype))
        except ValueError as error:
            raise ActionError(f"the environment takes no more steps: {error}") from error
        self._returned += float(reward)
        success = bool(info.get("success", info.get("is_success", False)))
        return self._observe(observation), float(reward), bool(terminated), False, {**info, "success": success}

    def demonstrate(self, rng: np.random.Generator, quality: str = "medium") -> NDArray[np.float32]:
        """What the expert would do where the last step or snapshot led; at random if there is none.

        Args:
            rng: Source of its inaccuracy.
            quality: A key of `envs.task.QUALITIES`.

        Raises:
            ConfigError: There is no such quality, or the expert does not answer with an action.
        """
        if quality not in QUALITIES:
            raise unknown_name("quality", quality, QUALITIES)
        level = QUALITIES[quality]
        if self._expert is None or (level.random > 0 and rng.random() < level.random):
            return rng.uniform(-1, 1, self._low.shape).astype(np.float32)
        observation = spaces.unflatten(self._outer.observation_space, self._seen)
        action = checked(self._expert(observation), self._low.shape)
        scaled = 2 * (action - self._low) / (self._high - self._low) - 1
        noise = rng.normal(0, self._inaccuracy * level.noise, scaled.shape)
        return np.clip(np.clip(scaled, -1, 1) + noise, -1, 1).astype(np.float32)

    def snapshot(self) -> NDArray[np.float64]:
        """The state (see `envs.foreign_state`), what was observed last, and the return so far."""
        return np.concatenate([self._state.snapshot(), self._seen, [self._returned]])

    def restore(self, snapshot: NDArray[np.float64]) -> None:
        """Return to a snapshot.

        Raises:
            ConfigError: It is of another scene.
        """
        cut = len(snapshot) - len(self._seen) - 1
        self._state.restore(snapshot[: max(cut, 0)])
        self._seen, self._returned = snapshot[cut:-1].copy(), float(snapshot[-1])

    def render(self) -> NDArray[np.uint8] | None:
        """A 480 x 480 picture of what the depth camera looks at, if ``render_mode`` is ``rgb_array``."""
        return self.picture("", 480) if self.render_mode == "rgb_array" else None

    def picture(self, camera: str, size: int) -> NDArray[np.uint8]:
        """Take a (size, size, 3) picture of what the depth camera looks at, whatever camera is named."""
        if size not in self._renderers:
            self._renderers[size] = make_renderer(self.physics.model, (size, size))
        self._renderers[size].update_scene(self.physics.data, camera=self._view(self.physics.data))
        return self._renderers[size].render()

    def close(self) -> None:
        """Free the OpenGL contexts."""
        for held in (self._depth, *self._renderers.values(), self._outer):
            if held is not None:
                held.close()
        self._renderers.clear()

    def _view(self, data: mujoco.MjData) -> mujoco.MjvCamera:
        view = mujoco.MjvCamera()
        view.lookat[:] = data.subtree_com[0]
        half = np.deg2rad(float(self.physics.model.vis.global_.fovy)) / 2
        view.distance, view.azimuth, view.elevation = self._radius / np.sin(half), 90.0, -35.0
        return view

    def _extent(self) -> float:
        """Radius of a ball around the centre of mass that holds all geoms but the endless ones."""
        model, data = self.physics.model, self.physics.data
        away = np.linalg.norm(data.geom_xpos - data.subtree_com[0], axis=1) + model.geom_rbound
        return float(away[model.geom_rbound > 0].max())

    def _begin(self, seed: int | None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; what wrappers draw before that follows the seed as well."""
        if seed is not None:
            self.env.np_random, _ = seeding.np_random(seed)
        return self._outer.reset(seed=seed, options=options)

    def _trial(self) -> NDArray[np.float64]:
        """Reset and act once, so that the environment holds all that it ever will; the flat observation."""
        self._begin(0)
        middle = (self._low + self._high) / 2
        observation, *_ = self._outer.step(middle.astype(self._outer.action_space.dtype))
        return self._flat(observation)

    def _flat(self, observation: Any) -> NDArray[np.float64]:
        return np.asarray(spaces.flatten(self._outer.observation_space, observation), np.float64)

    def _observe(self, observation: Any) -> dict[str, NDArray[Any]]:
        self._seen = self._flat(observation)
        state = self._seen.astype(np.float32)
        observed: dict[str, NDArray[Any]] = {"proprio": state, "state": state}
        if self._depth is not None:
            observed["points"] = self._depth.points(self.physics.data, self.np_random)
        if self._image_size is not None:
            observed["image"] = self.picture("", self._image_size)
        return observed

    def _spaces(self) -> spaces.Dict:
        flat = spaces.flatten_space(self._outer.observation_space)
        vector = spaces.Box(-np.inf, np.inf, flat.shape, np.float32)
        content: dict[str, spaces.Space[Any]] = {"proprio": vector, "state": vector}
        if self._depth is not None:
            content["points"] = spaces.Box(-np.inf, np.inf, (self._depth.config.points, 3), np.float32)
        if self._image_size is not None:
            content["image"] = spaces.Box(0, 255, (self._image_size, self._image_size, 3), np.uint8)
        return spaces.Dict(content)


def _wrappers(made: Any) -> list[Any]:
    """The wrappers of an environment that are kept, the outermost first, linked to each other."""
    kept, inner = list[Any](), made
    while isinstance(inner, gym.Wrapper):
        if not isinstance(inner, _LEFT_OUT):
            kept.append(inner)
        inner = inner.env
    for outer, next_ in zip(kept, [*kept[1:], inner], strict=False):
        outer.env = next_
    return kept
