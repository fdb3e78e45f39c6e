"""Rewards of a learnt model for every step of a dataset, as another array beside the data."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.damage import DAMAGE
from robopref.data.episodes.recorded_views import recorded_keys
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, TrainingError
from robopref.files import read_json, replacing, write_json
from robopref.protocols import Progress, StepReward
from robopref.rewards.steps import as_step_reward, recorded_step_rewards

_BLOCK_BYTES = 1 << 22
_SMALLEST, _LARGEST = 64, 1 << 14


def relabel(
    path: Path,
    reward: object,
    name: str,
    provenance: dict[str, Any],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> EpisodeStore:
    """Add an array of rewards to a store; goes on where an earlier call was killed.

    Steps are read and rewarded in blocks of about 4 MB, as many at a time as there are workers, and each block is
    written to ``<store>.relabel/<name>`` when it is done. The array appears in the store at the end, at once.

    Args:
        path: The store.
        reward: Whatever `as_step_reward` takes: a `StepReward`, a `Reward` or a `CandidateScorer`.
        name: Of the new array.
        provenance: Where the rewards come from, in values that JSON has; kept with the array.
        workers: Threads; as many as there are processors if None.
        progress: Called with steps done and steps of the store.

    Returns:
        The store, opened to read.

    Raises:
        DataError: The store lacks an array that the reward needs, has one of that name from elsewhere, or cannot be
            written.
        TrainingError: A reward is not finite.
    """
    stepwise, store = as_step_reward(reward), EpisodeStore.open(path)
    provenance = json.loads(json.dumps(provenance))
    work = path.with_name(f"{path.name}.relabel") / name
    if name in store.keys:
        given = store.array_attrs(name)
        if given == provenance:
            _clear(work)  # of a call that was killed when it was done
            return store
        raise DataError(
            f"{path} has an array {name} already, {_unlike(given, provenance)}; choose another name, or remove "
            f"{path / 'data' / name}"
        )
    needed = recorded_keys(store, stepwise.keys)
    missing = [key for key in needed if key not in store.keys]
    if missing or not len(store):
        raise DataError(f"{path} has no {', '.join(missing) or 'episodes'}; the reward needs {', '.join(needed)}")
    blocks = _blocks(store, needed)
    _prepare(work, {**provenance, "store": store.fingerprint(), "blocks": len(blocks)})
    with _single_threaded():
        _reward_all(store, stepwise, blocks, work, workers or os.cpu_count() or 1, progress)
    writable = EpisodeStore.open(path, "a")
    writable.attach(name, (np.load(_file(work, k)) for k in range(len(blocks))), provenance)
    _clear(work)
    return EpisodeStore.open(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, for provenance."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unlike(given: dict[str, Any], provenance: dict[str, Any]) -> str:
    """How an array was made otherwise; by which reward is told by its hash, which tells people nothing."""
    if not given:
        return "recorded with the data"
    if given.get("reward") != provenance.get("reward"):
        return "made by another reward"
    others = [key for key in provenance if given.get(key) != provenance[key]]
    return "made with " + ", ".join(f"{key}={given.get(key)}, not {provenance[key]}" for key in others)


def _reward_all(
    store: EpisodeStore,
    reward: StepReward,
    blocks: list[tuple[int, int]],
    work: Path,
    workers: int,
    progress: Progress | None,
) -> None:
    waiting = [k for k, (start, stop) in enumerate(blocks) if not _is_whole(_file(work, k), stop - start)]
    done = store.steps - sum(blocks[k][1] - blocks[k][0] for k in waiting)
    with ThreadPoolExecutor(workers) as pool:
        running: set[Future[int]] = set()
        for k in waiting:
            if len(running) >= workers:  # what is read ahead would have to be kept
                done = _collect(running, done, store.steps, progress)
            running.add(pool.submit(_reward_block, store, reward, blocks[k], _file(work, k)))
        while running:
            done = _collect(running, done, store.steps, progress)


def _collect(running: set[Future[int]], done: int, steps: int, progress: Progress | None) -> int:
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    running -= finished
    done += sum(future.result() for future in finished)
    if progress is not None:
        progress(done, steps)
    return done


def _reward_block(store: EpisodeStore, reward: StepReward, block: tuple[int, int], path: Path) -> int:
    start, stop = block
    given = recorded_step_rewards(reward, store, start, stop)
    values: NDArray[np.float32] = given.cpu().numpy().astype(np.float32)
    if not np.isfinite(values).all():
        step = start + int(np.flatnonzero(~np.isfinite(values))[0])
        raise TrainingError(
            f"the reward of step {step} of {store.path} is not finite; look at the data "
            f"with: robopref data quality {store.path}, or train the reward again"
        )
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, values)
    return stop - start


def _blocks(store: EpisodeStore, keys: Sequence[str]) -> list[tuple[int, int]]:
    """Ranges of steps whose arrays take about as much memory each."""
    row = sum(store.array(key, 0, 1).nbytes for key in keys)
    rows = min(max(_BLOCK_BYTES // max(1, row), _SMALLEST), _LARGEST)
    return [(start, min(start + rows, store.steps)) for start in range(0, store.steps, rows)]


def _file(work: Path, block: int) -> Path:
    return work / f"{block:08d}.npy"


def _is_whole(path: Path, rows: int) -> bool:
    """Whether a block is there, as it was written; one that is not is made again."""
    if not path.is_file():
        _remove(path)
        return False
    try:
        held = np.load(path, mmap_mode="r")
    except DAMAGE:
        return False
    return (
        isinstance(held, np.ndarray)
        and (held.shape, held.dtype) == ((rows,), np.dtype(np.float32))
        and bool(np.isfinite(held).all())
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _clear(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    with suppress(OSError):  # other rewards are being made
        work.parent.rmdir()


def _prepare(work: Path, origin: dict[str, Any]) -> None:
    """Keep what an earlier call of the same origin left, and nothing else."""
    path = work / "origin.json"
    try:
        told = read_json(path) if path.exists() else None
    except DataError:
        told = None
    if told != origin:
        shutil.rmtree(work, ignore_errors=True)
        write_json(path, origin)


@contextmanager
def _single_threaded() -> Generator[None]:
    """The workers are the threads; each computes with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
