"""Several objectives through the commands: whose answers each reward learns, weights at choice time, and margins."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.cli.improve import tuning_of
from robopref.errors import ConfigError
from tests.cli.test_outcome_reward import QUICK
from tests.cli.tiny import fails

WEIGHTED = ["ranker=weighted", "ranker.rule.weights={explicit: 1, implicit: 0.3}"]
MODPO = ["method=modpo", "rewards.implicit.margins={explicit: 0.3}", "rewards.implicit.fit.steps=2"]


@pytest.mark.slow
def test_weights_choose_in_evaluate_and_deploy(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"run={run}", *WEIGHTED]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "ranked by 1 explicit /" in told
    with np.load(run / "evaluation" / "decisions.npz") as decisions:
        scores = {name: decisions[f"scores_{name}"] for name in ("explicit", "implicit", "weighted")}
    centred = {name: score - score.mean(1, keepdims=True) for name, score in scores.items()}
    # The sum of what both say, less the mean of the state, with factors whose ratio is that of weight over scale.
    factors, residual, *_ = np.linalg.lstsq(
        np.stack([centred["explicit"].ravel(), centred["implicit"].ravel()], 1), centred["weighted"].ravel(), rcond=None
    )
    assert residual.sum() < 1e-6
    assert (factors > 0).all()
    assert json.loads((run / "evaluation" / "ranked.json").read_text()) == {"by": "weighted"}
    assert main(["report", f"run={run}"]) == 0
    assert main(["deploy", f"run={run}", *QUICK, *WEIGHTED, "deploy.control=true"]) == 0
    assert "ranked by weighted" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_a_feature_is_weighed_beside_a_reward(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"run={run}", "ranker=weighted", "ranker.rule.weights={explicit: 1, smooth: 0.3}"]
    for wrong, why in (
        ("less mean(jerky(action))", "Did you mean jerk"), ("mean(jerk(action))", "which way is better"),
        ("less mean(action[99])", "channels"), ("less mean(speed(action))", "alike for all candidates"),
    ):  # fmt: skip
        told = fails(capsys, "evaluate", *words, f"ranker.rule.features={{smooth: '{wrong}'}}")
        assert "ranker.rule.features.smooth: " in told
        assert why in told
    feature = "ranker.rule.features={smooth: 'less mean(norm(action))'}"
    assert main(["evaluate", *words, feature]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "+ 0.3 smooth /" in told
    assert "Several objectives at once" in told
    assert main(["deploy", f"run={run}", *QUICK, *words[1:], feature]) == 0


def test_weights_that_cannot_be_are_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("evaluate", "deploy"):
        words = [command, f"run={tmp_path / 'none'}", "ranker=weighted"]
        told = fails(capsys, *words, "ranker.rule.weights={explicit: 1, implict: 0.3}")
        assert "unknown reward, or feature of ranker.rule.features, in ranker.rule.weights 'implict'" in told
        assert "Did you mean implicit" in told
        assert "needs a weight above zero" in fails(capsys, *words)
        assert "each a number" in fails(capsys, *words, "ranker.rule.weights={explicit: many}")
        assert "not negative, got -1 for explicit" in fails(capsys, *words, "ranker.rule.weights={explicit: -1}")
    told = fails(
        capsys, "deploy", f"run={tmp_path / 'none'}", "ranker=weighted", "ranker.rule.weights={explicit: 1}",
        "deploy.reward=null",
    )  # fmt: skip
    assert "ranker=weighted ranks by several rewards" in told


def test_critics_are_not_weighed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["offline", f"run={tmp_path / 'run'}", f"data={tmp_path}", *WEIGHTED]
    assert "the critics of robopref offline are one score" in fails(capsys, *words)


@pytest.mark.slow
def test_margins_tune_the_policy(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "rewards" / "implicit")  # of another method
    assert main(["train", "reward", f"run={run}", *MODPO]) == 0
    assert "implicit: tuned for 0.5 of what was preferred + 0.3 explicit" in " ".join(capsys.readouterr().out.split())
    before = (run / "rewards" / "implicit" / "weights.pt").read_bytes()
    # Other weights are other data, so it is trained again.
    assert main(["train", "reward", f"run={run}", "rewards.implicit.margins={explicit: 0.9}"]) == 0
    assert "so it is trained again" in " ".join(capsys.readouterr().out.split())
    assert (run / "rewards" / "implicit" / "weights.pt").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["method=modpo"], "name them and their weights with rewards.implicit.margins="),
        ([*MODPO, "rewards.implicit.objective.weight=0.01"], "weight of the objective must be in [0.05, 1], got 0.01"),
        (["method=modpo", "rewards.implicit.margins={explicitt: 1}"], "Did you mean explicit"),
        (["rewards.implicit.margins={explicit: 1}"], "margins are taken off by objective=modpo alone"),
        (["reward=outcome", "method=modpo", "rewards.implicit.margins={outcome: 1}"], "outcome judges what came of"),
        (["rewards.explicit.labelers=[force]"], "nobody called 'force' answered"),
        (["rewards.explicit.labelers=[force]", "rewards.explicit.learn_from=self_made"], "labelers names those who"),
    ],
)
def test_what_margins_and_labelers_cannot_be(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in fails(capsys, "train", "reward", f"run={run}", *words)


@pytest.mark.slow
def test_each_objective_learns_from_answers_of_its_own(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = ["labeler=measured", "label.kind=pair", "labeler.name=near", "labeler.measure=shape_distance"]
    told = fails(capsys, "label", f"run={run}", *measured[:-1], "labeler.measure=shape_distanse")
    assert "unknown labeler.measure 'shape_distanse'" in told
    assert "Did you mean shape_distance" in told
    assert main(["label", f"run={run}", *measured, "labeler.over=last", "labeler.scale=0.01"]) == 0
    near = ["reward@rewards.near=explicit", "rewards.near.labelers=[near]", "rewards.near.fit.steps=2"]
    near += ["objective@rewards.near.objective=bradley_terry", "rewards.near.scorer.width=8"]
    others = [f"rewards.{name}.labelers=[scripted-teacher]" for name in ("explicit", "implicit")]
    assert main(["train", "reward", f"run={run}", *near, *others]) == 0
    weights = ["ranker=weighted", "ranker.rule.weights={near: 1, explicit: 0.5}"]
    wrong = "evaluate.measures={near: -shape_distance}"
    assert "evaluate.measures lacks explicit" in fails(capsys, "evaluate", f"run={run}", *weights, wrong)
    wrong = "evaluate.measures={near: -shape, explicit: success}"
    assert "unknown evaluate.measures.near 'shape'" in fails(capsys, "evaluate", f"run={run}", *weights, wrong)
    right = "evaluate.measures={near: -shape_distance, explicit: success}"
    assert main(["evaluate", f"run={run}", *weights, right]) == 0
    fronts = json.loads((run / "evaluation" / "fronts.json").read_text())
    assert fronts["objectives"] == ["near", "explicit"]
    assert fronts["measured"]
    assert set(fronts["points"]) >= {"policy", "near", "explicit", "weighted", "tuned by implicit"}
    capsys.readouterr()
    assert main(["report", f"run={run}"]) == 0
    assert "Several objectives at once" in capsys.readouterr().out
    assert "Several objectives at once" in (run / "report.html").read_text()
    assert "there is no run folder" in fails(capsys, "report", f"run={run}", "report.beside=[nowhere]")


def test_rounds_have_one_judge_and_no_margins() -> None:
    context: Any = SimpleNamespace(config=compose_config("config", ["improve.method=modpo"]))
    with pytest.raises(ConfigError, match=r"improve\.method=modpo needs margins of other rewards"):
        tuning_of(context)
