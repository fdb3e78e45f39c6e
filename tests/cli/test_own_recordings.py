"""From a folder of somebody's recordings to a policy with ranking, command by command."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import envs.task
from robopref.__main__ import main
from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Episode
from robopref.data.episode_formats.naming import Choices
from tests.cli.tiny import TINY, fails

SMALL = [
    *(word for word in TINY if not word.startswith(("policy.", "train.points", "label.demonstrated"))), "env=bin_pick",
    "env.max_steps=4", "label.segments.length=2", "label.segments.count=4", "policy.encoder.width=8",
    "policy.encoder.points=12", "policy.encoder.layers=[8,8]", "policy.denoiser.hidden=16",
    "evaluate.episodes=2", "evaluate.steps=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin_pick")
    assert main(["collect", f"run={folder}", "env=bin_pick", "env.max_steps=4", "collect.steps=12", "workers=0"]) == 0
    return folder / "demos.zarr"


def coloured(episode: Episode) -> Episode:
    points = episode["points"]
    return {**episode, "points": np.concatenate([points, np.full_like(points, 0.5)], axis=-1)}


def recorded(demonstrations: Path, kind: str, folder: Path) -> Path:
    """The same, as another project would have recorded it: without anything that robopref alone tells of it."""
    data = open_dataset(demonstrations)
    plain = replace(data, attrs={"task": "pick", "instruction": "Put the cube into the bin."})
    path = folder / {"lerobot": "so101", "robomimic": "bins.hdf5", "dp3": "bins.zarr"}[kind]
    write_dataset(path, plain.mapped(coloured) if kind == "dp3" else plain, kind, Choices(fps=10))
    if kind == "lerobot":
        (path / "meta/robopref.json").unlink()
    if kind == "robomimic":
        with h5py.File(path, "a") as file:
            del file.attrs["robopref"]
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lerobot", "robomimic", "dp3"])
def test_recordings_of_others_make_a_policy_with_ranking(
    kind: str, demonstrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envs.task, "PICTURE", 96)
    data, run = recorded(demonstrations, kind, tmp_path), tmp_path / "run"
    assert main(["data", "inspect", str(data)]) == 0
    said = capsys.readouterr().out
    assert f"{kind}, 3 episodes, 12 steps" in said
    assert "reward" in said
    for command in (["train", "policy", f"data={data}"], ["label"], ["train", "reward"]):
        assert main([*command, f"run={run}", *SMALL]) == 0, capsys.readouterr().err
    assert "implicit reward: " in capsys.readouterr().out
    if kind == "lerobot":  # what is trained of the others is evaluated among the tests of interop, which have time
        assert main(["evaluate", f"run={run}", *SMALL]) == 0, capsys.readouterr().err
        assert "with and without, on the same 2 starts" in capsys.readouterr().out
    words = ["robot=replay", f"robot.path={data}", "robot.rate=50", "deploy.view=none", "deploy.commands=2"]
    assert main(["deploy", *words, f"run={run}", "workers=0", "device=cpu"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (["train", "policy"], ["policy=observed", "policy.observation=[depth]"], "unknown part in policy.observation"),
        (["train", "policy"], ["policy=diffusion"], "has no points, which this policy observes"),
        (["train", "policy"], ["train.weights=[1,2,3]"], "train.weights must be 2 positive numbers"),
        (["train", "policy"], ["recipe=reward_weighted", "train.reward=none"], "has no none, by which recipe="),
        (["offline", "train"], ["observation=[depth]"], "unknown array of"),
    ],
)
def test_what_data_lack_is_said_before_they_are_imported(
    command: list[str], words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for path in paths:
        steps = np.zeros((6, 2), np.float32)
        ends = np.array([False, False, True] * 2)
        np.savez(path, proprio=steps, action=steps, reward=steps[:, 0], terminated=ends, truncated=np.zeros(6, bool))
    names = "policy=observed" if command[0] == "train" and words[0] != "policy=diffusion" else "seed=0"
    told = fails(capsys, *command, f"data=[{paths[0]},{paths[1]}]", f"run={tmp_path / 'run'}", names, *words)
    assert said in told
    assert "first.zarr" not in told
    assert not (tmp_path / "run" / "recordings.zarr").exists()


def test_what_a_long_history_costs_is_said(
    demonstrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in SMALL if not word.startswith("policy.encoder.points")]
    words += [f"data={demonstrations}", f"run={tmp_path / 'run'}", "policy=observed", "policy.observation=[proprio]"]
    assert main(["train", "policy", *words, "policy.history=17", "train.fit.steps=1"]) == 0
    assert "policy.history=17: every state of a batch is 17 observations" in capsys.readouterr().out
    assert "policy.history must be " in fails(capsys, "train", "policy", *words, "policy.history=2000")
