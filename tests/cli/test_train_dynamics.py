"""A learnt dynamics through the commands: trained, tuned, looked ahead with where nothing simulates, and begun with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.first_weights import first_member
from tests.cli.test_outcome_reward import OUTCOME, QUICK
from tests.cli.tiny import fails

IMAGINE = [
    "imagine.width=8", "imagine.points=12", "imagine.nodes=12", "imagine.batch_size=2", "imagine.fit.steps=3",
    "imagine.tune.fit.steps=2", "imagine.held_out=0.3",
]  # fmt: skip
LEARNT = ["ranker=look_ahead", "ranker.keep=2", "dynamics=learnt"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_it_is_trained_tuned_evaluated_and_deployed_where_nothing_simulates(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "dynamics", f"run={run}", *IMAGINE]) == 0
    told = said(capsys)
    assert "no reward of outcomes is trained, so the dynamics is not tuned on one" in told
    assert "imagined clouds are" in told
    assert "if nothing moved it would be" in told
    assert not (run / "dynamics" / "tuned.pt").exists()
    assert "6 actions of candidates" in told  # three states of three, of which one is held out
    recorded = json.loads((run / "dynamics" / "record.json").read_text())
    assert recorded["transitions"] >= recorded["carried_out"] == 6
    assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
    capsys.readouterr()
    assert main(["train", "dynamics", f"run={run}"]) == 0
    told = said(capsys)
    assert "of the pairs before tuning" in told
    recorded = json.loads((run / "dynamics" / "record.json").read_text())
    assert (recorded["carried_out"], recorded["judge"]) == (6, "outcome")
    assert set(recorded["agreement"]) == {"pretrained", "tuned"}
    # The same again takes what there is.
    before = (run / "dynamics" / "tuned" / "state.pt").read_bytes()
    assert main(["train", "dynamics", f"run={run}"]) == 0
    assert (run / "dynamics" / "tuned" / "state.pt").read_bytes() == before

    assert main(["evaluate", f"run={run}", *LEARNT, "imagine.tuned=true"]) == 0
    with np.load(run / "evaluation" / "decisions.npz") as decisions:
        imagined, ahead = decisions["scores_imagined outcome"], decisions["ahead_outcome"]
        kept = np.argsort(-decisions["scores_combined"], axis=1)[:, :2]
        best = np.take_along_axis(kept, np.take_along_axis(imagined, kept, axis=1).argmax(1)[:, None], axis=1)[:, 0]
        assert (ahead.argmax(axis=1) == best).all()
        assert np.abs(imagined - decisions["scores_outcome"]).max() > 0  # these are of the simulation
    needs = json.loads((run / "evaluation" / "needs.json").read_text())
    assert needs["ahead"]["outcome"] == {"keep": 2, "by": "combined", "imagined": "imagined outcome"}
    assert needs["learnt"]["imagined outcome"] == {"answers": 3, "carried_out": 9}  # of those that the reward saw
    assert {"imagined outcome", "look-ahead by outcome", "outcome"} <= needs["milliseconds"].keys()
    assert main(["report", f"run={run}"]) == 0
    page = (run / "report.html").read_text()
    assert "look-ahead by outcome, 2 of 3 imagined" in page
    assert "selection by imagined outcome" in page
    assert "best by outcome, all 3 simulated" in page

    assert main(["deploy", f"run={run}", *QUICK, "robot=replay"]) == 0
    assert main(["deploy", f"run={run}", *QUICK, "robot=replay", "ranker=best_of_n"]) == 0
    assert main(["deploy", f"run={run}", *QUICK, "robot=sim", "ranker=pessimistic"]) == 0
    beams = ["ranker=beam_search", "ranker.depth=2", "use=implicit"]
    assert main(["deploy", f"run={run}", *QUICK, "robot=replay", *beams]) == 0
    # What was deployed is learnt from, too.
    capsys.readouterr()
    shutil.rmtree(run / "dynamics")
    torch.manual_seed(0)
    assert main(["train", "dynamics", f"run={run}", "imagine.held_out=0"]) == 0
    assert "nothing is held out, so nobody knows how well it imagines" in said(capsys)

    words = ["rewards.explicit.begin_with=dynamics", "rewards.implicit=null", "rewards.outcome=null", "use=explicit"]
    assert main(["train", "reward", f"run={run}", *words]) == 0
    config = compose_config("config", [f"run={run}", *words])
    context = Context(config, memory(config, []))
    began, weights = first_member(context, "explicit", 0), torch.load(run / "dynamics" / "weights.pt")["module"]
    context.finish()
    for name, value in began.state_dict().items():
        own = name.replace("trunk.frame.", "frame.")
        assert own not in weights or torch.equal(value, weights[own]), name
    assert torch.equal(began.state_dict()["encoder.local.0.weight"], weights["encoder.local.0.weight"])
    shutil.rmtree(run / "dynamics")
    assert main(["evaluate", f"run={run}", *words, "ranker=best_of_n", "dynamics=sim", "evaluate.episodes=1"]) == 0


def test_what_cannot_be_imagined_is_refused_in_a_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "evaluate", f"run={run}", "rewards.explicit.begin_with=dynamics", "dynamics=other")
    assert "dynamics=other is no choice of dynamics; expected dynamics= one of learnt, sim" in told
    words = ["train", "reward", f"run={run}", "rewards.explicit.begin_with=dynamics"]
    assert "no learnt dynamics at" in fails(capsys, *words)
    told = fails(capsys, "train", "dynamics", f"run={run}", "imagine.tune.reward=explicit")
    assert "unknown imagine.tune.reward 'explicit'" in told
    told = fails(capsys, "train", "dynamics", f"run={run}", "imagine.nodes=9", "imagine.points=8")
    assert "imagine.nodes must be at most imagine.points=8, got 9" in told
    told = fails(capsys, "train", "dynamics", f"run={run}", "imagine.tune.judge=half")
    assert "imagine.tune.judge" in told


def test_looking_ahead_is_refused_where_nothing_judges_outcomes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("ranker=look_ahead", "dynamics=learnt"):
        told = fails(capsys, "evaluate", f"run={run}", word)
        assert f"{word} is for a reward that judges outcomes, and none is trained; run: robopref train reward" in told


def test_a_run_in_which_nothing_was_executed_has_nothing_to_learn_from(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("outcomes.zarr", "explored_outcomes.zarr"):
        shutil.rmtree(run / name, ignore_errors=True)
    told = fails(capsys, "train", "dynamics", f"run={run}", "policy.horizon=50")
    assert "dynamics" in told
