"""d3rlpy's own replay buffer, of files of D4RL. Minari is asked itself in the tests of its format."""

import numpy as np

from robopref.data.episode_formats.conversion import write_dataset
from tests.data.episode_formats.worlds import dataset
from tests.interop.readers.exchange import load


def test_what_was_written_is_read_there(peer, tmp_path):
    ours = dataset("state", "next_state", "action", "reward", "terminated", "truncated", lengths=(3, 2, 4), attrs={})
    write_dataset(tmp_path / "ours.hdf5", ours, "d4rl")
    peer("d3rlpy").run("d3rlpy_buffers.py", tmp_path / "ours.hdf5", tmp_path / "there.npz")
    there, _ = load(tmp_path / "there.npz")
    for mine, theirs in zip(ours, there, strict=True):
        np.testing.assert_array_equal(theirs["observations"], mine["state"])
        np.testing.assert_array_equal(theirs["actions"], mine["action"])
        np.testing.assert_array_equal(theirs["rewards"][:, 0], mine["reward"])
        assert bool(theirs["terminated"]) == mine["terminated"].any()
