"""zarr 2, and the ReplayBuffers of diffusion_policy and DP3, if DIFFUSION_POLICY and DP3 name checkouts."""

import os
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from tests.data.episode_formats.worlds import dataset
from tests.interop.readers.exchange import dump, load

NAMES = {
    "diffusion_policy": {"proprio": "proprio", "image": "img", "action": "action", "reward": "reward"},
    "dp3": {"proprio": "state", "image": "img", "points": "point_cloud", "action": "action", "reward": "reward"},
}
BUFFERS = {
    "DIFFUSION_POLICY": "diffusion_policy/common/replay_buffer.py",
    "DP3": "3D-Diffusion-Policy/diffusion_policy_3d/common/replay_buffer.py",
}


@pytest.fixture(params=["zarr 2", *BUFFERS])
def words(request):
    """What is told the reader beside the files."""
    if request.param == "zarr 2":
        return ()
    if not os.environ.get(request.param):
        pytest.skip(f"{request.param}=<checkout> names no checkout")
    return (Path(os.environ[request.param]).resolve() / BUFFERS[request.param],)


@pytest.mark.parametrize("kind", NAMES)
def test_what_was_written_is_read_there(kind, words, peer, tmp_path):
    ours = dataset(*NAMES[kind])
    write_dataset(tmp_path / "ours.zarr", ours, kind)
    peer("diffusion_policy").run("replay_buffers.py", "read", tmp_path / "ours.zarr", tmp_path / "there.npz", *words)
    for mine, theirs in zip(ours, load(tmp_path / "there.npz")[0], strict=True):
        assert sorted(theirs) == sorted(NAMES[kind].values())
        for key, name in NAMES[kind].items():
            np.testing.assert_array_equal(theirs[name], mine[key])
            assert theirs[name].dtype == mine[key].dtype


@pytest.mark.parametrize("kind", NAMES)
def test_what_was_written_there_is_read(kind, words, peer, tmp_path):
    rng = np.random.default_rng(0)
    made = [{name: mine[key] for key, name in NAMES[kind].items()} for mine in dataset(*NAMES[kind])]
    if kind == "dp3":
        for episode in made:
            episode["point_cloud"] = rng.uniform(0, 1, (len(episode["action"]), 5, 6)).astype(np.float32)
    dump(tmp_path / "made.npz", made)
    peer("diffusion_policy").run("replay_buffers.py", "write", tmp_path / "made.npz", tmp_path / "theirs.zarr", *words)
    found = open_dataset(tmp_path / "theirs.zarr")
    for theirs, ours in zip(made, found, strict=True):
        for key, name in NAMES[kind].items():
            inside = "state" if name == "state" else key  # a state of DP3 cannot be told from one of robopref
            np.testing.assert_array_equal(ours.get(key, ours.get(inside)), theirs[name])
