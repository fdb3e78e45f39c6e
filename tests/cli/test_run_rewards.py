"""The reward of one run relabels the data of another."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.remembered import recall, write
from robopref.cli.run_rewards import reward_of_run
from robopref.cli.trained_rewards import load_members
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.stored_models import save_model
from robopref.records import Observation
from robopref.rewards.ensemble import SymmetricReward, symmetric
from robopref.rewards.segment import SegmentReward
from tests.cli.tiny import fails


@pytest.mark.parametrize("name", ["implicit", "explicit"])
def test_rewards_of_candidates_relabel(run: Path, tmp_path: Path, name: str) -> None:
    data = tmp_path / "data.zarr"
    shutil.copytree(run / "demos.zarr", data)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    words = [f"data={data}", f"run={tmp_path / 'off'}", "device=cpu", f"relabel.model={run}"]
    assert main(["relabel", *words, *([] if name == "implicit" else [f"relabel.use={name}"])]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    store = EpisodeStore.open(data)
    config = compose_config("config", [f"run={run}"])
    context = Context(config, memory(config, []))
    (member,) = load_members(context)[name]
    points, proprio, action = (torch.as_tensor(store.array(key)) for key in ("points", "proprio", "action"))
    scorer = symmetric(member, context.policy().geometry)
    with torch.no_grad():
        given = scorer.score(Observation(points, proprio), action[:, None, None])
    np.testing.assert_allclose(store.array("reward_learnt"), given.value[:, 0].numpy(), rtol=1e-4, atol=1e-5)
    # Done already: a reward whose name begins alike is another.
    shutil.copytree(run / "rewards" / name, run / "rewards" / f"{name}-of-others")
    assert main(["relabel", *words, f"relabel.use={name}"]) == 0


def test_a_run_may_have_rewards_of_candidates_and_of_segments(run: Path) -> None:
    save_model(run / "reward" / "segment" / "weights.pt", SegmentReward(["state"], 1))
    assert isinstance(reward_of_run(run, "implicit")[0], SymmetricReward)
    assert isinstance(reward_of_run(run, None)[0], SegmentReward)


def test_what_a_run_does_not_have_is_said(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["relabel", f"data={run / 'demos.zarr'}", f"run={tmp_path / 'off'}", "device=cpu", f"relabel.model={run}"]
    assert "unknown relabel.use 'mine'; expected one of combined, explicit, implicit" in fails(
        capsys, *words, "relabel.use=mine"
    )
    (run / "rewards" / "implicit" / "weights.pt").unlink()
    assert "no trained reward at" in fails(capsys, *words)
    assert "no trained reward at" in fails(capsys, *words[:-1], f"relabel.model={tmp_path}")


def test_a_name_that_no_array_can_have_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"data={tmp_path / 'none.zarr'}", f"run={tmp_path / 'run'}", "relabel.name=../mine"]
    assert "relabel.name must be letters, digits" in fails(capsys, "relabel", *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_mean_of_all_rewards_of_a_run_relabels(run: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.zarr"
    shutil.copytree(run / "demos.zarr", data)
    words = ["relabel", f"data={data}", f"run={tmp_path / 'off'}", "device=cpu", f"relabel.model={run}"]
    for name in ("explicit", "implicit", "combined"):
        assert main([*words, f"relabel.use={name}", f"relabel.name={name}"]) == 0
    one, other, mean = (
        EpisodeStore.open(data).array(f"reward_{name}") for name in ("explicit", "implicit", "combined")
    )
    np.testing.assert_allclose(mean, (one + other) / 2, rtol=1e-4, atol=1e-5)


def test_a_run_that_ranks_with_what_it_left_out_can_be_relabelled_with(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.zarr"
    shutil.copytree(run / "demos.zarr", data)
    write(run, [*recall(run), "use=gone", "deploy.reward=gone"])
    words = ["relabel", f"data={data}", f"run={tmp_path / 'off'}", "device=cpu", f"relabel.model={run}"]
    assert "unknown relabel.use 'gone'; expected one of combined, explicit, implicit" in fails(capsys, *words)
    assert main([*words, "relabel.use=explicit"]) == 0
