"""`robopref train asker`, from nothing to weights and a data set."""

import json

import pytest

from robopref.__main__ import main
from robopref.querying.question_reward import question_reward
from tests.cli.tiny import fails

SMALL = ["asker.steps=1", "asker.tasks=1", "asker.group=2", "asker.questions=1", "asker.pairs=2", "asker.draws=8"]


@pytest.mark.slow
def test_an_asker_is_trained_and_says_what_it_brings(tmp_path, capsys):
    assert main(["train", "asker", f"run={tmp_path}", *SMALL]) == 0
    said = capsys.readouterr().out
    assert "selector=asker" in said
    assert "information" in said
    assert (tmp_path / "asker" / "weights.pt").exists()
    rows = [json.loads(line) for line in (tmp_path / "asker" / "prompts.jsonl").read_text().splitlines()]
    kind, name = rows[0]["masked"][0].split(maxsplit=1)
    completion = json.dumps({"kind": kind, "feature": name})
    assert question_reward([completion], masked=[rows[0]["masked"]], asked=[rows[0]["asked"]]) == [1.0]


def test_settings_of_an_asker_are_refused_before_it_is_trained(tmp_path, capsys):
    for word, said in [("asker.group=1", "at least 2"), ("asker.masked=0", "asker.masked must be"),
                       ("asker.question=3", "asker")]:  # fmt: skip
        assert said in fails(capsys, "train", "asker", f"run={tmp_path / 'run'}", word)
    assert not (tmp_path / "run").exists()
