"""A reward labels what was explored, another learns from it: marked, watched, and never unasked."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Feedback, Preference, Ranking
from tests.cli.test_outcome_reward import OUTCOME
from tests.cli.tiny import fails

EXPLORE = ["explore.states=4", "explore.candidates=3", "explore.warm_up=1"]
DISTILLED = ["reward=distilled", "rewards.distilled.fit.steps=2", "rewards.distilled.scorer.width=8"]


def answers(run: Path, labeler: str | None = None) -> list[Feedback]:
    with FeedbackStore(run / "labels.sqlite", create=False) as database:
        return database.feedback(labeler)


def weights(run: Path, name: str) -> bytes:
    return (run / "rewards" / name / "weights.pt").read_bytes()


@pytest.mark.slow
def test_what_was_explored_is_labelled_and_learnt_from(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(command: str, *words: str) -> str:
        capsys.readouterr()
        assert main([*command.split(), f"run={run}", *words]) == 0
        return capsys.readouterr().out

    ask = ["labeler=reward", "label.about=explored"]
    assert "nothing is explored at" in fails(capsys, "label", f"run={run}", *ask)
    assert "4 states with 3 candidates each, carried out" in told("explore", *EXPLORE)
    assert "6 states with 3 candidates each" in told("explore", "explore.states=6")
    assert "explore.candidates=3, not 4" in fails(capsys, "explore", f"run={run}", "explore.candidates=4")
    assert "judges outcomes; run: robopref train reward" in fails(capsys, "label", f"run={run}", *ask)
    told("train reward", *OUTCOME)
    given, before = answers(run), weights(run, "explicit")
    out = told("label", *ask)
    assert "self:outcome: no answer is known that it was not trained on" in out
    assert "18 answers of self:outcome" in out
    own = answers(run, "self:outcome")
    assert len(own) == 18
    assert len({one.labeler_version for one in own}) == 1
    # What it believes of the pairs of a state comes of one number for each candidate.
    odds = [math.log(one.answer.p / (1 - one.answer.p)) for one in own if isinstance(one.answer, Preference)]
    for first, both, second in zip(odds[::3], odds[1::3], odds[2::3], strict=True):  # of 0-1, 0-2 and 1-2
        assert both == pytest.approx(first + second, abs=1e-9)
    assert max(map(abs, odds)) > 0
    quality = told("labels quality")
    assert "left out: 18 answers that trained rewards gave" in quality
    assert "self:outcome" not in quality + (run / "labels.html").read_text()
    # What learns from given answers does not learn from these, though explored candidates are what is labelled.
    assert "trained again" not in told("train reward")
    assert weights(run, "explicit") == before
    out = told("train reward", *DISTILLED)
    assert f"distilled: on {len(given)} held-out answers of scripted-teacher it orders" in out
    assert weights(run, "explicit") == before
    # What it learnt of was explored, and judged by a reward that had to learn first.
    learnt = json.loads((run / "rewards" / "learnt_from.json").read_text())
    assert learnt["outcome"] == {"answers": 3, "carried_out": 9}
    assert learnt["distilled"] == {"answers": 3, "carried_out": 18 + 9}
    assert "distilled" in told("evaluate")
    # The reward is another one from now on, so what it said before counts no more.
    shutil.rmtree(run / "rewards" / "distilled")
    told("train reward", "rewards.outcome.fit.steps=3", "rewards.distilled=null", "use=outcome")
    assert "18 answers of self:outcome are left out" in (
        stale := fails_after(capsys, "train", "reward", f"run={run}", *DISTILLED)
    )
    assert "no self-made answer in" in stale
    assert "18 answers that self:outcome gave when it was another are taken back" in told("label", "labeler.soft=false")
    assert [type(one.answer) for one in answers(run, "self:outcome")] == [Ranking] * 6
    assert "distilled: on" in told("train reward", *DISTILLED)
    # Answers that it was not trained on say whether it may answer.
    own = answers(run, "self:outcome")
    teacher = [replace(one, labeler="scripted-teacher", labeler_version=given[0].labeler_version) for one in own]
    with FeedbackStore(run / "labels.sqlite", create=False) as database:
        database.add_all(teacher[:5])
        assert "5 questions that it was not trained on are too few to say how well it judges; 6" in told("label")
        database.add(teacher[5])
        assert "self:outcome orders 100% of the pairs of 6 questions that it was not trained on rightly (95%" in told(
            "label"
        )
        # Nor does it learn from them later.
        trained = weights(run, "outcome-1")
        assert "trained again" not in told("train reward")
        assert weights(run, "outcome-1") == trained
        database.take_back("scripted-teacher", but="")
        database.add_all(replace(one, answer=Ranking(reverse(one.answer))) for one in teacher)
    refused = fails(capsys, "label", f"run={run}")
    told = (
        f"the reward outcome of {run} is not asked, as 6 questions that it was not trained on are no evidence that it"
    )
    assert told in refused
    assert "of their pairs it orders 0% rightly (95% interval 0% to 46%, by Clopper and Pearson" in refused


def reverse(answer: object) -> tuple[int, ...]:
    assert isinstance(answer, Ranking)
    return tuple(max(answer.ranks) - rank for rank in answer.ranks)


def fails_after(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints that is to fail with one line, and that line."""
    capsys.readouterr()
    assert main(list(words)) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.out + captured.err


def test_what_cannot_be_learnt_from_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    word = "rewards.explicit.learn_from=self_made"
    assert "no self-made answer in" in fails(capsys, "train", "reward", f"run={run}", word)
    assert "rewards.explicit: held_out holds out answers that are learnt from" in fails(
        capsys, "train", "reward", f"run={run}", word, "+rewards.explicit.held_out=0.2"
    )
    assert "learn_from must be given, self_made or all" in fails(
        capsys, "train", "reward", f"run={run}", "rewards.explicit.learn_from=own"
    )
    assert "learn_from=all is for robopref train reward" in fails(
        capsys, "offline", "reward", f"run={run / 'offline'}", f"data={run / 'demos.zarr'}",
        "rewards.segment.learn_from=all", "rewards.segment.held_out=0",
    )  # fmt: skip
