"""The loop around every kind of training: records, checkpoints, exact resume, and a stop at the first NaN."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from robopref.errors import MismatchError, StaleError, TrainingError
from robopref.files import open_to_append, replacing, require_file
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, reason_of, save_checkpoint
from robopref.learning.origin import FIRST, GUARD, HELD_OUT, LABELS, STEPS, differences, differing, parts_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TrainingProgress = Callable[[int, dict[str, float]], None]
_NO_REASON = (FIRST, GUARD, HELD_OUT, LABELS, STEPS)  # parts of an origin that do not say what a model looks like
_OF_LABELS = {LABELS, GUARD, HELD_OUT, FIRST}  # parts that change as labels come


class Resumable(Protocol):
    """What can go on from where it was stopped."""

    def state(self) -> dict[str, Any]:
        """Tensors and plain values to go on from: everything that comes next depends on these alone."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, RuntimeError or ValueError if it is of something else."""
        ...


class Trainee(Resumable, Protocol):
    """What is trained: it knows how to take a step, and everything that a step depends on."""

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        ...

    def advance(self, step: int, *, due: bool) -> Mapping[str, Tensor]:
        """Take one step, which depends on `step` and on `state` only.

        Args:
            step: Counted from 0.
            due: Whether the terms are about to be read; else nothing should wait for a GPU.

        Returns:
            Named terms of the loss.
        """
        ...


class Pace(Protocol):
    """How long, and how often to record and to save."""

    @property
    def steps(self) -> int:
        """Gradient steps."""
        ...

    @property
    def log_every(self) -> int:
        """Steps between records."""
        ...

    @property
    def save_every(self) -> int:
        """Steps between checkpoints."""
        ...


