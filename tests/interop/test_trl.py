"""TRL's own trainers run on what `robopref reasoned` writes."""

import json

from robopref.__main__ import main
from tests.learning.chains import labelled


def test_its_trainers_take_all_three_stages(peer, tmp_path):
    labelled(tmp_path / "run")
    files = []
    for stage, who in (("cold-start", "judge=teacher"), ("sift", "judge=student"), ("hard", "judge=student")):
        files.append(tmp_path / f"{stage}.jsonl")
        words = [f"run={tmp_path / 'run'}", f"path={files[-1]}", who, "pictures=false"]
        assert main(["reasoned", stage, *words, *([] if stage == "cold-start" else ["known=ann"])]) == 0
    peer("trl").run("trl_stages.py", *files, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    for stage in ("cold start", "sift"):
        assert len(report[stage]) == 5
        assert report[stage][-1] < report[stage][0]
    assert len(report["hard"]) == 5
    for row in report["hard"]:
        # What a model of random weights says has no format, and the reward functions say so.
        assert row["rewards/format_reward/mean"] == row["rewards/accuracy_reward/mean"] == 0
    # Of questions without known scores there is no such reward.
    assert {row["rewards/dimension_reward/mean"] for row in report["hard"]} in ({0.0}, {0.0, None})


def test_a_cold_start_of_enough_steps_leaves_replies_of_the_right_format(peer, tmp_path):
    run, path = labelled(tmp_path / "run"), tmp_path / "cold.jsonl"
    assert main(["reasoned", "cold-start", f"run={run}", f"path={path}", "judge=teacher", "pictures=false"]) == 0
    peer("trl").run("trl_cold_start.py", path, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["loss"][-1] < 0.1 < 1 < report["loss"][0]  # of a byte, nats
    assert report["valid at temperature 0.5"] > 0.2
