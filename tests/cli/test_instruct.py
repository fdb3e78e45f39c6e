"""`robopref instruct`, `train rewriter` and `evaluate checklist=`, from the command line."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.instructions.rewrite_rewards import checklist_reward
from tests.cli.tiny import TINY, fails
from tests.scripted_server import ScriptedServer

SMALL = ["rewriter.steps=1", "rewriter.cases=1", "rewriter.group=2", "rewriter.imitated=2", "rewriter.shown=2",
         "rewriter.rollouts=1", "rewriter.evaluator_steps=1"]  # fmt: skip


def test_an_instruction_is_made_explicit_with_its_reasons(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["instruct", "put the box away", "scene=[fragile box,laptop]"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("put the box away; ")
    assert "set the box down gently" in said.splitlines()[0]
    assert "because of the laptop" in said
    assert main(["instruct", "put", "the", "plain", "brush", "there"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("put the plain brush there\n")
    assert "nothing was added" in said
    assert list(tmp_path.iterdir()) == []


def test_instructions_of_files(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("terse.txt").write_text("put the tea away\n\nkeep the cup upright; move the cup\n")
    assert main(["instruct", "terse.txt", "path=told.jsonl"]) == 0
    rows = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
    assert [row["instruction"] for row in rows] == ["put the tea away", "keep the cup upright; move the cup"]
    assert {one["key"]: one["why"] for one in rows[0]["added"]}["upright"] == "because the instruction says “tea”"
    assert rows[1]["said"] == [{"key": "upright", "object": "cup"}]
    assert rows[1]["rewritten"] == rows[1]["instruction"]
    Path("cases.jsonl").write_text('{"instruction": "move the cup", "scene": ["full cup"]}\n')
    assert main(["instruct", "cases.jsonl"]) == 0
    assert "keep the cup upright" in capsys.readouterr().out
    for text, said in [
        ("move the cup\n" + "x " * 1500, "long.txt, line 2: an instruction has 2000 letters"),
        ("move the cup\n\n把杯子放好\n", "long.txt, line 3: an instruction says what is to be done, in English"),
        ("move the cup\n" * 80_000, "long.txt has more than 1,000,000 letters"),
    ]:
        Path("long.txt").write_text(text, encoding="utf-8")
        assert said in fails(capsys, "instruct", "long.txt", "path=none.jsonl")
    Path("long.txt").write_text("move the cup\n")
    for path, said in [
        ("./long.txt", "is the file of the instructions"), (".", "path=. is a folder"),
        ("/proc/x/out.jsonl", "cannot write"),
    ]:  # fmt: skip
        assert said in fails(capsys, "instruct", "long.txt", f"path={path}")
    assert Path("long.txt").read_text() == "move the cup\n"
    Path("terse.csv").write_text("move the cup\n")
    assert "terse.csv is no file of instructions" in fails(capsys, "instruct", "terse.csv")
    Path("terse").mkdir()
    assert "terse is a folder, not a file of instructions" in fails(capsys, "instruct", "terse")
    os.mkfifo("pipe.txt")
    assert "pipe.txt is a pipe, not a file" in fails(capsys, "instruct", "pipe.txt")
    assert not Path("none.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "an instruction is missing"), (["..."], "what is to be done"), (["none.txt"], "cannot read"),
        (["none.jsonl"], "cannot read"), (["move the cup", "scene=['1']"], "lists things"),
        (["move the cup", "by=trained"], "train rewriter"), (["move the cup", "by=best"], "train rewriter"),
        (["move the cup", "by=model"], "set model=<name"), (["move the cup", "by=magic"], "rules"),
        (["move the cup", "key_points=[none.yaml]"], "cannot read the family of key points"), (["x" * 3000], "letters"),
        (["move the cup", "scene={a: b}"], "scene must be a list, such as"),
        (["move the \udcff cup"], "cannot be shown"), (["move the cup", "by=best", "tries=1e9"], "tries must be"),
        (["move the cup", "by=model", "model=x", "base_url=nowhere"], ": base_url has to be an address"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_in_a_line(words, said, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, "instruct", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_language_model_says_what_is_missing(tmp_path, capsys) -> None:
    def reply(text, _):
        assert "move the cup" in text
        return json.dumps({"reasoning": "tea spills", "clauses": "keep the cup upright | tea spills\nsing | why not"})

    words = ["instruct", "move the cup", f"run={tmp_path}", "by=model", "model=simulated"]
    with ScriptedServer(reply) as server:
        for _ in range(2):
            assert main([*words, f"base_url={server.url}"]) == 0
        assert len(server.asked) == 1  # replies are kept
    said = capsys.readouterr().out
    assert "move the cup; keep the cup upright" in said
    assert "tea spills" in said
    assert "not added: sing" in said


@pytest.mark.slow
def test_a_rewriter_is_trained_and_used(tmp_path, capsys) -> None:
    cases = [
        {"instruction": f"move the cup {k}", "scene": ["full cup"], "wanted": ["keep the cup upright"]} for k in "abc"
    ]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases))
    run = tmp_path / "run"
    words = ["train", "rewriter", f"run={run}", f"rewriter.instructions={tmp_path / 'cases.jsonl'}", *SMALL]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "evaluator, on checklists that it has not seen" in said
    assert "changed intent" in said
    rows = [json.loads(line) for line in (run / "rewriter" / "prompts.jsonl").read_text().splitlines()]
    completion = json.dumps({"reasoning": "full", "clauses": "keep the cup upright | full"})
    (reward,) = checklist_reward([completion], **{name: [rows[0][name]] for name in ("instruction", "scene", "wanted")})
    assert reward == 1.0
    for by in ("trained", "best"):
        assert (
            main(["instruct", "move the cup", "scene=[full cup]", f"run={run}", f"by={by}", "surely=0", "tries=2"]) == 0
        )
        assert capsys.readouterr().out.startswith("move the cup")
    assert "another run folder" in fails(capsys, *words, "rewriter.price=1")
    assert "rewriter.group" in fails(capsys, *words, "rewriter.group=1")


@pytest.mark.slow
def test_episodes_are_scored_by_a_checklist_and_a_model_is_asked_what_simulation_does_not_know(
    tmp_path, capsys
) -> None:
    run, listed = tmp_path / "run", tmp_path / "list.yaml"
    words = [f"run={run}", "env=feature_reach", *TINY]
    assert main(["collect", *words]) == 0
    assert main(["train", "policy", *words]) == 0
    listed.write_text(
        "instruction: carry the red cup\npoints:\n  - {key: upright, object: cup}\n  - {key: duration, seconds: 100}\n"
        "  - {key: colour, object: cup, colour: red}\n"
    )
    assert "feature_reach" in fails(capsys, "evaluate", *words, "checklist=none")
    (tmp_path / "hand.yaml").write_text("points: [{key: hand, hand: left}]")
    assert "knows nothing of what it asks for" in fails(
        capsys, "evaluate", *words, f"checklist={tmp_path / 'hand.yaml'}"
    )
    assert "name one with checklist=" in fails(capsys, "evaluate", *words, "inspector=replay")
    assert main(["evaluate", *words, f"checklist={listed}"]) == 0
    result = json.loads((run / "evaluation" / "checklist.json").read_text())["strategies"]["policy"]
    assert [one["share"] for one in result["points"]][1:] == [1.0, None]
    known = [one["share"] for one in result["points"] if one["share"] is not None]
    assert result["mean"] == pytest.approx(np.mean(known))

    def reply(text, pictures):
        assert "carry the red cup" in text
        assert pictures[0].ndim == 3
        return json.dumps({"reasoning": "it is", "answer": "yes"})

    with ScriptedServer(reply) as server:
        asked = ["inspector=model", "inspector.judge.model=simulated", f"inspector.judge.base_url={server.url}"]
        assert main(["evaluate", *words, f"checklist={listed}", *asked]) == 0
        assert len(server.asked) == 1
    result = json.loads((run / "evaluation" / "checklist.json").read_text())["strategies"]["policy"]
    assert result["points"][2]["share"] == 1.0
    assert result["points"][2]["asked"] is True
    assert "inspector" in capsys.readouterr().out
    shutil.rmtree(run)