def train(
    trainee: Trainee,
    pace: Pace,
    *,
    seed: int | list[int],
    origin: str | Callable[[Path], str] = "",
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
    stop: Callable[[int], bool] | None = None,
    notes: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Train to the end, from the beginning or from where the folder says that an earlier run was stopped.

    Args:
        trainee: What to train.
        pace: How long.
        seed: What its randomness comes from.
        origin: What else a step depends on; a state of another origin is not continued. What depends on the state
            itself is called once the trainee is restored, with the file of the state.
        folder: Where ``state.pt`` (for resuming), ``metrics.jsonl`` and TensorBoard logs go; None keeps nothing.
        progress: Called with every step and its latest metrics.
        stop: Called with the steps that were taken; training ends early where it says so.
        notes: What there is to be recorded of the last step beside its terms; if there is any, it is recorded at once.

    Raises:
        TrainingError: A term is not finite.
        MismatchError: The folder holds the state of a different trainee, seed or origin.
        StaleError: It holds that of other labels, or of one that began with other weights, as a reward does that takes
            over those of a policy, and nothing else is different.
    """
    first, writer = 0, None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        first = _resume(trainee, pace, seed, origin, folder)
        if first < pace.steps:
            from torch.utils.tensorboard import SummaryWriter  # slow to load, and only training writes curves

            # What is logged at a step says how things are after so many steps: that of the last one stays.
            writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first + 1)
    metrics: dict[str, float] = {}
    over = first > 0 and stop is not None and stop(first)
    try:
        for step in range(first, first if over else pace.steps):
            last = step + 1 == pace.steps
            due = last or (step + 1) % pace.log_every == 0
            saves = folder is not None and (last or (step + 1) % pace.save_every == 0)
            terms = trainee.advance(step, due=due or saves)
            over = stop is not None and stop(step + 1)
            noted = {} if notes is None else dict(notes())
            due, saves = due or over or bool(noted), saves or (over and folder is not None)
            if due or saves:
                require_finite(terms, step)
            if due:
                row = {name: float(value) for name, value in terms.items()} | noted
                metrics = metrics | row
                _record(folder, writer, step + 1, row)
            if folder is not None and saves:
                made = _told(origin, folder)
                state = {
                    "step": step + 1,
                    "seed": seed,
                    "origin": str(made),
                    "parts": parts_of(made),
                    **trainee.state(),
                }
                save_checkpoint(folder / "state.pt", state)
            if progress is not None:
                progress(step + 1, metrics)
            if over:
                break
    finally:
        if writer is not None:
            writer.close()


def forget(folder: Path) -> None:
    """Remove what a training goes on from and what it recorded, so that it begins anew; weights stay until then."""
    for name in ("state.pt", "metrics.jsonl"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def fingerprint(values: Iterable[object]) -> str:
    """What tensors and plain values hold, in a few characters that are the same in every process."""
    digest = hashlib.sha256()
    for value in values:
        tensor = isinstance(value, torch.Tensor)
        digest.update(value.detach().cpu().contiguous().numpy().tobytes() if tensor else repr(value).encode())
    return digest.hexdigest()


def require_finite(terms: Mapping[str, Tensor], step: int) -> None:
    """Stop at a term that is no number.

    Args:
        terms: By name.
        step: Counted from 0.

    Raises:
        TrainingError: A term is not finite; the message names the first such.
    """
    for name, value in terms.items():
        # A batch of ties has no accuracy; everything else must be a number.
        if name != "accuracy" and not bool(torch.isfinite(value)):
            raise TrainingError(
                f"{name} became {float(value)} at step {step + 1}; lower the learning rate or look for bad values in "
                "the data"
            )


def _told(origin: str | Callable[[Path], str], folder: Path) -> str:
    return origin(folder / "state.pt") if callable(origin) else origin


def _record(folder: Path | None, writer: SummaryWriter | None, step: int, metrics: dict[str, float]) -> None:
    if folder is None or writer is None:
        return
    with os.fdopen(open_to_append(folder / "metrics.jsonl"), "a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **metrics}) + "\n")
    for name, value in metrics.items():
        writer.add_scalar(name, value, step)


def _resume(
    trainee: Trainee, pace: Pace, seed: int | list[int], wanted: str | Callable[[Path], str], folder: Path
) -> int:
    path, metrics = folder / "state.pt", folder / "metrics.jsonl"
    if not path.exists():
        metrics.unlink(missing_ok=True)
        return 0
    state: dict[str, Any] = load_checkpoint(path, trainee.device)
    try:
        step = int(state["step"])
        trainee.restore(state)
    except UNREADABLE as error:
        # What a model is made of is a reason; how long it is trained, and on what, is none.
        parts = parts_of(_told(wanted, folder))
        made = {name: value for name, value in parts.items() if name not in _NO_REASON}
        others = differing(state.get("parts"), parts)
        # Labels of somebody new make a reward of persons larger.
        kind = StaleError if LABELS in others and set(others) <= _OF_LABELS else MismatchError
        reason = differences(state.get("parts"), made) or reason_of(error)
        raise kind(
            f"{path} does not fit this model ({reason}); remove {folder} to train again, or choose another run folder"
        ) from error
    # Not compared as they are: a tensor is equal to nothing in particular. Each message names what differs and nothing
    # else, because a setting that it names is taken for the reason.
    if repr(state.get("seed")) != repr(seed):
        was = " ".join(str(state.get("seed")).split())[:80]
        raise MismatchError(f"{path} differs (seed was {was}, is {seed}); choose another run folder")
    if not 0 <= step <= pace.steps:
        raise MismatchError(
            f"{path} is at step {step}, asked for {pace.steps} steps; ask for {step} or more, remove {folder} to train "
            "again, or choose another run folder"
        )
    origin = _told(wanted, folder)
    others = differing(state.get("parts"), parts_of(origin))
    if str(state.get("origin", "")) != str(origin) or others:
        found = differences(state.get("parts"), parts_of(origin))
        said = f" ({found})" if found else ""
        stale = bool(others) and set(others) <= _OF_LABELS
        if others == [STEPS]:
            raise MismatchError(
                f"{path} was trained by a schedule that ends with its steps{said}; schedule=constant is one that goes "
                "on; choose another run folder"
            )
        raise (StaleError if stale else MismatchError)(
            f"{path} was trained on other data or with other settings{said}; remove {folder} to train again, or choose "
            "another run folder"
        )
    _keep_until(metrics, step)
    return step


def _keep_until(metrics: Path, step: int) -> None:
    if not metrics.exists():
        return
    require_file(metrics)
    kept: list[str] = []
    for line in metrics.read_text(encoding="utf-8", errors="replace").splitlines():
        # A killed run may have left half a line; what was saved lies before it.
        with contextlib.suppress(KeyError, RecursionError, TypeError, ValueError):
            if json.loads(line)["step"] <= step:
                kept.append(line)
    with replacing(metrics) as unfinished:
        unfinished.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
