"""A policy that judges itself: refused without held-out answers, watched by them, and labelled by the surer half."""

from dataclasses import replace
from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.evaluation.round_record import load_rounds
from robopref.records import Goal, Preference, Ranking
from robopref.reports.rounds_section import brief_rows, round_rows
from tests.cli.test_improve import SMALL
from tests.cli.tiny import fails

OWN = ["improve.method=selfie", "improve.own=true", "improve.distil=false", "improve.rounds=2", *SMALL]


@pytest.mark.slow
def test_a_policy_judges_itself_while_held_out_answers_watch(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "improve.own=true lets the policy take the place of the one that the judge tuned" in fails(
        capsys, "improve", f"run={run}", *OWN, "improve.judge=explicit"
    )
    words = [*OWN, "improve.judge=implicit"]
    assert "improve.own=true asks nobody" in fails(capsys, "improve", f"run={run}", *words, "improve.answers=2")
    assert "needs answers that implicit did not learn from" in fails(capsys, "improve", f"run={run}", *words)
    explore = ["explore.states=4", "explore.candidates=3", "explore.warm_up=1"]
    assert main(["explore", f"run={run}", *explore]) == 0
    assert main(["label", f"run={run}", "label.about=explored", "label.budget=2"]) == 0
    with FeedbackStore(run / "labels.sqlite", create=False) as database:
        given = database.feedback("scripted-teacher")
        database.take_back("scripted-teacher", but="")
        database.add_all(replace(one, answer=Ranking((0, 1, 2))) for one in given)  # all candidates here are as good
    capsys.readouterr()
    assert main(["label", f"run={run}", "label.about=explored", "labeler=own", "label.budget=null"]) == 0
    assert "2 questions that it was not trained on are too few" in " ".join(capsys.readouterr().out.split())
    with FeedbackStore(run / "labels.sqlite", create=False) as database:
        own = database.feedback("self:implicit")
    assert len(own) == 12
    assert sum(isinstance(one.answer, Preference) for one in own) == 6
    assert main(["improve", f"run={run}", *words]) == 0
    told = " ".join(capsys.readouterr().out.split())
    records = load_rounds(run / "rounds" / "selfie")
    assert all(one.watched is not None and 0 <= one.watched <= 1 for one in records)
    for rows in (round_rows(records, Goal()), brief_rows(records, Goal())):
        assert [row[-1] for row in rows] == ["own preference", *(f"{one.watched:.0%}" for one in records)]
    best = max(records, key=lambda one: (one.watched or 0, -one.round)).round
    assert (f"held-out answers find round {best} best" in told) == (best > 0)
    assert replace(records[-1], stopped="") == records[-1] or "improve.stop.watched" in records[-1].stopped
