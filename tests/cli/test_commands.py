import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.learning.checkpoint import load_checkpoint
from tests.cli.tiny import ROOT, TINY, fails


def test_the_demo_leaves_a_report_and_a_summary_with_paired_gains(finished):
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["wall_seconds"] > 0
    for scorer in ("implicit", "explicit", "oracle"):
        assert {"mean", "low", "high"} <= set(summary["paired_gain"][scorer])
    matched = summary["matched"]["strategies"]
    assert {"tuned", "explicit", "implicit"} <= set(matched)
    assert matched["explicit"]["success"]["gain"]["n"] == 1
    with np.load(finished / "evaluation/solved.npz") as solved:
        assert set(solved.files) == {"policy", *matched}
    html = (finished / "report.html").read_text()
    assert "<video" in html
    assert not re.search(r"src=\"(?!data:)", html)


def test_the_run_folder_records_settings_versions_and_learning_curves(finished):
    assert "collect:" in (finished / "config.yaml").read_text()
    assert "torch" in json.loads((finished / "info.json").read_text())["versions"]
    for folder in ("policy", "rewards/explicit", "rewards/implicit"):
        last = (finished / folder / "metrics.jsonl").read_text().splitlines()[-1]
        assert json.loads(last)["step"] >= 2
        assert list((finished / folder / "tensorboard").iterdir())


@pytest.mark.slow
def test_every_command_of_the_readme_runs_and_gives_what_the_demo_gives(finished, tmp_path, capsys):
    block = re.search(r"## Step by step\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    commands = [line.split()[1:] for line in block.splitlines()]
    assert len(commands) == 6
    mine = tmp_path / "mine"
    for words in commands:
        kept = [word for word in words if "=" not in word]
        assert main([*kept, f"run={mine}", *TINY]) == 0, capsys.readouterr().err
    assert (mine / "report.html").exists()
    # The same seed gives the same data, weights, candidates and choices.
    for name in ("demos.zarr", "candidates.zarr"):
        one, two = EpisodeStore.open(finished / name), EpisodeStore.open(mine / name)
        for key in one.keys:
            np.testing.assert_array_equal(one.array(key), two.array(key))
    one, two = (np.load(folder / "evaluation/decisions.npz") for folder in (finished, mine))
    for key in one.files:
        np.testing.assert_array_equal(one[key], two[key])


@pytest.mark.slow
def test_running_again_with_settings_that_are_remembered_changes_nothing_but_the_clock(run):
    before = torch.load(run / "rewards/implicit/weights.pt", weights_only=True)["module"]
    with FeedbackStore(run / "labels.sqlite") as database:
        answers = database.feedback()
    decisions = dict(np.load(run / "evaluation/decisions.npz"))
    assert decisions["actions"].shape[:2] == (2, 3)
    shutil.rmtree(run / "evaluation")
    assert main(["demo", f"run={run}"]) == 0
    after = torch.load(run / "rewards/implicit/weights.pt", weights_only=True)["module"]
    with FeedbackStore(run / "labels.sqlite") as database:
        assert database.feedback() == answers
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before if not key.endswith("_extra_state"))
    with np.load(run / "evaluation/decisions.npz") as again:
        for key, array in decisions.items():
            np.testing.assert_array_equal(again[key], array, err_msg=key)


def test_help_lists_commands_and_settings(capsys):
    assert main(["--help"]) == 0
    assert "train policy" in capsys.readouterr().out
    for command in ("collect", "train policy", "label", "train reward", "evaluate", "report", "demo"):
        assert main([*command.split(), "--help"]) == 0
        assert "run: runs/" in capsys.readouterr().out


