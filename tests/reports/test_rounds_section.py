"""Rounds in the report: the table by hand, one section a method, and none where there is nothing to compare."""

from dataclasses import replace
from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.evaluation.intervals import Interval
from robopref.evaluation.round_record import RoundRecord, write_rounds
from robopref.records import Goal
from robopref.reports.rounds_section import brief_rows, round_rows, rounds

FIRST = RoundRecord(0, 100, 800, 0.018, None, None, 0.5, -0.66, 0.0, None, 0.0, 55.0)
SECOND = RoundRecord(
    1, 120, 3360, 0.035, Interval(0.017, 0.006, 0.029, 60), Interval(0.045, 0.033, 0.058, 60), 0.73, -1.32, 0.03, 0.9,
    0.15, 1530.0,
)  # fmt: skip


def test_a_row_says_what_a_round_brought() -> None:
    header, first, second = round_rows([FIRST, SECOND], Goal())
    assert first == ["0", "100", "800", "1.8", "–", "–", "–", "–", "-0.66", "0.000", "0%", "55"]
    assert second[:6] == ["1", "120", "3,360", "3.5", "+1.7 (+0.6 to +2.9)", "+4.5 (+3.3 to +5.8)"]
    assert second[6:] == ["73%", "90%", "-1.32", "0.030", "15%", "1,530"]
    assert len(header) == len(second)
    assert [row[0] for row in brief_rows([FIRST, SECOND], Goal())] == ["round", "0", "1"]


def test_every_method_has_a_section_that_says_why_it_ended(tmp_path: Path) -> None:
    assert rounds(tmp_path, Goal()) == []
    write_rounds(tmp_path / "rounds" / "raft", [FIRST, replace(SECOND, stopped="the judge finds round 0 better")])
    write_rounds(tmp_path / "rounds" / "awr", [FIRST, replace(SECOND, judged=0.4)])
    write_rounds(tmp_path / "rounds" / "ipo", [FIRST])  # nothing was done yet
    awr, raft = map(str, rounds(tmp_path, Goal()))
    assert "Rounds by awr" in awr
    assert "The judge finds no round better." in awr
    assert "The judge likes round 1 best. No round followed the last one: the judge finds round 0 better." in raft
    assert "round 1, best by reward" in raft
    (tmp_path / "rounds" / "raft" / "rounds.json").write_text("[]")
    with pytest.raises(DataError, match=r"rounds\.json is damaged"):
        rounds(tmp_path, Goal())
