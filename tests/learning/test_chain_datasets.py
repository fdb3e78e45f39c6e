"""What each stage's file holds, by hand, and what the reward functions say of replies."""

import json
from pathlib import Path
from typing import Any

import pytest

from robopref.__main__ import main
from robopref.errors import DataError
from robopref.labelers.reasoned import ReasonedManner, chain_of
from robopref.learning.chain_datasets import QuestionText, cold_start_rows, hard_rows, sifted_rows, write_rows
from robopref.learning.chain_rewards import accuracy_reward, dimension_reward, format_reward, reply_text
from tests.labelers.asking import GreyPictures
from tests.learning.chains import FEEDBACK, QUERIES, labelled

TEXT = QuestionText()
NAMES = ["progress", "contact"]


def reply(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(row["completion"][0]["content"])


def test_cold_start_has_every_chain_as_the_judge_would_reply() -> None:
    rows = list(cold_start_rows(QUERIES, FEEDBACK, TEXT, judge="teacher"))
    assert [(row["query"], row["order"]) for row in rows] == [
        ("q0", [0, 1]), ("q0", [1, 0]), ("q1", [0, 1]), ("q1", [1, 0])
    ]  # fmt: skip
    there, back = reply(rows[0]), reply(rows[1])
    assert (there["answer"], there["progress_first"], there["progress_second"]) == ("first", 8, 3)
    assert (back["answer"], back["progress_first"], back["progress_second"]) == ("second", 3, 8)
    assert there["contact_finding"] == "It touches."
    # The words are those of the labeler, so what was trained on them can be asked by it.
    asked = ReasonedManner({name: TEXT.dimensions[name] for name in NAMES}).prompt("pair")
    (message,) = rows[0]["prompt"]
    assert asked.look.format(task="Open the drawer.") in message["content"]
    assert "The second item: steps 0 to 1 of demos" in rows[1]["prompt"][0]["content"]
    read = chain_of("pair", tuple(NAMES), back, swapped=True)
    assert read.scores == {"progress": (8.0, 3.0), "contact": (6.0, 4.0)}
    assert read.verdict == 1


def test_sifting_keeps_what_ends_in_the_right_verdict() -> None:
    rows = list(sifted_rows(QUERIES, FEEDBACK, TEXT, judge="student", known="ann"))
    assert [(row["query"], row["order"]) for row in rows] == [("q0", [0, 1]), ("q0", [1, 0]), ("q2", [0, 1])]


def test_hard_are_wrong_contradicted_and_unreadable_ones_in_both_orders() -> None:
    rows = list(hard_rows(QUERIES, FEEDBACK, TEXT, judge="student", known="ann"))
    told = [(row["query"], row["order"], row["verdict"], row["scores"]) for row in rows]
    assert told[:4] == [
        ("q1", [0, 1], "second", [[2, 9], [7, 3]]), ("q1", [1, 0], "first", [[9, 2], [3, 7]]),
        ("q2", [0, 1], "first", None), ("q2", [1, 0], "second", None),
    ]  # fmt: skip
    assert [row[0:3] for row in told[4:]] == [("q3", [0, 1], "tie"), ("q3", [1, 0], "tie")]
    assert "completion" not in rows[0]


def test_pictures_are_written_once_and_named(tmp_path: Path) -> None:
    text = QuestionText(pictures=GreyPictures(range(10)), folder=tmp_path / "shown")
    one, two, *_ = cold_start_rows(QUERIES, FEEDBACK, text, judge="teacher")
    assert one["images"] == two["images"][::-1]
    assert [part["type"] for part in one["prompt"][0]["content"]] == ["text", "image", "text", "image", "text", "text"]
    assert len(list((tmp_path / "shown").iterdir())) == 4  # of two pairs, each shown twice


def test_nothing_is_half_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to write"):
        write_rows(tmp_path / "rows.jsonl", [])
    assert list(tmp_path.iterdir()) == []


def test_rewards_are_what_they_say_of_each_reply() -> None:
    def said(answer: str, progress: tuple[int, int], contact: tuple[int, int]) -> str:
        found = {"progress_finding": "", "progress_first": progress[0], "progress_second": progress[1]}
        found |= {"contact_finding": "", "contact_first": contact[0], "contact_second": contact[1]}
        return json.dumps(found | {"answer": answer, "confidence": 0.5})

    replies = [
        said("second", (2, 9), (7, 3)),  # all right
        "<think>Hm.</think>" + said("first", (9, 2), (7, 3)),  # half of the dimensions, wrong verdict
        said("second", (9, 2), (7, 3)),  # against all its scores
        said("second", (0, 9), (7, 3)),  # no such score
        "second",
    ]
    columns: dict[str, Any] = {
        "dimensions": [NAMES] * 5, "verdict": ["second"] * 5, "scores": [[[2, 9], [8, 5]]] * 5, "query": ["q"] * 5
    }  # fmt: skip
    for completions in (replies, [[{"role": "assistant", "content": one}] for one in replies]):
        assert format_reward(completions, **columns) == [1, 1, 0, 0, 0]
        assert accuracy_reward(completions, **columns) == [1, 0, 0, 0, 0]
        assert dimension_reward(completions, **columns) == [1, 0.5, 0, 0, 0]
    unknown = columns | {"scores": [None] * 5}
    assert dimension_reward(replies, **unknown) == [None] * 5
    assert reply_text([{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]) == "ab"
    assert reply_text([]) == ""


def test_the_commands_write_the_files_and_say_who_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, path = labelled(tmp_path / "run"), tmp_path / "cold.jsonl"
    words = [f"run={run}", f"path={path}", "pictures=false"]
    assert main(["reasoned", "cold-start", *words, "judge=teacher"]) == 0
    assert len(path.read_text().splitlines()) == 4
    assert "4 chains" in capsys.readouterr().out
    assert main(["reasoned", "sift", *words, "judge=studnet", "known=ann"]) == 1
    assert "student" in capsys.readouterr().err
    assert main(["reasoned", "hard", *words[:2], "judge=student", "known=ann"]) == 1
    assert "demos.zarr: no such episode store" in capsys.readouterr().err
    assert len(path.read_text().splitlines()) == 4
