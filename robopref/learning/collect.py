"""Data from simulation: demonstrations, states with candidate actions, and what those candidates achieve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes import EpisodeStore
from robopref.errors import DataError
from robopref.protocols import Policy
from robopref.robots.dynamics import observe
from robopref.robots.sim import Moment, SimPool, TaskSpec, demonstrate_episode, outcomes, start

Progress = Callable[[int, int], None]

# Seeds of different purposes never meet: purpose * stride + seed * block + index.
_BLOCK, _STRIDE = 100_000, 100_000_000
_PURPOSE = {"demonstrations": 1, "preferences": 2, "evaluation": 3}


def episode_seed(purpose: str, seed: int, index: int) -> int:
    """Seed of one simulated episode, different for every purpose, run seed and index."""
    return _PURPOSE[purpose] * _STRIDE + seed * _BLOCK + index


def collect_demonstrations(
    pool: SimPool, path: Path, *, steps: int, seed: int, progress: Progress | None = None
) -> EpisodeStore:
    """Record demonstrations until there are `steps` demonstrated states; goes on where an earlier call stopped.

    Args:
        pool: Runs the task.
        path: Episode store to create or continue.
        steps: Demonstrated states wanted; the last episode is cut to fit.
        seed: Seed of the episodes.
        progress: Called with steps done and steps wanted.

    Returns:
        The store.

    Raises:
        DataError: The store is of another task, options or seed.
    """
    store = open_store(path, task_attributes(pool, seed))
    while store.steps < steps:
        first = len(store)
        jobs = [(episode_seed("demonstrations", seed, first + k),) for k in range(8)]
        for episode in pool.map(demonstrate_episode, jobs):
            room = steps - store.steps
            if room > 0:
                store.append({key: value[:room] for key, value in episode.items()})
            if progress is not None:
                progress(min(store.steps, steps), steps)
    return store


def draw_states(
    pool: SimPool, purpose: str, *, count: int, seed: int, warm_up: int, progress: Progress | None = None
) -> list[Moment]:
    """States in the middle of the task.

    Args:
        pool: Runs the task.
        purpose: ``preferences`` or ``evaluation``; their states never coincide.
        count: Number of states S.
        seed: Seed of the states.
        warm_up: Largest number of demonstrated actions before a state.
        progress: Called with states done and states wanted.

    Returns:
        S states.
    """
    moments: list[Moment] = []
    for moment in pool.map(start, [(episode_seed(purpose, seed, k), warm_up) for k in range(count)]):
        moments.append(moment)
        if progress is not None:
            progress(len(moments), count)
    return moments


def draw_candidates(
    policy: Policy, moments: Sequence[Moment], *, n: int, seed: int, device: torch.device
) -> NDArray[np.float32]:
    """Candidate chunks of a policy in each state.

    Args:
        policy: Source of candidates.
        moments: S states.
        n: Candidates N a state.
        seed: Seed of the policy's noise.
        device: Where the policy is.

    Returns:
        (S, N, H, A).
    """
    generator = torch.Generator(device).manual_seed(seed)
    chunks = [policy.sample(observe([moment], device), n, generator=generator).cpu().numpy() for moment in moments]
    return np.concatenate(chunks)


def try_candidates(
    pool: SimPool, moments: Sequence[Moment], chunks: NDArray[np.float32], progress: Progress | None = None
) -> NDArray[np.float64]:
    """Execute every candidate from its state.

    Args:
        pool: Runs the task.
        moments: S states.
        chunks: (S, N, H, A).
        progress: Called with states done and states wanted.

    Returns:
        (S, N) progress that each made.
    """
    rows: list[NDArray[np.float64]] = []
    jobs = [(moment.snapshot, chunk) for moment, chunk in zip(moments, chunks, strict=True)]
    for row in pool.map(outcomes, jobs):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(jobs))
    return np.stack(rows)


def task_attributes(pool: SimPool, seed: int) -> dict[str, Any]:
    """What a dataset says of where it came from."""
    spec: TaskSpec = pool.task.spec
    return {
        "task": spec.id,
        "options": {key: value if _plain(value) else repr(value) for key, value in spec.options.items()},
        "max_steps": spec.max_steps,
        "quality": spec.quality,
        "seed": seed,
        "instruction": getattr(pool.task.env, "instruction", ""),
        "geometry": pool.task.geometry.to_dict(),
    }


def open_store(path: Path, attributes: dict[str, Any]) -> EpisodeStore:
    """Create a store, or continue one that came from the same place.

    Args:
        path: Where it is.
        attributes: Where its data come from.

    Returns:
        The store, to append to.

    Raises:
        DataError: It holds data of another origin.
    """
    if not path.exists():
        return EpisodeStore.create(path, attributes)
    store = EpisodeStore.open(path, "a")
    for key, value in attributes.items():
        if store.attrs.get(key) != value:
            raise DataError(
                f"{path} was made with {key}={store.attrs.get(key)!r}, now {value!r} is asked for; choose another run "
                "folder or remove it"
            )
    return store


def _plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, type(None)))
