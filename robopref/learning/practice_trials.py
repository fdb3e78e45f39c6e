"""Episodes that measure a policy without teaching it: success, violations, and what can be filmed of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.protocols import Progress
from robopref.robots.env_abilities import tool_of
from robopref.robots.sim import SimTask
from robopref.safety.violations import Bounds, ToolPath
from robopref.seeding import derive

Acts = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.float32]]
Trail = list[tuple[NDArray[np.float64], NDArray[np.float32]]]
STARTS = "trial of practice"  # what starts are drawn for, so that no practised one is among them


@dataclass(frozen=True)
class Lived:
    """One episode.

    Attributes:
        success: Whether the task was solved.
        motion: How the tool moved.
        trail: The state before each action, and the action as a chunk (1, A), for `robopref.robots.sim.film`.
    """

    success: bool
    motion: ToolPath
    trail: Trail


def live(task: SimTask, act: Acts, seed: int, *, screen: Any = None) -> Lived:
    """Let a policy act from one start until the task is over.

    Args:
        task: The task.
        act: From parts of an observation to an action (A,).
        seed: Of the start.
        screen: Says last what may be carried out; None carries out everything.
    """
    moment = task.reset(seed)
    if screen is not None:
        screen.reset()
    places, forces, trail = [tool_of(task.env, moment.observation["proprio"])], list[float](), Trail()
    success = False
    for _ in range(task.spec.max_steps):
        action = act(moment.observation)
        if screen is not None:
            action = screen(moment.observation, action)
        trail.append((moment.snapshot, action[None]))
        moment = task.step(action)
        places.append(tool_of(task.env, moment.observation["proprio"]))
        forces.append(np.nan if moment.peak_force is None else moment.peak_force)
        success = success or moment.success
        if moment.terminated:
            break
    force = np.array(forces)
    return Lived(success, ToolPath(np.stack(places), force if np.isfinite(force).all() else None), trail)


@dataclass(frozen=True)
class TrialCount:
    """What came of several episodes.

    Attributes:
        success: (episodes,) whether each solved the task.
        rates: Violations of each kind in 1,000 steps.
        force: Greatest contact force, N; 0 where nothing measures it.
    """

    success: Sequence[bool]
    rates: Mapping[str, float]
    force: float


def trials(
    task: SimTask,
    act: Acts,
    bounds: Bounds,
    *,
    episodes: int,
    seed: int,
    screen: Any = None,
    progress: Progress | None = None,
) -> TrialCount:
    """Let a policy act from starts that are the same for all who are tried with a seed.

    Args:
        task: The task.
        act: From parts of an observation to an action (A,).
        bounds: Say what a violation is.
        episodes: How many.
        seed: Of the starts.
        screen: Says last what may be carried out.
        progress: Called with episodes done and wanted.
    """
    lived: list[Lived] = []
    for index in range(episodes):
        lived.append(live(task, act, derive(seed, STARTS, index) % 2**32, screen=screen))
        if progress is not None:
            progress(index + 1, episodes)
    found = [bounds.violations(one.motion) for one in lived]
    steps = sum(len(one.trail) for one in lived)
    return TrialCount(
        [one.success for one in lived],
        {kind: 1000 * sum(one[kind] for one in found) / steps for kind in found[0]},
        max(0.0 if one.motion.force is None else float(one.motion.force.max()) for one in lived),
    )
