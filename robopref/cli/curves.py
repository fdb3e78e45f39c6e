"""Where the curves of a training are, and what shows them."""

from __future__ import annotations

import shlex
from pathlib import Path

from robopref.cli.context import Context


def say_curves(context: Context, folder: Path) -> None:
    """Say how to look at the curves of a training, and of others below the same folder.

    Args:
        context: Of the command.
        folder: Of the training, with TensorBoard's files anywhere below.
    """
    command = f"tensorboard --logdir {shlex.quote(str(folder))}"
    context.console.print(f"curves: {command}", soft_wrap=True, highlight=False, markup=False)
