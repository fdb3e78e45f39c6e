"""Files of a run folder that are damaged, or of another form, end in one line that names them, and destroy nothing."""

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from tests.cli.tiny import TINY, fails

Damage = Callable[[Path], None]
HUGE = "1" + "0" * 400  # a whole number that no float holds


def text(content: str) -> Damage:
    return lambda path: path.write_text(content) and None


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def a_changed_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def said(**changes: Any) -> Damage:
    """Other values in a JSON file."""

    def damage(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def arrays(**changes: Any) -> Damage:
    """Other arrays in an npz file."""

    def damage(path: Path) -> None:
        with np.load(path) as stored:
            held = dict(stored)
        np.savez(path, **(held | changes))

    return damage


def state(**changes: Any) -> Damage:
    """Other entries in a checkpoint."""

    def damage(path: Path) -> None:
        stored = torch.load(path, weights_only=True)
        written = io.BytesIO()
        torch.save(stored | changes, written)
        path.write_bytes(written.getvalue())

    return damage


def deep_items(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("update queries set items = ?", ("[" * 5000,))
    database.close()


REPORT, TRAIN, QUALITY = ["report"], ["train", "policy", *TINY], ["labels", "quality"]
REFUSED = [
    ("evaluation/goal.json", text("null"), REPORT),
    ("evaluation/goal.json", folder, REPORT),
    ("evaluation/goal.json", said(unit=3), REPORT),
    ("evaluation/goal.json", said(scale="x"), REPORT),
    ("evaluation/goal.json", said(best=None), REPORT),
    ("evaluation/goal.json", text(f'{{"scale": {HUGE}}}'), REPORT),
    ("evaluation/goal.json", text('{"difference": NaN}'), REPORT),
    ("evaluation/goal.json", said(colour=1), REPORT),
    ("evaluation/episodes.npz", arrays(success_distance=np.array("near")), REPORT),
    ("evaluation/episodes.npz", arrays(success_distance=np.array(1j)), REPORT),
    ("evaluation/decisions.npz", a_changed_bit, REPORT),
    ("evaluation/decisions.npz", arrays(outcomes=np.full((2, 3), 1e308)), REPORT),
    ("evaluation/decisions.npz", half, REPORT),
    ("timing.json", text("[" * 100_000), REPORT),
    ("policy/state.pt", state(seed=torch.zeros(2)), TRAIN),
    ("policy/state.pt", state(step="x"), TRAIN),
    ("policy/state.pt", a_changed_bit, TRAIN),
    ("policy/metrics.jsonl", folder, TRAIN),
    ("labels.sqlite", deep_items, QUALITY),
    ("labels.sqlite", half, QUALITY),
]


@pytest.mark.parametrize(("name", "damage", "words"), REFUSED)
def test_what_cannot_be_used_is_named(
    capsys: pytest.CaptureFixture[str], run: Path, name: str, damage: Damage, words: list[str]
) -> None:
    before = (run / "report.html").read_bytes()
    damage(run / name)
    damaged = run / name
    held = None if damaged.is_dir() else damaged.read_bytes()
    assert name in fails(capsys, *words, f"run={run}")
    assert held is None or damaged.read_bytes() == held
    assert (run / "report.html").read_bytes() == before


def test_candidates_of_another_run_are_named(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    path = run / "candidates.zarr"
    drawn = EpisodeStore.open(path)
    kept = [drawn.episode(state) for state in range(len(drawn))]
    for name, axis in (("candidates", 2), ("proprio", 1), ("points", 2)):
        shutil.rmtree(path)
        others = EpisodeStore.create(path, drawn.attrs)
        for state in kept:
            other = state[name][:, :, :2] if name == "points" else np.repeat(state[name], 2, axis=axis)
            others.append(state | {name: other})
        said = fails(capsys, "train", "reward", *TINY, f"run={run}")
        assert "candidates.zarr" in said
        assert name in said


def test_outcomes_of_other_candidates_are_named(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    path = run / "outcomes.zarr"
    tried = EpisodeStore.open(path)
    outcomes = tried.array("outcome")
    shutil.rmtree(path)
    EpisodeStore.create(path, tried.attrs).append({"outcome": outcomes[:, :-1]})
    (run / "labels.sqlite").unlink()
    assert "outcomes.zarr is damaged" in fails(capsys, "label", *TINY, f"run={run}")


@pytest.mark.parametrize("content", [f'{{"stages": {{"Collect demonstrations": {HUGE}}}}}', "[]", "{", '{"stages": 1}'])
def test_times_that_make_no_sense_are_left_behind(run: Path, content: str) -> None:
    (run / "timing.json").write_text(content)
    assert main([*TRAIN, f"run={run}"]) == 0
    assert json.loads((run / "timing.json").read_text())["stages"].keys() == {"Train the policy"}


def test_a_base_that_was_copied_in_half_is_copied_again(
    capsys: pytest.CaptureFixture[str], finished: Path, tmp_path: Path
) -> None:
    unreadable = shutil.copytree(finished, tmp_path / "base") / "demos.zarr" / "data" / "points" / "0.0.0"
    unreadable.unlink()
    unreadable.symlink_to(tmp_path / "nowhere")
    words = ["label", *TINY, f"base={tmp_path / 'base'}", f"run={tmp_path / 'run'}"]
    assert main(words) == 1
    assert "demos.zarr" in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("**/*.zarr*"))
    shutil.rmtree(tmp_path / "base")
    shutil.copytree(finished, tmp_path / "base")
    assert main(words) == 0
