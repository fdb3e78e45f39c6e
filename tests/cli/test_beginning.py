"""A run that begins with what another one has."""

import filecmp
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.cli.remembered import recall, write
from robopref.data.episodes.store import EpisodeStore
from tests.cli.tiny import fails


def actions(folder: Path) -> np.ndarray:
    return EpisodeStore.open(folder / "demos.zarr").array("action")


def same_weights(one: Path, two: Path) -> bool:
    return filecmp.cmp(one / "policy" / "weights.pt", two / "policy" / "weights.pt", shallow=False)


def test_a_policy_is_trained_on_the_demonstrations_of_another_run(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    assert main(["train", "policy", f"run={mine}", f"base={finished}", "seed=1"]) == 0
    np.testing.assert_array_equal(actions(mine), actions(finished))
    assert not same_weights(mine, finished)
    assert not (mine / "candidates.zarr").exists()
    # The settings that came with it hold for what comes next, and candidates of another policy do not come later.
    assert "policy.width=8" in recall(mine)
    assert "no labels in" in fails(capsys, "train", "reward", f"run={mine}", f"base={finished}")
    assert not (mine / "candidates.zarr").exists()


def test_rewards_are_trained_for_the_policy_of_another_run(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, base = tmp_path / "mine", Path(shutil.copytree(finished, tmp_path / "base"))
    assert "no labels in" in fails(capsys, "train", "reward", f"run={mine}", f"base={base}")
    assert same_weights(mine, base)
    shutil.rmtree(base)  # once is enough
    assert main(["label", f"run={mine}"]) == 0
    assert main(["train", "reward", f"run={mine}"]) == 0
    shutil.copytree(finished, tmp_path / "another")
    error = fails(capsys, "label", f"run={mine}", f"base={tmp_path / 'another'}")
    assert f"{mine} began with base={base}, not {tmp_path / 'another'}" in error


@pytest.mark.parametrize("command", [["evaluate", "use=explicit"], ["deploy"], ["export"]])
def test_what_does_not_come_with_a_base_is_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    mine = tmp_path / "mine"
    assert "no trained reward" in fails(capsys, *command, f"run={mine}", f"base={finished}")
    assert same_weights(mine, finished)
    assert json.loads((mine / "base.json").read_text()) == {"base": str(finished.resolve())}


def test_demonstrations_are_not_recorded_in_a_run_that_begins_with_others(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    error = fails(capsys, "collect", f"run={mine}", f"base={finished}")
    assert f"go on with: robopref train policy run={mine} base={finished}" in error
    assert not mine.exists()


@pytest.mark.slow
def test_candidates_of_another_policy_are_not_taken_over(run: Path, finished: Path) -> None:
    """The run is one that trained a policy of its own before it named a base."""
    for name in ("candidates.zarr", "outcomes.zarr", "labels.sqlite"):
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(run / "policy")
    assert main(["train", "policy", f"run={run}", "seed=1"]) == 0
    assert main(["label", f"run={run}", f"base={finished}"]) == 0
    ours, theirs = (EpisodeStore.open(one / "candidates.zarr").array("candidates") for one in (run, finished))
    assert not np.array_equal(ours, theirs)


def test_what_a_folder_of_somebody_else_remembers_is_not_copied(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, [f"base={finished}"])
    assert "no demonstrations" in fails(capsys, "train", "policy", f"run={tmp_path}")
    assert not (tmp_path / "demos.zarr").exists()
