import h5py
import numpy as np
import pytest

from robopref.data.episode_formats import d4rl
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import dataset, episodes

KEYS = ("state", "action", "reward", "terminated", "truncated")


def foreign(path, *, without=(), **replaced):
    """Seven steps as D4RL lays them out: 3 that end for good, 2 that are cut off, 2 that the file ends in."""
    arrays = {
        "observations": np.arange(14, dtype=np.float32).reshape(7, 2),
        "actions": np.linspace(-1, 1, 7, dtype=np.float32)[:, None],
        "rewards": np.arange(7, dtype=np.float32),
        "terminals": np.array([0, 0, 1, 0, 0, 0, 0], dtype=bool),
        "timeouts": np.array([0, 0, 0, 0, 1, 0, 0], dtype=bool),
        "infos/qpos": np.arange(21, dtype=np.float64).reshape(7, 3),
    } | replaced
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if name not in without:
                file[name] = array
        file["metadata/algorithm"] = "SAC"
    return path


def test_a_file_of_d4rl_is_cut_at_terminals_and_at_timeouts(tmp_path):
    first, second, third = d4rl.read(foreign(tmp_path / "hopper.hdf5"), Choices())
    assert sorted(first) == ["action", "qpos", "reward", "state", "terminated", "truncated"]
    assert first["state"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert first["terminated"].tolist() == [False, False, True]
    assert not first["truncated"].any()
    assert second["truncated"].tolist() == [False, True]
    assert not second["terminated"].any(), "being cut off is not ending"
    assert second["reward"].tolist() == [3, 4]
    assert second["qpos"].tolist() == [[9, 10, 11], [12, 13, 14]]
    assert not third["terminated"].any()
    assert not third["truncated"].any(), "nothing says how the last steps ended"


def test_without_timeouts_the_longest_episode_is_asked_for(tmp_path):
    path = foreign(tmp_path / "old.hdf5", without=["timeouts"])
    with pytest.raises(DataError, match=r"max_steps=<steps"):
        d4rl.read(path, Choices())
    # Ends: step 2 terminates; then 2 + 2 steps of at most 2.
    read = list(d4rl.read(path, Choices(max_steps=2)))
    assert [len(one["reward"]) for one in read] == [2, 1, 2, 2]
    assert [bool(one["truncated"][-1]) for one in read] == [True, False, True, True]
    assert [bool(one["terminated"][-1]) for one in read] == [False, True, False, False]


def test_what_was_written_has_the_names_of_d4rl(tmp_path):
    d4rl.write(tmp_path / "data.hdf5", dataset(*KEYS, "next_state", "proprio"), Choices())
    with h5py.File(tmp_path / "data.hdf5") as file:
        assert set(file) == {
            "observations", "next_observations", "actions", "rewards", "terminals", "timeouts", "infos",
        }  # fmt: skip
        assert list(file["infos"]) == ["proprio"]
        assert file["observations"].shape == (8, 3)
        assert file["terminals"][()].tolist() == [False, False, True, *[False] * 5]
        assert file["timeouts"][()].tolist() == [False, False, False, True, False, False, False, True]


def test_another_array_can_be_the_observations(tmp_path):
    keys = ("proprio", *KEYS[1:])
    with pytest.raises(DataError, match=r"rename\.<array>=observations"):
        d4rl.write(tmp_path / "data.hdf5", dataset(*keys), Choices())
    choices = Choices(names={"proprio": "observations"})
    d4rl.write(tmp_path / "data.hdf5", dataset(*keys), choices)
    (first, *_) = d4rl.read(tmp_path / "data.hdf5", choices)
    np.testing.assert_array_equal(first["proprio"], episodes(*keys)[0]["proprio"])


@pytest.mark.parametrize("kind", ["neither", "early"])
def test_flags_that_do_not_tell_where_episodes_end_are_refused(kind, tmp_path):
    made = episodes(*KEYS)
    made[2]["truncated"][:] = False
    if kind == "early":
        made[2]["truncated"][[1, 3]] = True
    words = "step 1 of episode 2" if kind == "early" else r"episode 2 is neither; fill=\[truncated\]"
    with pytest.raises(DataError, match=words):
        d4rl.write(tmp_path / "data.hdf5", Dataset(tmp_path, {}, 3, lambda: iter(made)), Choices())
    assert not list(tmp_path.iterdir())


def test_damage_is_explained(tmp_path):
    with pytest.raises(DataError, match="no actions; expected a D4RL file"):
        d4rl.read(foreign(tmp_path / "a.hdf5", without=["actions"]), Choices())
    with pytest.raises(DataError, match=r"arrays must have one length.*'rewards': 6"):
        d4rl.read(foreign(tmp_path / "b.hdf5", rewards=np.zeros(6)), Choices())
    with pytest.raises(DataError, match="terminated must be 0 or 1"):
        list(d4rl.read(foreign(tmp_path / "c.hdf5", terminals=np.full(7, 2)), Choices()))
    with pytest.raises(DataError, match="both infos/rewards and rewards"):
        d4rl.read(foreign(tmp_path / "e.hdf5", **{"infos/rewards": np.zeros(7)}), Choices())
    with pytest.raises(ConfigError, match=r"unknown array of .*'obs'.*observations"):
        d4rl.read(foreign(tmp_path / "d.hdf5"), Choices(names={"state": "obs"}))
