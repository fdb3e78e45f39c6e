"""Where the curves of a training are."""

import io
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from robopref.__main__ import main
from robopref.cli.curves import say_curves
from tests.cli.tiny import ROOT


def test_the_end_of_a_training_names_what_shows_its_curves(run: Path, capsys) -> None:
    for stage in ("policy", "reward"):
        assert main(["train", stage, f"run={run}"]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("curves: ")]
        folder = Path(shlex.split(line)[-1])
        assert list(folder.rglob("events.out.tfevents.*"))
    assert "tensorboard --logdir" in (ROOT / "README.md").read_text()


def test_a_folder_with_spaces_can_be_pasted() -> None:
    told = io.StringIO()
    context: Any = SimpleNamespace(console=Console(file=told, width=20))
    say_curves(context, Path("runs/a [b] c"))
    assert told.getvalue() == "curves: tensorboard --logdir 'runs/a [b] c'\n"
