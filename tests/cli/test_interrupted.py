"""Commands that go on where they were, interrupted from the keyboard as a process of its own is."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from tests.cli.tiny import ROOT

_MOST = 300.0  # s that a busy machine may take
_LINE = "robopref train policy: interrupted; the same command goes on from here\n"


def interrupted(words: list[str], begun: Callable[[], bool]) -> None:
    """Start a command, and press Ctrl-C once something has begun."""
    command = subprocess.Popen(
        [sys.executable, "-m", "robopref", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + _MOST
    while not begun() and command.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert command.poll() is None, "it ended before it was interrupted"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does, to all that it started
    _, said = command.communicate(timeout=_MOST)
    assert (command.returncode, said) == (130, _LINE)


@pytest.mark.slow
def test_an_import_and_a_training_end_with_a_line_and_go_on(tmp_path: Path) -> None:
    run, moves = tmp_path / "run", np.random.default_rng(0).uniform(-1, 1, (600, 2)).astype(np.float32)
    ended, cut = np.arange(600) % 4 == 3, np.zeros(600, bool)
    np.savez(tmp_path / "arm.npz", proprio=moves, action=moves, terminated=ended, truncated=cut)
    words = ["train", "policy", f"data={tmp_path / 'arm.npz'}", f"run={run}", "policy=observed", "device=cpu"]
    words += ["train.batch_size=2", "policy.denoiser.hidden=8", "policy.encoder.width=8", "+train.fit.save_every=1"]
    long = [*words, "train.fit.steps=100000", "train.fit.schedule=constant"]

    def unfinished() -> list[Path]:
        return list(run.glob(".recordings.*.partial.zarr/meta"))

    interrupted(long, lambda: bool(unfinished()))
    assert not (run / "recordings.zarr").exists()
    assert list(run.glob(".recordings.*")) == []
    state = run / "policy" / "state.pt"
    interrupted(long, state.exists)
    assert len(EpisodeStore.open(run / "recordings.zarr")) == 150
    assert not (run / "policy" / "weights.pt").exists()
    assert list(run.rglob("*.partial*")) == []
    done = int(torch.load(state, weights_only=True)["step"])
    assert main([*words, f"train.fit.steps={done + 1}", "train.fit.schedule=constant"]) == 0
    assert int(torch.load(state, weights_only=True)["step"]) == done + 1
    assert (run / "policy" / "weights.pt").exists()
