"""Members of rewards that are trained side by side, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch
from torch import nn

from robopref.errors import RoboprefError
from robopref.items import Comparisons
from robopref.learning.reward_members import FittedReward, RewardFit, fit_members, on_these_labels
from robopref.processes import leave_interrupts_to_parent, process_pool

_LOOK = 0.1  # s between looks at what processes say
_MOST = 2**28  # bytes of a training that are copied to a process


@dataclass(frozen=True)
class MemberTraining:
    """Members of a reward that are to be trained at once, by `fit_members`.

    Attributes:
        title: What they are called together.
        folders: Name of the folder of each member.
        make: Makes a member that is not trained.
        data: What was preferred, or succeeded.
        fit: How to train.
        seed: Of batches and of what is put aside.
        folder: Where state and logs go.
    """

    title: str
    folders: Mapping[int, str]
    make: Callable[[int], nn.Module]
    data: Comparisons
    fit: RewardFit
    seed: int
    folder: Path

    def train(self, progress: Callable[[int], None], tell: Callable[[str], object]) -> FittedReward:
        """Train them in this process.

        Args:
            progress: Called with the number of steps that were taken.
            tell: Is told what a person should know.
        """
        return on_these_labels(
            lambda: fit_members(
                self.make, list(self.folders), self.data, self.fit, seed=self.seed, folder=self.folder,
                progress=lambda step, _: progress(step),
            ),
            self.folder, tell,
        )  # fmt: skip


def packed_side_by_side(trainings: Sequence[MemberTraining], workers: int) -> tuple[int, list[bytes]]:
    """How many of some trainings there are processors for at once, and the trainings as processes are given them.

    Each is to use as many threads as it would in this process, on which its weights depend.

    Args:
        trainings: All of them.
        workers: Processes at most.

    Returns:
        The number, and each training; 1 and none if they have to be trained in this process, because there is one
        processor, one training, a GPU, or something that cannot be copied to another process.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(workers, processors // torch.get_num_threads(), len(trainings))
    packed: list[bytes] = []
    for training in trainings if count > 1 else ():
        members = {member: training.make(member) for member in training.folders}
        state = torch.get_rng_state()
        if any(value.device.type != "cpu" for one in members.values() for value in one.parameters()):
            return 1, []
        rest = (training.title, training.folders, training.data, training.fit, training.seed, training.folder)
        try:
            packed.append(pickle.dumps((rest, members, state)))
        except (AttributeError, TypeError, pickle.PicklingError):  # such as an objective that is a local function
            return 1, []
        if len(packed[-1]) > _MOST:
            return 1, []
    return (count, packed) if packed else (1, [])


def train_side_by_side(
    packed: Sequence[bytes],
    count: int,
    progress: Callable[[int, int], object],
    tell: Callable[[str], object],
) -> Generator[tuple[int, FittedReward]]:
    """Train members of rewards in processes; they end with the same weights as one after the other.

    Args:
        packed: Trainings, from `packed_side_by_side`.
        count: Processes.
        progress: Called with the place of a training and the number of steps that it has taken.
        tell: Is told what a person should know.

    Yields:
        The place of a training that has ended, and what it trained.

    Raises:
        RoboprefError: One failed, which stops the others; all go on where they were when they are trained again.
    """
    context = multiprocessing.get_context("spawn")
    said, stop = context.SimpleQueue(), context.Event()

    def listen() -> None:
        while not said.empty():
            place, what = said.get()
            if isinstance(what, str):
                tell(what)
            else:
                progress(place, what)

    pool = process_pool(count, _begin, said, stop, torch.get_num_threads())
    try:
        running: dict[Future[bytes], int] = {pool.submit(_train, *job): job[0] for job in enumerate(packed)}
        while running:
            done, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            listen()
            for future in done:
                place = running.pop(future)
                yield place, pickle.loads(future.result())
    except BrokenProcessPool as error:
        raise RoboprefError("a process that trains died, perhaps for want of memory; try workers=0") from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


class _StoppedError(Exception):
    """The process that started this one wants no more of it."""


_said: SimpleQueue[Any] | None = None
_stop: Event | None = None


def _begin(said: SimpleQueue[Any], stop: Event, threads: int) -> None:
    global _said, _stop
    _said, _stop = said, stop
    leave_interrupts_to_parent()
    torch.set_num_threads(threads)


def _train(place: int, packed: bytes) -> bytes:
    (title, folders, data, fit, seed, folder), members, state = pickle.loads(packed)

    def say(what: object) -> None:
        if _stop is None or _stop.is_set():
            raise _StoppedError
        if _said is not None:
            _said.put((place, what))

    def make(member: int) -> nn.Module:
        torch.set_rng_state(state)
        return deepcopy(members[member])

    training = MemberTraining(title, folders, make, data, fit, seed, folder)
    return pickle.dumps(training.train(say, say))
