"""Checkpoints of the policy on the command line: what is said of them, and which one a command goes by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robopref.cli.context import Context
from robopref.errors import ConfigError
from robopref.files import read_json
from robopref.learning.fit import RECORD
from robopref.learning.topk_checkpoints import BEST, FOLDER, LAST, VALIDATION, best_of, file_name, stored_checkpoints


def choose_weights(context: Context) -> None:
    """Let the policy of a command have the weights that ``checkpoint`` names.

    Args:
        context: Of the command.

    Raises:
        ConfigError: There are none of that name in the run.
        DataError: What is said of the checkpoints is damaged.
    """
    if context.config.checkpoint is None:
        return
    named, folder = str(context.config.checkpoint), context.folder / "policy"
    losses = stored_checkpoints(folder)
    known: dict[str, int | None] = {
        **{str(step): step for step in losses}, LAST: max(losses, default=None), BEST: best_of(losses)
    }  # fmt: skip
    step = known.get(named)
    if step is not None:
        context.weights = folder / FOLDER / file_name(step)
        return
    if named == BEST and losses:
        raise ConfigError(
            f"checkpoint={BEST} is that of the smallest validation loss, and nothing was held out; choose one of "
            f"{', '.join(map(str, losses))}, or train with train.validation=0.1"
        )
    context.weights = _file(context.folder, named) or _refuse(context.folder, named, losses)


def weights_told(context: Context) -> dict[str, Any]:
    """Which weights the policy has, and what made them.

    Args:
        context: Of the command.

    Raises:
        DataError: The record of the training is damaged.
    """
    named = weights_named(context)
    if named is None:
        return {}
    told: dict[str, Any] = {"weights": named}
    record = context.folder / "policy" / RECORD
    return told | {"training": read_json(record)} if record.exists() else told


def weights_named(context: Context) -> str | None:
    """File of the weights that the policy has, in the run folder; None of one that has none.

    Args:
        context: Of the command.
    """
    return str(context.weights.relative_to(context.folder)) if context.weights.exists() else None


def validation_note(metrics: Mapping[str, float]) -> str | None:
    """What a progress bar says of the validation loss, in few letters; None if there is none yet.

    Args:
        metrics: The latest of the training.
    """
    return None if VALIDATION not in metrics else f"val {metrics[VALIDATION]:.3g}"


def say_checkpoints(context: Context, folder: Path) -> None:
    """Say which checkpoint of a training is the best.

    Args:
        context: Of the command.
        folder: Of the training.
    """
    losses = stored_checkpoints(folder)
    best, last = best_of(losses), max(losses, default=0)
    if best is not None:
        context.console.print(
            f"best by validation: step {best}, loss {losses[best]:.4g} (last: step {last}, {losses[last]:.4g}), "
            f"{folder / FOLDER / file_name(best)}; robopref evaluate run={context.folder} checkpoint=best",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip


def _file(run: Path, named: str) -> Path | None:
    """A file of weights in the run folder, however it is named; None if it is none, or leads elsewhere."""
    root = run.resolve()
    for path in (run / named, Path(named)):
        real = path.resolve()
        # What training goes on from are not the averaged weights.
        if real.is_file() and real.is_relative_to(root) and real.suffix == ".pt" and real.name != "state.pt":
            return run / real.relative_to(root)
    return None


def _refuse(run: Path, named: str, losses: Mapping[int, float | None]) -> Path:
    names = [*map(str, losses), *([BEST] if best_of(losses) is not None else []), LAST] if losses else []
    there = f"one of {', '.join(names)}, or " if names else ""
    raise ConfigError(
        f"checkpoint must be {there}a file of weights in {run}, such as policy/weights.pt, got {named!r}"
        + ("" if names else f"; it has no checkpoints, which robopref train policy run={run} keeps")
    )
