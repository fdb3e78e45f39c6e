"""From 20 episodes that another project's own writer recorded to a policy with ranking, by commands alone."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from tests.cli.test_own_recordings import coloured
from tests.interop.readers.exchange import dump

EPISODES = 20
SMALL = [
    "workers=0", "device=cpu", "train.fit.steps=60", "train.batch_size=16", "label.segments.length=8",
    "label.segments.count=20", "rewards.explicit.fit.steps=20", "rewards.implicit.fit.steps=10", "env=bin_pick",
    "evaluate.starts=4", "evaluate.candidates=4", "evaluate.episodes=4", "evaluate.steps=4", "policy.encoder.points=64",
]  # fmt: skip
NAMES = {
    "lerobot": {
        "points": "observation.points", "proprio": "observation.state", "action": "action", "reward": "next.reward",
        "terminated": "next.terminated", "truncated": "next.truncated",
    },
    "dp3": {"points": "point_cloud", "proprio": "state", "action": "action", "reward": "reward"},
}  # fmt: skip


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bin_pick")
    assert main(["collect", f"run={folder}", "env=bin_pick", "collect.steps=1200", "workers=0"]) == 0
    return folder / "demos.zarr"


@pytest.fixture(params=["lerobot", "robomimic", "dp3"])
def recorded(request, demonstrations, peer, tmp_path) -> Path:
    """The episodes as another project's writer writes them; robomimic has none, but its reader has read ours."""
    data = open_dataset(demonstrations)
    episodes = list(data)[:EPISODES]
    assert len(episodes) == EPISODES
    if request.param == "robomimic":
        write_dataset(tmp_path / "bins.hdf5", data, "robomimic")
        with h5py.File(tmp_path / "bins.hdf5", "a") as file:
            del file.attrs["robopref"]
            for name in [name for name in file["data"] if int(name.removeprefix("demo_")) >= EPISODES]:
                del file["data"][name]
        return tmp_path / "bins.hdf5"
    if request.param == "dp3":
        episodes = [coloured(episode) for episode in episodes]
    made = [{theirs: episode[ours] for ours, theirs in NAMES[request.param].items()} for episode in episodes]
    if request.param == "dp3":
        dump(tmp_path / "made.npz", made)
        peer("diffusion_policy").run("replay_buffers.py", "write", tmp_path / "made.npz", tmp_path / "bins.zarr")
        return tmp_path / "bins.zarr"
    features = {}
    for name, array in made[0].items():
        features[name] = {"dtype": array.dtype.name, "shape": list(array.shape[1:]) or [1], "names": None}
    features["observation.points"]["names"] = ["point", "position"]
    made = [
        {name: array.reshape(len(array), *features[name]["shape"]) for name, array in episode.items()}
        | {"task": np.array(["Put the cube into the bin."] * len(episode["action"]))}
        for episode in made
    ]
    dump(tmp_path / "made.npz", made, fps=10, robot_type="panda", features=features)
    peer("lerobot").run("lerobot_datasets.py", "write", tmp_path / "made.npz", tmp_path / "bins")
    return tmp_path / "bins"


def test_recordings_of_others_make_a_policy_with_ranking(recorded, tmp_path, capsys):
    def says(*words: str) -> str:
        assert main(list(words)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    run = f"run={tmp_path / 'run'}"
    said = says("data", "inspect", str(recorded))
    assert f"{EPISODES} episodes" in said
    assert "reward" in said
    # The clouds that the camera of the task sees have no colours.
    read = ["read.colours=false"] if recorded.suffix == ".zarr" else []
    says("train", "policy", f"data={recorded}", *read, run, *SMALL)
    says("label", run, *SMALL)
    assert "implicit reward: " in says("train", "reward", run, *SMALL)
    assert "with and without, on the same 4 starts" in says("evaluate", run, *SMALL)
    says("deploy", "robot=replay", f"robot.path={recorded}", run, "deploy.view=none", "deploy.commands=4")
