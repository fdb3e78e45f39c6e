"""Simulated tasks that can be rewound, and a pool of processes that executes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, RoboprefError, unknown_name
from robopref.processes import leave_interrupts_to_parent, process_pool
from robopref.protocols import lacking
from robopref.records import ActionGeometry, Goal
from robopref.robots.env_abilities import DemonstratedEnv, FilmedEnv, RewindableEnv, goal_of


@dataclass(frozen=True)
class TaskSpec:
    """A gymnasium task by name, so that every process can make its own.

    Attributes:
        id: Gymnasium id, such as ``envs:robopref/RopeShaping-v0``.
        options: Keyword arguments of the environment.
        max_steps: Longest episode; the task is truncated there.
        quality: How well its scripted demonstrator acts.
    """

    id: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    max_steps: int = 8
    quality: str = "medium"


class Moment(NamedTuple):
    """A task at one time.

    Attributes:
        observation: What is observed, by the names of `Observation`; ``proprio`` always.
        snapshot: Full state, for rewinding.
        progress: How good the state is, larger is better.
        success: Whether the task is solved.
        reward: Of the action that led here, or of the chunk; 0 at a start.
        terminated: Whether the episode is over, by success or by failure.
        peak_force: Greatest contact force on the way, N; None where the task does not measure it.
    """

    observation: Mapping[str, NDArray[Any]]
    snapshot: NDArray[np.float64]
    progress: float
    success: bool
    reward: float = 0.0
    terminated: bool = False
    peak_force: float | None = None


class SimTask:
    """A simulated task that can be put into any state and continued from there.

    The environment has to offer ``snapshot``, ``restore``, ``progress``, ``geometry`` and, for demonstrations,
    ``demonstrate``; see `envs.rope.RopeShapingEnv`.

    Args:
        spec: Which task.

    Raises:
        ConfigError: The task does not exist, cannot be made so, or cannot be rewound.
    """

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec
        try:
            self.env: Any = gym.make(spec.id, disable_env_checker=True, **dict(spec.options)).unwrapped
        except RoboprefError:
            raise
        except ModuleNotFoundError as error:
            # Gymnasium names the module that is missing in its message only.
            module = error.name or spec.id.partition(":")[0]
            raise ConfigError(f"no task {spec.id!r}: module {module!r} is not installed") from error
        except gym.error.Error as error:
            known = [name for name in gym.registry if name.startswith("robopref/")]
            if spec.id.startswith("envs:") and not known:
                place = getattr(sys.modules.get("envs"), "__path__", ["?"])[0]
                raise ConfigError(
                    f"no task {spec.id!r}: the package envs at {place} is not robopref's, and hides it; rename yours, "
                    "or start robopref in another folder"
                ) from error
            raise unknown_name("task", spec.id.removeprefix("envs:"), known) from error
        except (TypeError, ValueError) as error:
            raise ConfigError(f"task {spec.id!r} does not exist or does not take these options: {error}") from error
        if missing := lacking(self.env, RewindableEnv):
            raise ConfigError(f"task {spec.id!r} lacks {', '.join(missing)}, needed to try out candidate actions")

    @property
    def geometry(self) -> ActionGeometry:
        """How the task's actions relate to points."""
        return self.env.geometry

    @property
    def goal(self) -> Goal:
        """In what terms the task is reported."""
        return goal_of(self.env)

    def reset(self, seed: int) -> Moment:
        """Start an episode."""
        observation, _ = self.env.reset(seed=seed)
        return self._moment(observation)

    def step(self, action: NDArray[np.float32]) -> Moment:
        """Execute one (A,) action."""
        observation, reward, terminated, _, info = self.env.step(np.asarray(action, dtype=np.float32))
        return self._moment(observation)._replace(
            success=bool(info["success"]), reward=float(reward), terminated=bool(terminated),
            peak_force=float(info["peak_force"]) if "peak_force" in info else None,
        )  # fmt: skip

    def demonstrate(self, rng: np.random.Generator, quality: str | None = None) -> NDArray[np.float32]:
        """An action of the task's scripted demonstrator.

        Args:
            rng: Source of its inaccuracy.
            quality: How well it acts; None takes that of the `TaskSpec`.

        Returns:
            (A,) action.

        Raises:
            ConfigError: The task has none.
        """
        if not isinstance(self.env, DemonstratedEnv):
            raise ConfigError(f"task {self.spec.id!r} has no scripted demonstrator; collect demonstrations elsewhere")
        return self.env.demonstrate(rng, quality or self.spec.quality)

    def rewind(self, snapshot: NDArray[np.float64], seed: int) -> None:
        """Return to a state; `seed` seeds the sensor noise that follows."""
        self.env.restore(snapshot)
        self.env.np_random = np.random.default_rng(seed)

    def close(self) -> None:
        """Free what the environment holds."""
        self.env.close()

    def _moment(self, observation: Mapping[str, Any]) -> Moment:
        return Moment(observation, self.env.snapshot(), float(self.env.progress), success=False)


