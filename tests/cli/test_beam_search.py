"""Beam search through the commands: evaluated, reported, deployed in simulation, and refused elsewhere."""

import json
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from tests.cli.test_outcome_reward import OUTCOME, QUICK
from tests.cli.tiny import fails

SEARCH = ["ranker=beam_search", "ranker.beams=2", "ranker.candidates=2", "ranker.depth=2"]


@pytest.mark.slow
def test_it_is_evaluated_reported_and_deployed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"run={run}", *SEARCH, "use=implicit"]) == 0
    with np.load(run / "evaluation" / "decisions.npz") as decisions:
        assert decisions["beams_implicit"].shape == decisions["outcomes"].shape == (2, 3)
    needs = json.loads((run / "evaluation" / "needs.json").read_text())
    assert needs["beams"] == {"implicit": 2}  # two beams, one decision that leads somewhere
    assert needs["milliseconds"]["beam search by implicit"] > 0
    assert json.loads((run / "evaluation" / "ranked.json").read_text()) == {"by": "beam search by implicit"}
    with np.load(run / "evaluation" / "episodes.npz") as episodes:
        assert "beam search by implicit" in episodes.files
    capsys.readouterr()
    assert main(["report", f"run={run}"]) == 0
    assert "beam search by implicit, 2 simulated, was" in " ".join(capsys.readouterr().out.split())
    rungs = json.loads((run / "summary.json").read_text())["ladder"]["rungs"]
    (rung,) = [rung for rung in rungs if rung["step"] == "beam search"]
    assert (rung["name"], rung["simulated"], rung["answers"]) == ("beam search by implicit", 2, 3)
    assert main(["deploy", f"run={run}", *QUICK]) == 0
    assert (run / "deploy" / "sim.zarr").exists()
    capsys.readouterr()
    told = fails(capsys, "deploy", f"run={run}", *QUICK, "robot=replay")
    assert "ranker=beam_search tries candidates out from the state of the robot, and nothing can simulate that" in told
    assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
    for command in (["evaluate", f"run={run}"], ["deploy", f"run={run}", *QUICK]):
        told = fails(capsys, *command, "use=outcome")
        assert "ranker=beam_search adds up what a reward says of actions, and outcome judges what came of them" in told


def test_recorded_data_cannot_be_searched_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "offline", f"run={tmp_path / 'run'}", f"data={tmp_path}", "ranker=beam_search")
    assert "ranker=beam_search carries candidates out, and recorded data come with nothing" in told
