"""robomimic's own SequenceDataset."""

import h5py
import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.naming import Choices
from tests.data.episode_formats.worlds import ATTRS, dataset
from tests.interop.readers.exchange import load

KEYS = (
    "proprio", "state", "image", "next_proprio", "next_state", "next_image", "action", "reward", "terminated",
    "truncated",
)  # fmt: skip
PLACES = {
    "proprio": "obs/proprio", "state": "obs/object", "image": "obs/agentview_image", "next_proprio": "next_obs/proprio",
    "next_state": "next_obs/object", "next_image": "next_obs/agentview_image", "action": "actions",
    "reward": "rewards", "terminated": "dones",
}  # fmt: skip
ENV_ARGS = {"env_name": "Lift", "type": 1, "env_version": "1.4.1", "env_kwargs": {"robots": ["Panda"]}}


def read_there(peer, tmp_path, source, *mask):
    peer("robomimic").run("robomimic_sequences.py", "read", source, tmp_path / "there.npz", *mask)
    return load(tmp_path / "there.npz")


@pytest.mark.parametrize(("mask", "kept"), [((), [0, 1, 2]), (("train",), [0, 2])])
def test_what_was_written_is_read_there(mask, kept, peer, tmp_path):
    ours = dataset(*KEYS, attrs={**ATTRS, "task": "Lift", "env_args": ENV_ARGS})
    write_dataset(tmp_path / "ours.hdf5", ours, "robomimic")
    with h5py.File(tmp_path / "ours.hdf5", "a") as file:
        file["mask/train"], file["mask/valid"] = np.array([b"demo_0", b"demo_2"]), np.array([b"demo_1"])
    # Through another format and back, filter keys and all.
    write_dataset(tmp_path / "between", open_dataset(tmp_path / "ours.hdf5"), "lerobot", Choices(fps=10))
    write_dataset(tmp_path / "again.hdf5", open_dataset(tmp_path / "between"), "robomimic")
    there, told = read_there(peer, tmp_path, tmp_path / "again.hdf5", *mask)
    assert told["env"] == ENV_ARGS
    assert told["demos"] == [f"demo_{number}" for number in kept]
    assert (told["actions"], told["shapes"]) == (2, {"proprio": [2], "object": [3]})
    made = list(ours)
    assert told["windows"] == sum(len(made[number]["action"]) for number in kept)
    np.testing.assert_array_equal(told["last"][1:], [made[kept[-1]]["action"][-1].tolist()] * 3)
    for number, theirs in zip(kept, there, strict=True):
        for key, place in PLACES.items():
            mine = made[number][key]
            found = theirs[place]
            if "image" in key and found.shape != mine.shape:  # it may put colours first, from 0 to 1
                found = np.round(found.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
            np.testing.assert_array_equal(found, mine, err_msg=place)


def test_filter_keys_that_it_adds_are_read(peer, tmp_path):
    write_dataset(tmp_path / "ours.hdf5", dataset(*KEYS, lengths=(3, 1, 4, 2, 2)), "robomimic")
    peer("robomimic").run("robomimic_sequences.py", "mark", tmp_path / "ours.hdf5", "demo_1", "demo_4")
    whole = list(open_dataset(tmp_path / "ours.hdf5"))
    found = list(open_dataset(tmp_path / "ours.hdf5", choices=Choices(mask="valid")))
    for number, episode in zip((1, 4), found, strict=True):
        np.testing.assert_array_equal(episode["action"], whole[number]["action"])