def demonstrate_episode(task: SimTask, seed: int, quality: str | None = None) -> dict[str, NDArray[Any]]:
    """Let the demonstrator act until the episode is over or the time limit.

    Args:
        task: The task.
        seed: Seed of the start and of the demonstrator.
        quality: How well it acts; None takes that of the `TaskSpec`.

    Returns:
        An episode: what was observed, action, reward, progress before and after, terminated, truncated.
    """
    rng = np.random.default_rng(seed)
    moment, rows = task.reset(seed), list[dict[str, Any]]()
    for step in range(task.spec.max_steps):
        action = task.demonstrate(rng, quality)
        after = task.step(action)
        rows.append({
            **moment.observation, "action": action, "reward": np.float32(after.reward),
            "progress": np.float32(moment.progress), "next_progress": np.float32(after.progress),
            "terminated": after.terminated, "truncated": not after.terminated and step + 1 == task.spec.max_steps,
        })  # fmt: skip
        if after.peak_force is not None:
            rows[-1]["peak_force"] = np.float32(after.peak_force)
        moment = after
        if after.terminated:
            break
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def demonstrate_chunk(task: SimTask, snapshot: NDArray[np.float64], horizon: int, seed: int) -> NDArray[np.float32]:
    """What the demonstrator would do from a state.

    Args:
        task: The task.
        snapshot: The state.
        horizon: Number of actions H.
        seed: Seed of the demonstrator.

    Returns:
        (H, A) actions; the last one is repeated after the end.
    """
    rng = np.random.default_rng(seed)
    task.rewind(snapshot, seed)
    actions, done = [task.demonstrate(rng)], False
    while len(actions) < horizon:
        done = done or task.step(actions[-1]).terminated
        actions.append(actions[-1] if done else task.demonstrate(rng))
    return np.stack(actions)


def start(task: SimTask, seed: int, warm_up: int) -> Moment:
    """A state in the middle of a task: a reset, then 0 to `warm_up` demonstrated actions.

    Args:
        task: The task.
        seed: Seed of everything.
        warm_up: Largest number of demonstrated actions.

    Returns:
        The state, never one in which the episode is over.
    """
    rng = np.random.default_rng(seed)
    moment = task.reset(seed)
    for _ in range(int(rng.integers(0, warm_up + 1))):
        after = task.step(task.demonstrate(rng))
        if after.terminated:
            break
        moment = after
    task.rewind(moment.snapshot, seed)
    return moment


def outcomes(task: SimTask, snapshot: NDArray[np.float64], chunks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Progress that each chunk would make from the same state.

    Args:
        task: The task.
        snapshot: The state.
        chunks: (N, H, A).

    Returns:
        (N,) progress after minus progress before.
    """
    gained = np.empty(len(chunks))
    for index, chunk in enumerate(chunks):
        task.rewind(snapshot, 0)
        before = task.env.progress
        for action in chunk:
            if task.step(action).terminated:
                break
        gained[index] = task.env.progress - before
    return gained


def carried_out(
    task: SimTask, snapshot: NDArray[np.float64], chunks: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.float64], dict[str, NDArray[Any]]]:
    """What comes of each chunk from the same state.

    Args:
        task: The task.
        snapshot: The state.
        chunks: (N, H, A).
        seed: Seed of the sensor noise.

    Returns:
        (N,) progress after minus progress before; and (N, ...) of each part of what is observed afterwards.
    """
    task.rewind(snapshot, seed)
    before, after = float(task.env.progress), [advance(task, snapshot, chunk, seed) for chunk in chunks]
    seen = {name: np.stack([moment.observation[name] for moment in after]) for name in after[0].observation}
    return np.array([moment.progress for moment in after]) - before, seen


def advance(task: SimTask, snapshot: NDArray[np.float64], chunk: NDArray[np.float32], seed: int) -> Moment:
    """Execute one chunk from a state.

    Args:
        task: The task.
        snapshot: The state.
        chunk: (H, A).
        seed: Seed of the sensor noise.

    Returns:
        The state after it, with the sum of the rewards on the way.
    """
    task.rewind(snapshot, seed)
    moment = task.step(chunk[0])
    for action in chunk[1:]:
        if moment.terminated:
            break
        after = task.step(action)
        moment = after._replace(reward=moment.reward + after.reward)
    return moment


def film(task: SimTask, trail: Sequence[tuple[NDArray[np.float64], NDArray[np.float32]]]) -> list[NDArray[np.uint8]]:
    """Pictures of an episode that was already run.

    Args:
        task: The task; without a ``film`` method it gives no pictures.
        trail: The state before each chunk, and the chunk (H, A).

    Returns:
        Pictures (h, w, 3).
    """
    frames: list[NDArray[np.uint8]] = []
    if isinstance(task.env, FilmedEnv):
        for snapshot, chunk in trail:
            task.rewind(snapshot, 0)
            for action in chunk:
                frames.extend(task.env.film(action))
    return frames


class SimPool:
    """Runs functions of a task in several processes; results come in the order of the jobs.

    Every job seeds what it does, so the number of workers changes nothing but the time.

    Args:
        spec: The task.
        workers: Number of processes; 0 runs in this one.
    """

    def __init__(self, spec: TaskSpec, workers: int = 0) -> None:
        if workers < 0:
            raise ConfigError(f"workers must not be negative, got {workers}")
        # Errors in the settings surface here, not in a worker.
        self.task = SimTask(spec)
        self._executor = None
        if workers > 0:
            self._executor = process_pool(workers, _set_up, spec)

    def map(self, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Call ``function(task, *job)`` for every job.

        Args:
            function: A module-level function whose first argument is a `SimTask`.
            jobs: Its other arguments.

        Yields:
            Results, in order.

        Raises:
            RoboprefError: A worker died.
        """
        if self._executor is None:
            for job in jobs:
                yield function(self.task, *job)
            return
        try:
            yield from self._executor.map(_call, [(function, job) for job in jobs])
        except BrokenProcessPool as error:
            raise RoboprefError("a simulation process died, perhaps for want of memory; try workers=0") from error

    def close(self) -> None:
        """End the processes."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self.task.close()

    def __enter__(self) -> SimPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_task: SimTask | None = None


def _set_up(spec: TaskSpec) -> None:
    global _task  # noqa: PLW0603  one task a worker process, made once
    leave_interrupts_to_parent()
    _task = SimTask(spec)


def _call(job: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    function, arguments = job
    return function(_task, *arguments)
