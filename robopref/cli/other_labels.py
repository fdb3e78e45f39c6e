"""Training on labels to which others have come since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from robopref.cli.context import Context
from robopref.errors import StaleError
from robopref.learning.loop import forget

Trained = TypeVar("Trained")


def on_these_labels(context: Context, folder: Path, train: Callable[[], Trained]) -> Trained:
    """Train, or train again from the beginning if the labels are others than before.

    Args:
        context: Of the run.
        folder: Where the state of the training is.
        train: Makes what is trained, and trains it.
    """
    try:
        return train()
    except StaleError:
        context.console.print(
            f"{folder}: there are other labels than it was trained on, so it is trained again", soft_wrap=True
        )
    forget(folder)
    return train()
