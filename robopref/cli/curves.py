"""Where the curves of a training are, and what shows them."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console


def say_curves(console: Console, folder: Path) -> None:
    """Say how to look at the curves of a training, and of others below the same folder.

    Args:
        console: Where to.
        folder: Of the training, with TensorBoard's files anywhere below.
    """
    command = f"tensorboard --logdir {shlex.quote(str(folder))}"
    console.print(f"curves: {command}", soft_wrap=True, highlight=False, markup=False)
