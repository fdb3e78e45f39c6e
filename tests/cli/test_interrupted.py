"""Commands that go on where they were, interrupted from the keyboard as a process of its own is."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from tests.cli.tiny import ROOT, TINY

_MOST = 300.0  # s that a busy machine may take
# The program, whose import of recordings takes until it is interrupted.
_HANGING = """
import runpy, time
from robopref.data.episodes.store import EpisodeStore
append = EpisodeStore.append
def hang(store, *given, **more):
    if len(store) == 3:
        time.sleep(600)
    return append(store, *given, **more)
EpisodeStore.append = hang
runpy.run_module("robopref", run_name="__main__")
"""
_LINE = "robopref {}: interrupted; the same command goes on from here\n"


def interrupted(words: list[str], begun: Callable[[], bool], program: Sequence[str] = ("-m", "robopref")) -> None:
    """Start a command, and press Ctrl-C once something has begun."""
    command = subprocess.Popen(
        [sys.executable, *program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + _MOST
    while not begun() and command.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert command.poll() is None, "it ended before it was interrupted"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does, to all that it started
    _, said = command.communicate(timeout=_MOST)
    assert (command.returncode, said) == (130, _LINE.format(" ".join(words[:2])))


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

    interrupted(long, lambda: bool(unfinished()), ("-c", _HANGING))
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


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one processor"
)
def test_rewards_that_are_trained_side_by_side_end_with_a_line_and_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for command in (["collect"], ["train", "policy"], ["label"]):
        assert main([*command, f"run={run}", *TINY]) == 0
    words = ["train", "reward", f"run={run}", "workers=2", "threads=1"]
    words += [f"+rewards.{name}.fit.save_every=1" for name in ("explicit", "implicit")]
    states = [run / "rewards" / name / "state.pt" for name in ("explicit", "implicit")]

    def steps(count: int) -> list[str]:
        return [
            f"rewards.{name}.fit.{one}"
            for name in ("explicit", "implicit")
            for one in (f"steps={count}", "schedule=constant")
        ]

    interrupted([*words, *steps(100_000)], lambda: all(state.exists() for state in states))
    assert list(run.rglob("*.partial*")) == []
    done = [int(torch.load(state, weights_only=True)["step"]) for state in states]
    assert main([*words, *steps(max(done) + 1)]) == 0
    assert [int(torch.load(state, weights_only=True)["step"]) for state in states] == [max(done) + 1] * 2
