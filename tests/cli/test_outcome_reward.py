"""A reward of outcomes through the commands: trained on the same answers, looked ahead with, and refused elsewhere."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from tests.cli.tiny import fails

OUTCOME = [
    "reward=outcome", "rewards.outcome.members=2", "rewards.outcome.fit.steps=2", "rewards.outcome.batch_size=2",
    "rewards.outcome.scorer.width=8",
]  # fmt: skip
FREE = ("masked likelihood", "candidate agreement")  # of labels
QUICK = ["deploy.view=none", "deploy.commands=1", "deploy.candidates=3", "deploy.pace.deadline=30"]


@pytest.mark.slow
def test_it_is_trained_evaluated_deployed_and_rewards_steps(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = json.loads((run / "timing.json").read_text())["stages"]["Teacher tries the candidates"]
    assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
    # What was carried out already leaves the time that it took.
    assert json.loads((run / "timing.json").read_text())["stages"]["Teacher tries the candidates"] >= tried > 0
    assert EpisodeStore.open(run / "outcomes.zarr").array("next_points").shape[:2] == (3, 3)
    assert main(["evaluate", f"run={run}", "ranker=look_ahead", "ranker.keep=2", "ranker.scorer=explicit"]) == 0
    with np.load(run / "evaluation" / "decisions.npz") as decisions:
        assert decisions["scores_outcome"].shape == decisions["outcomes"].shape == (2, 3)
        assert {"scores_combined", "scores_explicit", "scores_implicit"} <= set(decisions.files)
        assert {"scores_likelihood", "scores_masked likelihood", "scores_candidate agreement"} <= set(decisions.files)
        # Look-ahead chooses one of the two that explicit likes best: the one whose outcome is judged better.
        kept = np.argsort(-decisions["scores_explicit"], axis=1)[:, :2]
        judged = np.take_along_axis(decisions["scores_outcome"], kept, axis=1)
        best = np.take_along_axis(kept, judged.argmax(axis=1)[:, None], axis=1)[:, 0]
        assert (decisions["ahead_outcome"].argmax(axis=1) == best).all()
    needs = json.loads((run / "evaluation" / "needs.json").read_text())
    assert needs["ahead"] == {"outcome": {"keep": 2, "by": "explicit"}}
    assert needs["learnt"]["outcome"] == {"answers": 3, "carried_out": 9}
    assert needs["learnt"]["combined"] == needs["learnt"]["explicit"] == {"answers": 3, "carried_out": 0}
    assert {"own", "explicit", "likelihood", "outcome", "look-ahead by outcome", *FREE} <= needs["milliseconds"].keys()
    assert min(needs["milliseconds"].values()) > 0
    assert json.loads((run / "evaluation" / "ranked.json").read_text()) == {"by": "outcome"}
    with np.load(run / "evaluation" / "episodes.npz") as episodes:
        assert "look-ahead by outcome" in episodes.files
    capsys.readouterr()
    assert main(["report", f"run={run}"]) == 0
    assert "look-ahead by outcome, 2 of 3 simulated, was" in " ".join(capsys.readouterr().out.split())
    assert "best by outcome, all 3 simulated" in (run / "report.html").read_text()
    assert main(["deploy", f"run={run}", *QUICK]) == 0
    assert (run / "deploy" / "sim.zarr").exists()
    words = [f"run={tmp_path / 'offline'}", f"relabel.model={run}", "relabel.use=outcome"]
    assert main(["relabel", *words, f"data={run / 'demos.zarr'}", "relabel.name=seen"]) == 0
    assert np.isfinite(EpisodeStore.open(run / "demos.zarr").array("reward_seen")).all()
    # Where nothing can be looked ahead with, one line says so.
    capsys.readouterr()
    assert "choose ranker=look_ahead, which tries candidates out" in fails(
        capsys, "deploy", f"run={run}", *QUICK, "ranker=best_of_n"
    )
    assert "explicit judges actions; choose ranker=best_of_n, or use=outcome" in fails(
        capsys, "deploy", f"run={run}", *QUICK, "use=explicit"
    )
    assert "nothing can simulate that of robot replay; choose robot=sim" in fails(
        capsys, "deploy", f"run={run}", *QUICK, "robot=replay"
    )
    assert "outcome judges what came of an action, which a graph has no way to find out" in fails(
        capsys, "export", f"run={run}"
    )
    assert "unknown ranker.scorer 'outcome'; expected one of combined, explicit" in fails(
        capsys, "evaluate", f"run={run}", "ranker.scorer=outcome"
    )


def test_faults_of_what_came_of_candidates_are_found_before_anything_is_trained(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "rewards")
    words = ["train", "reward", f"run={run}", *OUTCOME]
    kept = (run / "outcomes.zarr" / ".zattrs").read_text()
    (run / "outcomes.zarr" / ".zattrs").write_text(kept.replace('"candidates": "', '"candidates": "other'))
    assert "outcomes.zarr" in fails(capsys, *words)
    (run / "outcomes.zarr" / ".zattrs").write_text(kept)
    shutil.rmtree(run / "outcomes.zarr" / "data" / "next_points")
    assert "it lacks next_points, what was observed after the candidates; remove it" in fails(capsys, *words)
    assert not list((run / "rewards").glob("*"))


def test_recorded_data_cannot_be_looked_ahead_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "offline", f"run={tmp_path / 'run'}", f"data={tmp_path}", "ranker=look_ahead")
    assert "recorded data come with nothing to carry them out in; choose ranker=best_of_n" in told


@pytest.mark.parametrize("ranker", ["look_ahead", "beam_search"])
def test_no_reward_cannot_be_looked_ahead_by(run: Path, capsys: pytest.CaptureFixture[str], ranker: str) -> None:
    told = fails(capsys, "deploy", f"run={run}", *QUICK, f"ranker={ranker}", "deploy.reward=null")
    assert "deploy.reward=null ranks by none; leave one of them out" in told
