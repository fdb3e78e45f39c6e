"""Grades on the command line: ratings, a grader, its figures, and rewards."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from robopref.__main__ import main
from robopref.cli.grades import who_acted
from robopref.data.episodes.store import EpisodeStore
from robopref.records import Item

METRIC = "labeler.metric={_target_: robopref.labelers.metric.final_progress, _partial_: true, levels: 5}"


def knocked(path: Path, episodes: int = 60) -> EpisodeStore:
    """Rollouts of which the force says how good they are; every other one is by somebody better."""
    rng, store = np.random.default_rng(0), EpisodeStore.create(path, {"qualities": ["rough", "gentle"]})
    for k in range(episodes):
        length, grade = int(rng.integers(4, 7)), int(rng.integers(0, 3)) + 2 * (k % 2)
        force = 0.1 * rng.normal(size=(length, 8, 1))
        force[rng.integers(length), 3] += 3.0 ** (5 - grade)
        store.append({
            "proprio": rng.normal(size=(length, 2)).astype(np.float32), "force": force.astype(np.float32),
            "action": rng.uniform(-1, 1, (length, 1)).astype(np.float32), "terminated": np.arange(length) == length - 1,
            "next_progress": np.full(length, grade / 4, np.float32), "quality": np.full(length, k % 2, np.uint8),
        })  # fmt: skip
    return store


@pytest.mark.slow
def test_ratings_make_a_grader_that_grades_and_relabels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = knocked(tmp_path / "d.zarr")
    common = [f"data={tmp_path / 'd.zarr'}", f"run={tmp_path / 'run'}", "observation=[proprio]"]
    asked = ["label.kind=rating", "label.segments.length=null", "labeler=metric", "labeler.matched=false"]
    assert main(["offline", "label", *common, *asked, "labeler.controls=null", METRIC]) == 0
    learnt = ["reward=ordinal", "rewards.segment=null", "rewards.ordinal.observes=[force]"]
    small = ["rewards.ordinal.fit.steps=60", "rewards.ordinal.scorer.width=8", "rewards.ordinal.scorer.hidden=16"]
    assert main(["offline", "reward", *common, *learnt, *small]) == 0
    assert "held-out ratings" in capsys.readouterr().out
    assert main(["offline", "grades", *common, "grades.policies=quality"]) == 0
    told = json.loads((tmp_path / "run" / "grades.json").read_text())
    assert len(told["episodes"]) == len(store)
    assert told["ratings"]["count"] == len(store)
    assert told["ratings"]["pair_accuracy"] > 0.8
    assert told["ratings"]["tau"] == 1
    assert set(told["ratings"]["win_rates"]) == {"gentle", "rough"}
    assert main(["offline", "grades", *common, "grades.success=6"]) == 1
    assert "grades.success is a grade of 1 to 5" in capsys.readouterr().err
    graded = (tmp_path / "run" / "grades.json").read_bytes()
    shutil.copytree(tmp_path / "d.zarr", tmp_path / "nan.zarr")
    zarr.open_array(tmp_path / "nan.zarr" / "data" / "force", mode="r+")[7] = np.nan
    assert main(["offline", "grades", *common, f"data={tmp_path / 'nan.zarr'}"]) == 1
    assert "is not finite; look at its numbers with: robopref data quality" in capsys.readouterr().err
    assert (tmp_path / "run" / "grades.json").read_bytes() == graded
    assert main(["relabel", *common]) == 0
    again = EpisodeStore.open(tmp_path / "d.zarr")
    stop = int(again.episode_ends[0])
    assert float(again.array("reward_learnt", 0, stop).sum()) == pytest.approx(told["episodes"][0]["grade"], abs=1e-3)


def test_what_cannot_be_graded_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    knocked(tmp_path / "d.zarr", episodes=3)
    common = [f"data={tmp_path / 'd.zarr'}", f"run={tmp_path / 'run'}", "observation=[proprio]"]
    assert main(["offline", "label", *common, "label.segments.length=null"]) == 1
    assert "whole episodes are for label.kind=rating" in capsys.readouterr().err
    assert main(["offline", "grades", *common]) == 1
    assert "no trained reward" in capsys.readouterr().err
    for name, said in [("qualty", "Did you mean quality"), ("force", "one number a step")]:
        assert main(["offline", "grades", *common, f"grades.policies={name}"]) == 1
        assert said in capsys.readouterr().err
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / "labels.sqlite").write_text("no database")
    assert main(["offline", "grades", *common]) == 1
    assert "labels.sqlite" in capsys.readouterr().err


def test_who_acted_is_a_name_where_the_data_have_one(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {"qualities": ["rough", "gentle"]})
    for code in (1, -1, 0.5, 7):
        store.append({"action": np.zeros((2, 1), np.float32), "terminated": np.array([False, True]),
                      "quality": np.full(2, code, np.float32)})  # fmt: skip
    items = [Item("d", start, start + 2) for start in (0, 2, 4, 6)]
    assert [who_acted(store, "quality", item) for item in items] == ["gentle", "-1", "0.5", "7"]
