"""A run's candidates on disk, and what each achieves; both are made once, and go on where they were stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes.candidate_store import CANDIDATES, EXPLORED, GROWN, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, MismatchError
from robopref.files import replacing
from robopref.labelers.subject import Bar, Session
from robopref.learning.collect import draw_candidates, draw_states, open_store, task_attributes
from robopref.policies.abilities import require_one_observation
from robopref.policies.chunk_diffusion import likeliest_of, temperature_of
from robopref.protocols import ChunkPolicy
from robopref.records import Observation
from robopref.robots.env_abilities import outline_of
from robopref.robots.sim import SimPool, carried_out, demonstrate_chunk

Stage = Callable[[str, str], AbstractContextManager[Bar]]
OUTCOMES = "outcomes.zarr"  # what came of a run's candidates, in its folder
EXPLORED_OUTCOMES = "explored_outcomes.zarr"  # and of those that were explored
OUTCOMES_OF = {CANDIDATES: OUTCOMES, EXPLORED: EXPLORED_OUTCOMES}  # by the name of the dataset
_BLOCK = 10
TEMPERATURE = "temperature"  # attribute of candidates: of the noise that they were drawn from
LIKELIEST = "likeliest"  # attribute of candidates: of how many each is the likeliest
_NEXT = "next_"  # before the name of what is observed after a candidate


@dataclass(frozen=True)
class CandidateDraw:
    """Which candidates are drawn.

    Attributes:
        states: States S of the task.
        candidates: Candidates N in each.
        warm_up: Demonstrated actions before a state, at most.
        demonstrated: Whether the last candidate of each state is the demonstrator's action.
        seed: Of states and noise.
        device: Where the policy is.
    """

    states: int
    candidates: int
    warm_up: int = 0
    demonstrated: bool = False
    seed: int = 0
    device: str | torch.device = "cpu"


def stored_candidates(path: Path, draw: CandidateDraw) -> EpisodeStore | None:
    """Candidates that were drawn before; None if there are none yet.

    Args:
        path: Episode store.
        draw: Which ones are wanted.

    Raises:
        DataError: What is there holds no candidates.
        MismatchError: It holds another number of states or candidates.
    """
    if not path.exists():
        return None
    store = open_candidates(path)
    if store.steps == draw.states and store.array("candidates", 0, 1).shape[1] == draw.candidates:
        return store
    raise MismatchError(
        f"{path} holds {store.steps} states, not the {draw.states} states of {draw.candidates} candidates asked for; "
        "choose another run folder or remove it and labels.sqlite"
    )


def store_candidates(
    path: Path, policy: ChunkPolicy, pool: SimPool, draw: CandidateDraw, stage: Stage = Session.stage
) -> EpisodeStore:
    """Draw states of a task with candidates of a policy in each, one episode a state.

    Args:
        path: Episode store to create, which is there whole or not at all.
        policy: What draws candidates.
        pool: Runs the task.
        draw: Which ones.
        stage: Shows a bar.

    Returns:
        The store, with ``candidates`` (S, N, H, A), ``snapshot`` and ``progress`` beside the observation.
    """
    require_one_observation(policy)
    seed = draw.seed
    with stage("Draw candidate actions", "states") as bar:
        moments = draw_states(
            pool, "preferences", count=draw.states, seed=seed, warm_up=draw.warm_up, progress=bar
        )  # fmt: skip
        chunks = draw_candidates(policy, moments, n=draw.candidates, seed=seed + 1, device=torch.device(draw.device))
        if draw.demonstrated:
            jobs = [(moment.snapshot, policy.shape[0], seed + k) for k, moment in enumerate(moments)]
            chunks[:, -1] = np.stack(list(pool.map(demonstrate_chunk, jobs)))
        shutil.rmtree(path.with_suffix(".part"), ignore_errors=True)  # what older versions left when they were stopped
        # A store of another size than asked for never carries the final name.
        with replacing(path) as unfinished:
            store = EpisodeStore.create(
                unfinished,
                {
                    **task_attributes(pool, seed), TEMPERATURE: temperature_of(policy), LIKELIEST: likeliest_of(policy),
                },
            )  # fmt: skip
            for moment, chunk in zip(moments, chunks, strict=True):
                store.append({
                    **{name: part[None] for name, part in moment.observation.items()},
                    "snapshot": moment.snapshot[None], "progress": np.array([moment.progress], np.float32),
                    "candidates": chunk[None],
                })  # fmt: skip
    return EpisodeStore.open(path)


def tried_candidates(
    path: Path, pool: SimPool, candidates: EpisodeStore, stage: Stage = Session.stage
) -> NDArray[np.float64]:
    """What each candidate achieves when it is carried out from its state.

    Args:
        path: Episode store of the outcomes, to create or continue.
        pool: Runs the task.
        candidates: As `store_candidates` stores them.
        stage: Shows a bar.

    Returns:
        (S, N).

    Raises:
        DataError: The store is of other candidates, or damaged.
    """
    return carry_out(path, pool, candidates, stage).array("outcome")


def observed_outcomes(
    path: Path, pool: SimPool, candidates: EpisodeStore, keys: Sequence[str], stage: Stage = Session.stage
) -> Observation:
    """What is observed after each candidate is carried out from its state.

    Args:
        path: As for `tried_candidates`; a store of before, which does not hold it, is made anew.
        pool: Runs the task.
        candidates: As `store_candidates` stores them.
        keys: Parts of an observation.
        stage: Shows a bar.

    Returns:
        Parts (S, N, ...).

    Raises:
        DataError: The store is of other candidates, or damaged, or the task does not show a part.
    """
    store = carry_out(path, pool, candidates, stage)
    if not any(key.startswith(_NEXT) for key in store.keys):
        shutil.rmtree(path)
        store = carry_out(path, pool, candidates, stage)
    count = candidates.array("candidates", 0, 1).shape[1]
    found: dict[str, torch.Tensor] = {}
    for name in keys:
        if f"{_NEXT}{name}" not in store.keys:
            if name in candidates.keys:
                raise _damaged(path, f"it lacks {_NEXT}{name}, what was observed after the candidates")
            raise DataError(f"{pool.task.spec.id} does not show {name}, which a reward is to judge outcomes by")
        found[name] = torch.as_tensor(store.array(f"{_NEXT}{name}"))
        if found[name].shape[1] != count or not bool(found[name].isfinite().all()):
            raise _damaged(path, f"what was observed after {count} candidates must be finite numbers of each")
        before = candidates.array(name, 0, 1).shape[1:] if name in candidates.keys else found[name].shape[2:]
        after = found[name].shape[2:]
        clouds = len(before) == len(after) == 2 and before[1] == after[1]  # perhaps of another number of points
        if after != before and not clouds:
            raise _damaged(path, f"{_NEXT}{name} is {tuple(after)} of a candidate, {name} before it {tuple(before)}")
    return Observation.of(found)


def known_outcomes(path: Path, candidates: EpisodeStore, keys: Sequence[str]) -> Observation | None:
    """What was observed after candidates, as far as they have been carried out; nothing is executed.

    Args:
        path: Episode store of the outcomes.
        candidates: As `store_candidates` stores them.
        keys: Parts of an observation.

    Returns:
        Parts (S', N, ...) of the first S' states; None if there is no such store, or it does not hold a part.

    Raises:
        DataError: The store is of other candidates, or damaged.
    """
    if not path.exists():
        return None
    store = EpisodeStore.open(path)
    if store.attrs.get("candidates") != (candidates.attrs.get(GROWN) or candidates.fingerprint()):
        raise _damaged(path, f"it is of other candidates than {candidates.path}")
    names = {name: f"{_NEXT}{name}" for name in keys}
    if not store.steps or not store.keys or not set(names.values()) <= set(store.keys):
        return None
    found = {name: torch.as_tensor(np.asarray(store.array(key), np.float32)) for name, key in names.items()}
    count = candidates.array("candidates", 0, 1).shape[1]
    if store.steps > candidates.steps or any(part.shape[1:2] != (count,) for part in found.values()):
        raise _damaged(path, f"what was observed after {count} candidates of each state must be as many")
    return Observation.of(found)


def carry_out(
    path: Path, pool: SimPool, candidates: EpisodeStore, stage: Stage, *, title: str = "Teacher tries the candidates"
) -> EpisodeStore:
    """Carry every candidate out from its state; goes on where it stopped.

    Args:
        path: Episode store of the outcomes, to create or continue.
        pool: Runs the task.
        candidates: As `store_candidates` stores them.
        stage: Shows a bar.
        title: Of the bar.

    Returns:
        ``outcome`` (S, N), the progress that each made, and ``next_<part>`` (S, N, ...), what was observed afterwards.

    Raises:
        DataError: The store is of other candidates, or damaged.
    """
    told = candidates.attrs.get(GROWN) or candidates.fingerprint()
    store = open_store(path, {"candidates": told})
    snapshots, chunks = candidates.array("snapshot"), candidates.array("candidates")
    with stage(title, "states") as bar:
        for first in range(store.steps, len(chunks), _BLOCK):
            block = slice(first, first + _BLOCK)
            rows = list(pool.map(carried_out, list(zip(snapshots[block], chunks[block], strict=True))))
            told = {"outcome": np.stack([gained for gained, _ in rows])}
            told |= {f"{_NEXT}{name}": np.stack([seen[name] for _, seen in rows]) for name in rows[0][1]}
            # A store of before, which does not hold what was observed, goes on without.
            store.append({name: told[name] for name in (store.keys or told)})
            bar(first + len(rows), len(chunks))
    if (found := store.array("outcome").shape) != chunks.shape[:2]:
        raise _damaged(path, f"outcomes must be {chunks.shape[:2]}, got {found}")
    return store


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged: {reason}; remove it, so that the teacher tries again")


def task_outline(task: str, pool: Callable[[], SimPool], dataset: EpisodeStore) -> NDArray[np.float32] | None:
    """The target shape of a task, if it has one, to be drawn beside what was recorded in that task.

    Args:
        task: Its id.
        pool: Starts what runs the task, once it is needed.
        dataset: What is shown; a shape in the plane is drawn at the height of its points.

    Returns:
        (V, 3), m; None if the task has no such shape, or the dataset is of another one.
    """
    if dataset.attrs.get("task") != task or "points" not in dataset.keys:
        return None
    shape = outline_of(pool().task.env)
    if shape is None:
        return None
    if shape.shape[1] == 3:
        return shape.astype(np.float32)
    height = np.median(dataset.array("points", 0, 1)[0, :, 2])
    return np.column_stack([shape, np.full(len(shape), height)]).astype(np.float32)
