"""The ladder of a report: shares, jumps and needs worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robopref.evaluation.choice_needs import (
    ChoiceNeeds,
    Keeping,
    LearntFrom,
    keep_learnt,
    load_learnt,
    load_needs,
    write_needs,
)
from robopref.evaluation.ladder import LABEL_FREE
from robopref.reports.run_report import run_summary, write_report
from tests.reports.test_run_report import parsed, write_decisions

STARTS = 12
# Four candidates a start, in cm: on average 3, the best 6, the first, which is the policy's own sample, 2.
OUTCOMES = np.tile([0.02, 0.00, 0.04, 0.06], (STARTS, 1))
NEEDS = ChoiceNeeds(
    {"explicit": LearntFrom(100, 0), "combined": LearntFrom(100, 0), "outcome": LearntFrom(100, 1600)},
    {"outcome": Keeping(2, "combined")},
    {"own": 3.0, "likelihood": 40.0, "combined": 50.0, "look-ahead by outcome": 400.0, "outcome": 1234.0},
)


def chosen(index: int) -> np.ndarray:
    """Scores of which one candidate has the highest."""
    return np.tile(np.eye(4)[index], (STARTS, 1))


def write_ladder(folder: Path, **changes: object) -> None:
    write_decisions(
        folder,
        **{
            "points": np.zeros((STARTS, 5, 3), np.float32),
            "actions": np.zeros((STARTS, 4, 1, 4), np.float32),
            "outcomes": OUTCOMES,
            "start_distance": np.full(STARTS, 0.2),
            "own": np.zeros(STARTS, np.int64),
            "scores_implicit": None,
            "scores_explicit": chosen(1),
            "scores_combined": chosen(0),
            "scores_likelihood": chosen(0),
            "scores_outcome": chosen(3),
            "ahead_outcome": chosen(2),
            "tuned_outcomes": np.zeros(STARTS),
            **changes,
        },
    )
    write_needs(folder, NEEDS)
    (folder / "evaluation" / "ranked.json").write_text('{"by": "outcome"}')


def test_the_page_explains_scores_without_labels(tmp_path: Path) -> None:
    write_ladder(tmp_path)
    _, text = parsed(write_report(tmp_path))
    for name in LABEL_FREE:
        assert f"{name} " in text.partition("Three take no label: ")[2].partition("Look-ahead")[0]


def test_scores_without_labels_share_a_step_for_which_the_likelihood_stands(tmp_path: Path) -> None:
    found = {f"scores_{name}": chosen(3) for name in LABEL_FREE[1:]}
    write_ladder(tmp_path, **found)
    ladder = run_summary(tmp_path)["ladder"]
    free = [rung for rung in ladder["rungs"] if rung["step"] == "label-free"]
    assert [rung["name"] for rung in free] == list(LABEL_FREE)
    assert {(rung["answers"], rung["carried_out"], rung["simulated"]) for rung in free} == {(0, 0, 0)}
    assert [jump["to"] for jump in ladder["jumps"]][:3] == ["own", "likelihood", "combined"]
    write_ladder(tmp_path, **found, scores_likelihood=None)
    jumps = run_summary(tmp_path)["ladder"]["jumps"]
    assert [jump["to"] for jump in jumps][1] == "masked likelihood"


def test_rungs_stand_in_order_with_what_they_need(tmp_path: Path) -> None:
    write_ladder(tmp_path)
    summary = run_summary(tmp_path)
    keys = ("name", "answers", "carried_out", "simulated", "milliseconds")
    assert [tuple(rung[key] for key in keys) for rung in summary["ladder"]["rungs"]] == [
        ("random", 0, 0, 0, 3.0),
        ("own", 0, 0, 0, 3.0),
        ("likelihood", 0, 0, 0, 40.0),
        ("explicit", 100, 0, 0, None),
        ("combined", 100, 0, 0, 50.0),
        ("look-ahead by outcome", 100, 1600, 2, 400.0),
        ("outcome", 100, 1600, 4, 1234.0),
        ("oracle", 0, 0, 4, None),
    ]
    # Of the 3 cm between 3 and 6: own, likelihood and combined take 2, look-ahead 4, all outcomes 6.
    shares = {jump["to"]: jump["share"]["mean"] for jump in summary["ladder"]["jumps"]}
    thirds = {"own": -1, "likelihood": 0, "combined": 0, "look-ahead by outcome": 2, "outcome": 2, "oracle": 0}
    assert shares == pytest.approx({name: count / 3 for name, count in thirds.items()})


def test_look_ahead_needs_what_the_score_that_keeps_candidates_needs(tmp_path: Path) -> None:
    def needed(by: str | None, **learnt: LearntFrom) -> tuple[int | None, int | None]:
        write_ladder(tmp_path)
        write_needs(tmp_path, replace(NEEDS, learnt=NEEDS.learnt | learnt, ahead={"outcome": Keeping(2, by)}))
        rungs = run_summary(tmp_path)["ladder"]["rungs"]
        return next((rung["answers"], rung["carried_out"]) for rung in rungs if rung["step"] == "look-ahead")

    assert needed("combined", combined=LearntFrom(130, 4000)) == (130, 4000)
    assert needed("likelihood") == needed(None) == (100, 1600)
    assert needed("combined", combined=LearntFrom(None, 0)) == (None, 1600)


def test_what_looking_ahead_gains_is_said_where_the_score_that_ranks_shows_nothing(tmp_path: Path) -> None:
    write_ladder(tmp_path, scores_implicit=chosen(0), scores_outcome=chosen(3))
    (tmp_path / "evaluation" / "ranked.json").write_text('{"by": "implicit"}')
    headline = run_summary(tmp_path)["headline"]
    assert headline.startswith("Not shown: selection by the implicit score makes no difference")
    assert "; look-ahead by outcome, 2 of 4 simulated, is better, by 2.0 cm (95 % intervals " in headline


def test_no_more_candidates_are_simulated_than_there_are(tmp_path: Path) -> None:
    write_ladder(tmp_path)
    write_needs(tmp_path, replace(NEEDS, ahead={"outcome": Keeping(9, "combined")}))
    rungs = run_summary(tmp_path)["ladder"]["rungs"]
    assert {rung["name"]: rung["simulated"] for rung in rungs}["look-ahead by outcome"] == 4


def test_the_report_is_about_looking_ahead_and_says_where_the_jump_is(tmp_path: Path) -> None:
    write_ladder(tmp_path, scores_outcome=chosen(2))
    _, text = parsed(write_report(tmp_path))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["headline"].startswith(
        "Yes: look-ahead by outcome, 2 of 4 simulated, is better than the policy's own sample, by 2.0 cm"
    )
    assert (
        "The jump is from selection by combined to look-ahead by outcome, 2 of 4 simulated: +67 % of the gap "
        "(95 % interval +67 to +67 %)." in text
    )
    assert (
        "It takes 100 answered questions, 1,600 executed actions for training and 2 simulated candidates a decision, "
        "and leaves 67 % of the gap to the best candidate." in text
    )
    # What needs all outcomes is never called a selection.
    assert "best by outcome, all 4 simulated" in text
    assert "selection by outcome" not in text


def test_a_step_that_may_be_none_is_not_called_a_jump(tmp_path: Path) -> None:
    swing = np.tile([[-1.0], [1.0]], (STARTS // 2, 1))
    outcomes = OUTCOMES + 0.08 * swing * [0, 0, 1, 0]  # look-ahead takes 4 cm on average, 8 more or less
    write_ladder(tmp_path, outcomes=outcomes, scores_outcome=chosen(2))
    _, text = parsed(write_report(tmp_path))
    assert "No step can be shown with 12 starts; the largest seen is from selection by combined to look-ahead" in text


def test_evaluations_that_know_nothing_of_needs_are_reported(tmp_path: Path) -> None:
    write_ladder(tmp_path, scores_outcome=None, ahead_outcome=None)
    (tmp_path / "evaluation" / "needs.json").unlink()
    _, text = parsed(write_report(tmp_path))
    assert "Not in this run folder: evaluation/needs.json" in text
    assert "The jump is from a" not in text
    rungs = json.loads((tmp_path / "summary.json").read_text())["ladder"]["rungs"]
    assert {rung["milliseconds"] for rung in rungs} == {None}
    assert [rung["answers"] for rung in rungs if rung["name"] == "explicit"] == [None]


def test_needs_and_what_was_learnt_from_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    assert load_needs(tmp_path) == ChoiceNeeds()
    write_needs(tmp_path, NEEDS)
    assert load_needs(tmp_path) == NEEDS
    (tmp_path / "rewards").mkdir()
    keep_learnt(tmp_path, {"explicit": LearntFrom(10, 0)})
    keep_learnt(tmp_path, {"outcome": LearntFrom(20, 80)})
    assert load_learnt(tmp_path) == {"explicit": LearntFrom(10, 0), "outcome": LearntFrom(20, 80)}
