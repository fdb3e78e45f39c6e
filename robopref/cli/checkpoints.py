"""Checkpoints of the policy on the command line: what is said of them, and which one a command goes by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robopref.cli.context import Context
from robopref.learning.topk_checkpoints import FOLDER, VALIDATION, best_of, file_name, stored_checkpoints


def validation_note(metrics: Mapping[str, float]) -> str | None:
    """What a progress bar of steps says of the validation loss; None if there is none yet.

    Args:
        metrics: The latest of the training.
    """
    return None if VALIDATION not in metrics else f"steps, validation loss {metrics[VALIDATION]:.4g}"


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
