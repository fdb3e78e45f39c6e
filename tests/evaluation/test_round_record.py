"""Records of rounds come back as they were, damaged ones are refused, and guards say why rounds end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robopref.errors import DataError
from robopref.evaluation.intervals import Interval
from robopref.evaluation.round_record import RoundGuards, RoundRecord, best_round, load_rounds, write_rounds

FIRST = RoundRecord(0, 100, 800, 0.02, None, None, 0.5, 1.0, 0.0, None, 0.0, 3.0)
SECOND = replace(
    FIRST, round=1, carried_out=3360, gain=Interval(0.01, -0.01, 0.03, 40), best=Interval(0.04, 0.02, 0.05, 40),
    judged=0.7, entropy=0.6, distance=0.02, agreement=0.9, real=0.15, stopped="why",
)  # fmt: skip
GUARDS = RoundGuards(entropy=1.0, agreement=0.6, distance=0.5, fall=0.1)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    assert load_rounds(tmp_path) == []
    write_rounds(tmp_path, [FIRST, replace(SECOND, watched=0.7)])
    assert load_rounds(tmp_path) == [FIRST, replace(SECOND, watched=0.7)]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("own", "much", "own has to be a number, got 'much'"),
        ("entropy", None, "entropy has to be a number"),
        ("distance", 1e300, "distance has to be a number"),
        ("gain", {"mean": 1, "low": 0}, "gain.high has to be a number"),
        ("best", 3, "best.low has to be a number"),
        ("round", 5, "numbered from 0 on"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, name: str, value: Any, complaint: str) -> None:
    write_rounds(tmp_path, [FIRST, SECOND])
    path = tmp_path / "rounds.json"
    stored = json.loads(path.read_text())
    stored["rounds"][1][name] = value
    path.write_text(json.dumps(stored))
    with pytest.raises(DataError, match=complaint):
        load_rounds(tmp_path)
    path.write_text(json.dumps({"rounds": [3]}))
    with pytest.raises(DataError, match="a list of at most"):
        load_rounds(tmp_path)


def test_a_policy_that_judges_itself_is_told_by_held_out_answers() -> None:
    rounds = [replace(FIRST, watched=0.7), replace(SECOND, watched=0.72, judged=0.8, stopped=""),
              replace(SECOND, round=2, watched=0.71, judged=1.0, stopped="")]  # fmt: skip
    assert best_round(rounds).round == 1
    assert GUARDS.reason(rounds[:2]) == ""
    assert GUARDS.reason(rounds) == (
        "what the policy itself prefers orders 71% of the held-out answers rightly, after 72% in round 1 "
        "(improve.stop.watched)"
    )
    assert replace(GUARDS, watched=0.02).reason(rounds) == ""
    assert replace(GUARDS, watched=None).reason(rounds) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"entropy": -0.1}, "lost 1.10 nats"),
        ({"entropy": 0.01}, ""),
        ({"distance": 0.6}, "0.6 from the first one"),
        ({"agreement": 0.55}, "orders 55% of the held-out pairs"),
        ({"agreement": None}, ""),
        ({"judged": 0.35}, "the judge finds round 0 better"),
        ({"judged": 0.41}, ""),
    ],
)
def test_a_guard_says_why_no_round_follows(change: dict[str, Any], reason: str) -> None:
    found = GUARDS.reason([FIRST, replace(SECOND, **change)])
    assert (reason in found) if reason else found == ""
    assert RoundGuards(None, None, None, 1.0).reason([FIRST, replace(SECOND, **change)]) == ""


def test_the_best_round_is_what_the_judge_prefers_most_often() -> None:
    rounds = [FIRST, SECOND, replace(SECOND, round=2), replace(SECOND, round=3, judged=0.6)]
    assert best_round(rounds).round == 1
    assert best_round([FIRST, replace(SECOND, judged=0.5)]).round == 0
    assert GUARDS.reason([*rounds[:3], replace(rounds[3], judged=0.55)]) == "the judge finds round 1 better"
