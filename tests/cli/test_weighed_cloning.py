"""`recipe=` of `robopref train policy`: which steps count more, and what it says where it cannot be done."""

from pathlib import Path

import pytest

from robopref.__main__ import main
from tests.cli.tiny import TINY, fails


@pytest.mark.parametrize(("recipe", "reward"), [("reward_weighted", "reward"), ("progress_weighted", "progress")])
def test_steps_are_weighed_by_an_array_of_the_data(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str, reward: str
) -> None:
    run = tmp_path / "run"
    words = [f"data={finished / 'demos.zarr'}", f"run={run}", *TINY, f"recipe={recipe}", f"train.reward={reward}"]
    assert main(["train", "policy", *words]) == 0
    assert (run / "policy" / "weights.pt").exists()
    # Another weighing is another training, which does not go on from this one.
    others = [word for word in words if not word.startswith("recipe=")]
    assert "was trained" in fails(capsys, "train", "policy", *others, "recipe=null")


def test_a_reward_that_is_not_there_is_said_with_the_command_that_makes_it(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"data={finished / 'demos.zarr'}", f"run={tmp_path / 'run'}", *TINY, "recipe=reward_weighted"]
    told = fails(capsys, "train", "policy", *words, "train.reward=reward_learnt")
    assert "has no reward_learnt, by which recipe= weighs steps" in told
    assert "robopref relabel data=" in told
    assert not (tmp_path / "run" / "policy").exists()


def test_a_recipe_of_the_other_kind_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"data={finished / 'demos.zarr'}", f"run={tmp_path / 'run'}"]
    assert "takes recipe=reward_weighted, progress_weighted" in fails(
        capsys, "train", "policy", *words, *TINY, "recipe=gains"
    )
    assert "such as recipe=by_length" in fails(
        capsys, "offline", "train", *words, "observation=[proprio]", "recipe=reward_weighted", "fit.steps=1"
    )


def test_what_was_written_for_lerobot_weighs_steps_here(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demos, there = str(finished / "demos.zarr"), tmp_path / "so101"
    words = ["data", "convert", demos, str(there), "format=lerobot", "fps=10", "drop=[progress,next_progress]"]
    assert "array to write as progress" in fails(capsys, *words, "progress=progress")
    assert not there.exists()
    assert main([*words, "progress=reward"]) == 0
    weighed = [f"data={there}", f"run={tmp_path / 'run'}", "policy=observed", "policy.observation=[proprio]"]
    tiny = [word for word in TINY if not word.startswith("policy")]
    assert main(["train", "policy", *weighed, *tiny, "recipe=progress_weighted", "train.reward=progress"]) == 0
    assert (tmp_path / "run" / "policy" / "weights.pt").exists()