def test_info_names_versions_and_devices(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in out
    assert "gpus" in out


def test_an_unknown_setting_is_named(capsys, tmp_path):
    message = fails(capsys, "collect", f"run={tmp_path}", "collect.stepz=3")
    assert "'collect.stepz'" in message
    assert "did you mean collect.steps" in message


def test_an_unknown_choice_of_a_group_lists_the_choices(capsys, tmp_path):
    message = fails(capsys, "collect", f"run={tmp_path}", "labeler=perfekt")
    assert "mistaken" in message
    assert "perfect" in message


def test_a_setting_out_of_range_is_explained(capsys, run):
    (run / "labels.sqlite").unlink()
    assert "mistake must be in [0, 1], got 2" in fails(capsys, "label", f"run={run}", "labeler.mistake=2")


def test_a_single_candidate_is_not_explored(capsys, tmp_path):
    told = fails(capsys, "explore", f"run={tmp_path}", "explore.candidates=1")
    assert "explore.candidates must be a whole number of at least 2, got 1" in told


def test_a_word_that_is_no_setting_is_named(capsys, tmp_path):
    assert "fast" in fails(capsys, "collect", f"run={tmp_path}", "fast")


def test_an_unknown_environment_is_named(capsys, tmp_path):
    message = fails(capsys, "collect", f"run={tmp_path}", "workers=0", "env.id=envs:robopref/RopeShapin-v0")
    assert "RopeShaping-v0" in message


def test_an_unknown_target_suggests_the_near_one(capsys, tmp_path):
    message = fails(capsys, "collect", f"run={tmp_path}", "workers=0", "env.options.target=strait")
    assert "straight" in message


def test_a_missing_dataset_names_the_command_that_makes_it(capsys, tmp_path):
    assert "robopref collect" in fails(capsys, "train", "policy", f"run={tmp_path}")


def test_a_missing_policy_names_the_command_that_makes_it(capsys, run):
    (run / "policy" / "weights.pt").unlink()
    assert "robopref train policy" in fails(capsys, "evaluate", f"run={run}")


def test_missing_labels_name_the_command_that_makes_them(capsys, run):
    (run / "labels.sqlite").unlink()
    assert "robopref label" in fails(capsys, "train", "reward", f"run={run}")


def test_a_message_about_a_label_database_keeps_its_password(capsys, run, monkeypatch):
    address = f"sqlite:///file:{run / 'other.sqlite'}?mode=rwc&uri=true&token=hunter2"
    monkeypatch.chdir(run)
    told = fails(capsys, "train", "reward", f"run={run}", "labeler=human", f"labeler.database={address}")
    assert "other.sqlite?mode=rwc&uri=true&token=*** compares candidates" in told
    assert not Path("file:").exists(), "the file is where SQLite looks for it"


def test_a_truncated_dataset_is_reported(capsys, run):
    chunk = max((run / "demos.zarr" / "data" / "points").glob("[0-9]*"))
    chunk.write_bytes(chunk.read_bytes()[:100])
    assert "demos.zarr" in fails(capsys, "train", "policy", f"run={run}")


def test_a_checkpoint_of_another_architecture_is_reported(capsys, run):
    assert "policy.width was 8, is 16" in fails(capsys, "evaluate", f"run={run}", "policy.width=16")


def test_a_damaged_checkpoint_is_reported(capsys, run):
    (run / "policy" / "weights.pt").write_bytes(b"PK nothing")
    assert "weights.pt" in fails(capsys, "evaluate", f"run={run}")


def test_demonstrations_of_another_seed_are_not_continued(capsys, run):
    assert "seed" in fails(capsys, "collect", f"run={run}", "seed=5", "collect.steps=20")


def test_answers_of_a_teacher_with_other_settings_are_not_mixed(capsys, run):
    assert "labels.sqlite" in fails(capsys, "label", f"run={run}", "labeler.mistake=0.5")


@pytest.mark.slow
def test_a_reward_is_not_taken_for_trained_when_the_labels_have_changed(capsys, run):
    with FeedbackStore(run / "labels.sqlite") as database:
        assert any(len(set(feedback.answer.ranks)) > 1 for feedback in database.feedback())
    rewards = run / "rewards"
    (run / "labels.sqlite").unlink()
    assert main(["label", f"run={run}", "labeler.equal=1.0"]) == 0
    assert main(["train", "reward", f"run={run}"]) == 0
    again = {path: load_checkpoint(path)["module"] for path in sorted(rewards.glob("*/weights.pt"))}
    assert len(again) == 2
    assert " ".join(capsys.readouterr().out.split()).count("so it is trained again") == len(again)
    assert main(["train", "reward", f"run={run}"]) == 0
    assert "trained again" not in capsys.readouterr().out
    shutil.rmtree(rewards)
    assert main(["train", "reward", f"run={run}"]) == 0
    for path, weights in again.items():
        whole = load_checkpoint(path)["module"]
        assert all(
            torch.equal(value, whole[name]) for name, value in weights.items() if isinstance(value, torch.Tensor)
        )
    assert "learning_rate" in fails(capsys, "train", "reward", f"run={run}", "rewards.explicit.fit.learning_rate=0.5")


def test_a_device_that_is_not_there_is_reported(capsys, tmp_path):
    if torch.cuda.is_available():
        assert main(["collect", f"run={tmp_path}", "device=cuda", *TINY[2:]]) == 0
    else:
        assert "robopref info" in fails(capsys, "collect", f"run={tmp_path}", "device=cuda")


def test_a_run_folder_that_cannot_be_written_is_reported(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "choose another run=" in fails(capsys, "collect", f"run={tmp_path / 'file' / 'mine'}")


@pytest.mark.slow
def test_an_evaluation_is_about_the_reward_that_ranks(run):
    assert main(["evaluate", f"run={run}", "deploy.reward=explicit"]) == 0
    assert main(["report", f"run={run}"]) == 0
    assert json.loads((run / "summary.json").read_text())["leading"] == "explicit"
