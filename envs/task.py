"""What every task shares: checked actions, sensors, rewards, demonstrations, snapshots and pictures."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypedDict

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera import DepthCamera, DepthCameraConfig, check_resolution, make_renderer
from envs.physics import Physics
from robopref.errors import ActionError, ConfigError, unknown_name
from robopref.records import ActionGeometry, Goal

Values = NDArray[np.float64]
REWARDS = ("dense", "sparse")
PICTURE = 480  # side of pictures for people, pixels
_TOOLS = ("tool", "gripper", "board")  # bodies that act


class TaskSettings(TypedDict, total=False):
    """Settings of every task.

    Attributes:
        points: Whether to observe ``points`` (P, 3) float32, metres in the table frame.
        state: Whether to observe ``state`` (S,) float32, the ground truth of robot and objects.
        image_size: Side of an RGB ``image`` (h, w, 3) uint8 to observe, pixels; None observes none.
        camera: The depth camera in place of the task's own.
        reward: ``dense``, as the task documents it, or ``sparse``: 1 on success, else 0.
        render_mode: ``rgb_array`` or None.
    """

    points: bool
    state: bool
    image_size: int | None
    camera: DepthCameraConfig | None
    reward: str
    render_mode: str | None


class Quality(NamedTuple):
    """How well a demonstrator acts.

    Attributes:
        noise: Scale of its inaccuracy; 1 is a hurried person.
        random: Probability that an action is random.
    """

    noise: float
    random: float


QUALITIES = {
    "expert": Quality(0.0, 0.0),
    "medium": Quality(1.0, 0.0),
    "poor": Quality(2.0, 0.4),
    "random": Quality(0.0, 1.0),
}


class Task(gym.Env[dict[str, NDArray[Any]], NDArray[np.float32]]):
    """A MuJoCo task that can be put into any of its states.

    A task file defines the methods that raise `NotImplementedError` here, and says in its docstring what it observes,
    what an action does, the formula, range and unit of its dense reward, when it ends, and what `info` holds. Time
    limits belong to the registration and truncate; success terminates. All that `_start` randomises lives in the
    physics state, so that a snapshot is the whole state of the task.

    Args:
        scene: File name of the MJCF among the assets, or its path.
        actions: Size of an action; all lie in [-1, 1].
        parts: Generated pieces of the MJCF, see `envs.physics.Physics.load`.
        **settings: See `TaskSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    instruction: ClassVar[str] = ""
    qualities: ClassVar[tuple[str, ...]] = tuple(QUALITIES)
    camera: ClassVar[DepthCameraConfig] = DepthCameraConfig()
    # Spread of a hurried person's action around the expert's, in units of the action.
    inaccuracy: ClassVar[float] = 0.1

    def __init__(
        self, scene: str | Path, actions: int, parts: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        unknown = settings.keys() - TaskSettings.__annotations__.keys()
        if unknown:
            own = inspect.signature(type(self)).parameters.keys() - {"settings"}
            raise unknown_name("task setting", sorted(unknown)[0], own | TaskSettings.__annotations__.keys())
        given: dict[str, Any] = {"points": True, "state": False, "reward": "dense"} | settings
        if given["reward"] not in REWARDS:
            raise unknown_name("reward", str(given["reward"]), REWARDS)
        self.render_mode: str | None = given.get("render_mode")
        if self.render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render mode", str(self.render_mode), self.metadata["render_modes"])
        self.physics = Physics.load(scene, parts)
        self.model, self.data = self.physics.model, self.physics.data
        self._sparse = given["reward"] == "sparse"
        self._state_observed = bool(given["state"])
        self._depth = DepthCamera(self.model, given.get("camera") or self.camera) if given["points"] else None
        self._image_size: int | None = given.get("image_size")
        if self._image_size is not None:
            check_resolution("image_size", self.model, (self._image_size, self._image_size))
        self._renderers: dict[int, Any] = {}
        self._prepare()
        self.action_space = spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.observation_space = self._spaces()

    # What a task defines.

    def _prepare(self) -> None:
        """Look up what later methods need in the model; called once, before anything is observed."""

    def _start(self) -> None:
        """Bring the scene, which was just reset, into a random start drawn with ``self.np_random``."""
        raise NotImplementedError

    def _act(self, action: Values) -> None:
        """Carry out one checked action."""
        raise NotImplementedError

    def _proprio(self) -> Values:
        """What the robot feels of itself, (D,)."""
        raise NotImplementedError

    def _state(self) -> Values:
        """Ground truth of the robot and the objects, (S,), for learning without a camera."""
        raise NotImplementedError

    def _measure(self) -> dict[str, Any]:
        """Ground truth for `info`, with ``success`` and what the dense reward is made of."""
        raise NotImplementedError

    def _dense(self, info: dict[str, Any]) -> float:
        """The dense reward of a state that was just measured."""
        raise NotImplementedError

    def _expert(self, rng: np.random.Generator) -> Values:
        """What somebody careful would do in the present state, (A,)."""
        raise NotImplementedError

    @property
    def progress(self) -> float:
        """How good the present state is, larger is better; differences of it value an action chunk."""
        return self._dense(self._measure())

    @property
    def goal(self) -> Goal:
        """In what terms reports speak of the task."""
        return Goal()

    @property
    def outline(self) -> Values | None:
        """(V, 2) line to draw around or along the target in pictures from above, m, if there is one."""
        return None

    @property
    def geometry(self) -> ActionGeometry:
        """How actions relate to points, and the symmetries of the task."""
        raise NotImplementedError

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the present state, for checklists, by the names of `robopref.checklists.trace`.

        All tasks know the time, where their bodies are, and the numbers of `info`; a task that knows more adds that.
        """
        info = self._measure()
        known = {name: float(value) for name, value in info.items() if isinstance(value, int | float)}
        known["force"] = known.get("force", known.get("contact_force", 0.0))
        bodies = [self.model.body(index) for index in range(1, self.model.nbody)]
        named = {body.name: self.data.xpos[body.id].copy() for body in bodies if not body.name[-1:].isdigit()}
        places = {f"at {'tool' if name in _TOOLS else name}": place for name, place in named.items()}
        return {"time": float(self.data.time), **known, **places}

    # What all tasks do alike.

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seed of the start and of the camera noise that follows.
            options: Unused.

        Returns:
            The first observation and the info.
        """
        super().reset(seed=seed)
        self.physics.reset()
        self._start()
        return self._observe(), self._measure()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Carry out one action.

        Args:
            action: (A,) in [-1, 1].

        Returns:
            Observation, reward, terminated, truncated (always False) and info.

        Raises:
            ActionError: The action has the wrong shape, is not finite or leaves [-1, 1].
        """
        self._act(check_action(action, self.action_space))
        info = self._measure()
        reward = float(info["success"]) if self._sparse else self._dense(info)
        return self._observe(), float(reward), bool(info["success"]), False, info

    def demonstrate(self, rng: np.random.Generator, quality: str = "medium") -> NDArray[np.float32]:
        """What a scripted demonstrator would do in the present state.

        Args:
            rng: Source of its inaccuracy.
            quality: A key of `QUALITIES`.

        Returns:
            (A,) action.

        Raises:
            ConfigError: There is no such quality.
        """
        if quality not in QUALITIES:
            raise unknown_name("quality", quality, QUALITIES)
        level = QUALITIES[quality]
        if level.random > 0 and rng.random() < level.random:
            return rng.uniform(-1, 1, self.action_space.shape).astype(np.float32)
        return np.clip(self._imprecise(rng, level.noise), -1, 1).astype(np.float32)

    def _imprecise(self, rng: np.random.Generator, noise: float) -> Values:
        """The expert's action, inaccurately carried out; a task may know better how people err."""
        expert = self._expert(rng)
        return expert + rng.normal(0, self.inaccuracy * noise, expert.shape)

    def snapshot(self) -> Values:
        """The full physics state, for `restore`; the camera noise stream is not part of it."""
        return self.physics.snapshot()

    def restore(self, snapshot: Values) -> None:
        """Return to a snapshot; what follows is then the same, bit for bit.

        Args:
            snapshot: From `snapshot`.

        Raises:
            ConfigError: It is of another scene.
        """
        self.physics.restore(snapshot)

    def film(self, action: NDArray[np.float32], *, every: float = 0.08) -> list[NDArray[np.uint8]]:
        """Execute an action as `step` does and take pictures meanwhile.

        Args:
            action: (A,) in [-1, 1].
            every: Simulated seconds between pictures.

        Returns:
            Pictures (480, 480, 3) from the side camera; the last one shows the task solved, if the action solves it.
        """
        frames: list[NDArray[np.uint8]] = []
        steps, stride = itertools.count(), max(1, round(every / self.physics.timestep))

        def watch() -> None:
            if next(steps) % stride == 0:
                frames.append(self.picture("side", PICTURE))

        self.physics.watch = watch
        try:
            solved = self.step(action)[2]
        finally:
            self.physics.watch = None
        return [*frames, self.picture("side", PICTURE)] if solved else frames

    def render(self) -> NDArray[np.uint8] | None:
        """A 480 x 480 picture from the side camera if ``render_mode`` is ``rgb_array``."""
        return self.picture("side", PICTURE) if self.render_mode == "rgb_array" else None

    def picture(self, camera: str, size: int) -> NDArray[np.uint8]:
        """Take a picture of the present state.

        Args:
            camera: Camera of the MJCF.
            size: Side, pixels.

        Returns:
            (size, size, 3).
        """
        if size not in self._renderers:
            self._renderers[size] = make_renderer(self.model, (size, size))
        self._renderers[size].update_scene(self.data, camera=camera)
        return self._renderers[size].render()

    def close(self) -> None:
        """Free the OpenGL contexts."""
        if self._depth is not None:
            self._depth.close()
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _observe(self) -> dict[str, NDArray[Any]]:
        observation: dict[str, NDArray[Any]] = {"proprio": self._proprio().astype(np.float32)}
        if self._depth is not None:
            observation["points"] = self._depth.points(self.data, self.np_random)
        if self._state_observed:
            observation["state"] = self._state().astype(np.float32)
        if self._image_size is not None:
            observation["image"] = self.picture("overhead", self._image_size)
        return observation

    def _spaces(self) -> spaces.Dict:
        self.physics.forward()
        content: dict[str, spaces.Space[Any]] = {
            "proprio": spaces.Box(-100.0, 100.0, self._proprio().shape, np.float32),
        }
        if self._depth is not None:
            content["points"] = spaces.Box(-5.0, 5.0, (self._depth.config.points, 3), np.float32)
        if self._state_observed:
            content["state"] = spaces.Box(-100.0, 100.0, self._state().shape, np.float32)
        if self._image_size is not None:
            content["image"] = spaces.Box(0, 255, (self._image_size, self._image_size, 3), np.uint8)
        return spaces.Dict(content)


def check_action(action: Any, space: spaces.Box) -> Values:
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


def positive(name: str, value: float) -> float:
    """Check a setting that must be positive.

    Args:
        name: Name of the setting.
        value: Its value.

    Returns:
        The value.

    Raises:
        ConfigError: It is not positive.
    """
    if not value > 0:
        raise ConfigError(f"{name} must be positive, got {value}")
    return value
