"""Data from simulation: demonstrations, states with candidate actions, and what those candidates achieve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.policies.abilities import history_of
from robopref.protocols import Policy, Progress
from robopref.robots.dynamics import observe
from robopref.robots.env_abilities import instruction_of, qualities_of
from robopref.robots.sim import Moment, SimPool, TaskSpec, carried_out, demonstrate_episode, outcomes, start
from robopref.seeding import derive

# Committed results were drawn by purpose * stride + seed * block + index, as long as that meets no other.
_BLOCK, _STRIDE = 100_000, 100_000_000
_PURPOSE = {"demonstrations": 1, "preferences": 2, "evaluation": 3, "exploration": 4, "validation": 5}


def episode_seed(purpose: str, seed: int, index: int) -> int:
    """Seed of one simulated episode, different for every purpose, run seed and index."""
    if 0 <= seed < _STRIDE // _BLOCK and 0 <= index < _BLOCK:
        return _PURPOSE[purpose] * _STRIDE + seed * _BLOCK + index
    return derive(seed, purpose, index)


def collect_demonstrations(
    pool: SimPool,
    path: Path,
    *,
    steps: int,
    seed: int,
    mixture: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> EpisodeStore:
    """Record demonstrations until there are `steps` demonstrated states; goes on where an earlier call stopped.

    With a mixture, each step carries ``quality``, an index into the store's attribute ``qualities``, so that the
    data can be split again.

    Args:
        pool: Runs the task.
        path: Episode store to create or continue.
        steps: Demonstrated states wanted; the last episode is cut to fit.
        seed: Seed of the episodes.
        mixture: Shares of the episodes by the quality of their demonstrator; None takes that of the `TaskSpec` for all.
        progress: Called with steps done and steps wanted.

    Returns:
        The store.

    Raises:
        ConfigError: The mixture has a quality that the task lacks, or a share that is not positive.
        DataError: The store is of another task, options, mixture or seed.
    """
    attributes, shares = task_attributes(pool, seed), None if mixture is None else checked_mixture(pool, mixture)
    if shares is not None:
        attributes |= {"quality": shares, "qualities": list(shares)}
    store = open_store(path, attributes)
    while store.steps < steps:
        first = len(store)
        count = min(8, steps - store.steps)  # every episode has a step at least
        codes = [None] * count if shares is None else interleave(list(shares.values()), first + count)[first:]
        names = [None if code is None else list(shares or {})[code] for code in codes]
        jobs = [(episode_seed("demonstrations", seed, first + k), name) for k, name in enumerate(names)]
        for episode, code in zip(pool.map(demonstrate_episode, jobs), codes, strict=True):
            if code is not None:
                episode["quality"] = np.full(len(episode["action"]), code, np.uint8)
            room = steps - store.steps
            store.append({key: value[:room] for key, value in episode.items()})
            if progress is not None:
                progress(store.steps, steps)
            if store.steps == steps:
                break  # the episodes that are left are not needed
    return store


def checked_mixture(pool: SimPool, mixture: Mapping[str, Any]) -> dict[str, float]:
    """Shares of a mixture that add up to 1.

    Args:
        pool: Runs the task.
        mixture: Positive numbers by quality, in any unit.

    Returns:
        Shares by quality.

    Raises:
        ConfigError: A quality does not exist, or a number is not positive.
    """
    known = qualities_of(pool.task.env)
    for name, share in mixture.items():
        if name not in known:
            raise unknown_name("quality", str(name), known)
        if not (isinstance(share, (int, float)) and math.isfinite(share) and share > 0):
            raise ConfigError(f"the share of {name} must be a positive number, got {share!r}; leave out what has none")
    if not mixture:
        raise ConfigError(f"a mixture needs at least one of these qualities: {', '.join(known)}")
    total = sum(mixture.values())
    return {name: share / total for name, share in mixture.items()}


def interleave(shares: Sequence[float], count: int) -> list[int]:
    """Deal out places so that every beginning of the list keeps to the shares as well as it can.

    Args:
        shares: (K,) adding up to 1.
        count: Number of places.

    Returns:
        For each place which share it belongs to; a longer list begins with the shorter one.
    """
    dealt, given = list[int](), np.zeros(len(shares))
    for place in range(count):
        # What is furthest behind; the first of equals, which rounding must not decide.
        behind = np.round(np.asarray(shares) * (place + 1) - given, 9)
        dealt.append(int(behind.argmax()))
        given[dealt[-1]] += 1
    return dealt


def draw_states(
    pool: SimPool,
    purpose: str,
    *,
    count: int,
    seed: int,
    warm_up: int,
    first: int = 0,
    progress: Progress | None = None,
) -> list[Moment]:
    """States in the middle of the task.

    Args:
        pool: Runs the task.
        purpose: ``preferences``, ``evaluation``, ``exploration`` or ``validation``; their states never coincide.
        count: Number of states S.
        seed: Seed of the states.
        warm_up: Largest number of demonstrated actions before a state.
        first: Number of the first state, of all that there are.
        progress: Called with states done and states wanted.

    Returns:
        S states.
    """
    moments: list[Moment] = []
    for moment in pool.map(start, [(episode_seed(purpose, seed, first + k), warm_up) for k in range(count)]):
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
    seen = (observe([moment], device, history_of(policy)) for moment in moments)
    chunks = [policy.sample(one, n, generator=generator).cpu().numpy() for one in seen]
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
    return np.stack(_executed(pool, outcomes, moments, chunks, progress))


def carry_out_candidates(
    pool: SimPool, moments: Sequence[Moment], chunks: NDArray[np.float32], progress: Progress | None = None
) -> tuple[NDArray[np.float64], dict[str, NDArray[Any]]]:
    """Execute every candidate from its state, and look at what comes of it.

    Args:
        pool: Runs the task.
        moments: S states.
        chunks: (S, N, H, A).
        progress: Called with states done and states wanted.

    Returns:
        (S, N) progress that each made, as of `try_candidates`; and (S, N, ...) of each part of what is observed then.
    """
    rows = _executed(pool, carried_out, moments, chunks, progress)
    after = {name: np.stack([seen[name] for _, seen in rows]) for name in rows[0][1]}
    return np.stack([gained for gained, _ in rows]), after


def _executed(
    pool: SimPool,
    function: Callable[..., Any],
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    progress: Progress | None,
) -> list[Any]:
    """What a function of the task gives for the candidates of each state."""
    rows: list[Any] = []
    for row in pool.map(function, [(moment.snapshot, chunk) for moment, chunk in zip(moments, chunks, strict=True)]):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(moments))
    return rows


def task_attributes(pool: SimPool, seed: int) -> dict[str, Any]:
    """What a dataset says of where it came from."""
    spec: TaskSpec = pool.task.spec
    return {
        "task": spec.id,
        "options": plain_options(spec.options),
        "max_steps": spec.max_steps,
        "quality": spec.quality,
        "seed": seed,
        "instruction": instruction_of(pool.task.env),
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


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a task as a dataset remembers them: what is no plain value, as text."""
    return {
        str(key): value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)
        for key, value in options.items()
    }
