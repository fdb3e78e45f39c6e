"""A judge that reasons, from the command line: it answers, is assessed, and what it said is written for training."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.reasons import read_chains
from robopref.records import Preference
from tests.cli.tiny import fails


@pytest.mark.slow
def test_a_judge_that_reasons_from_pictures_to_training_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = EpisodeStore.create(tmp_path / "bright.zarr", {})
    levels = 10 * np.arange(20)
    frames = np.broadcast_to(levels[:, None, None, None], (20, 16, 16, 3)).astype(np.uint8)
    for part in (slice(0, 10), slice(10, 20)):
        store.append({"image": frames[part], "action": np.zeros((10, 2), np.float32)})
    run, words = tmp_path / "run", tmp_path / "cold.jsonl"
    with JudgeServer(PixelJudge(lambda shown: float(shown[-1].mean()), error=0.0)) as server:
        command = [
            "label", f"run={run}", "labeler=reasoned", "label.about=segments", f"data={store.path}", "label.kind=pair",
            "label.segments.length=3", "label.budget=6", "task=Make the picture bright.",
            "labeler.judge.model=simulated", f"labeler.judge.base_url={server.url}",
        ]  # fmt: skip
        dimensions = ["labeler.manner.dimensions.contact=null", "+labeler.manner.dimensions.tilt=how upright it is"]
        assert "dimension" in fails(capsys, *command, "+labeler.manner.dimensions.answer=what it says")
        assert main([*command, *dimensions]) == 0
    with FeedbackStore(run / "labels.sqlite") as labels:
        given = labels.feedback("reasoned")
    assert len(given) == 6
    for one in given:
        assert isinstance(one.answer, Preference)
        for chain in read_chains(one.rationale):
            assert list(chain.scores) == ["progress", "smoothness", "clearance", "tilt"]
            assert chain.verdict == one.answer.p
    assert main(["labels", "quality", f"run={run}"]) == 0
    out = capsys.readouterr().out
    assert "100 %" in next(line for line in out.splitlines() if "tilt" in line)
    told = json.loads((run / "labels.json").read_text())["reasons"]
    assert [one["dimension"] for one in told] == ["verdict", "progress", "smoothness", "clearance", "tilt"]
    assert main(["reasoned", "cold-start", f"run={run}", f"data={store.path}", f"path={words}", "showing.size=8"]) == 0
    rows = [json.loads(line) for line in words.read_text().splitlines()]
    assert len(rows) == 12
    assert all(Path(image).exists() for row in rows for image in row["images"])
    assert json.loads(rows[0]["completion"][0]["content"])["tilt_finding"].startswith("Measured")
