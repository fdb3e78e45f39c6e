import numpy as np
import pytest

from robopref.data.episode_formats import npz
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.worlds import dataset


def test_numpy_reads_what_was_written(tmp_path):
    npz.write(tmp_path / "data.npz", dataset("state", "action"), Choices())
    with np.load(tmp_path / "data.npz") as archive:
        assert sorted(archive) == ["action", "attrs", "episode_ends", "state"]
        assert archive["episode_ends"].tolist() == [3, 4, 8]
        assert archive["state"].shape == (8, 3)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_that_numpy_wrote_are_read(save, tmp_path):
    save(tmp_path / "data.npz", action=np.arange(6.0).reshape(3, 2), episode_ends=[1, 3])
    one, other = npz.read(tmp_path / "data.npz", Choices())
    assert one["action"].tolist() == [[0, 1]]
    assert other["action"].tolist() == [[2, 3], [4, 5]]


def test_names_and_flags_of_d4rl_are_known(tmp_path):
    flags = {"terminals": np.array([0, 1, 0]), "timeouts": np.array([0, 0, 1])}
    np.savez(tmp_path / "data.npz", observations=np.zeros((3, 2)), actions=np.zeros((3, 1)), rewards=[1, 2, 3], **flags)
    one, other = npz.read(tmp_path / "data.npz", Choices())
    assert sorted(one) == ["action", "reward", "state", "terminated", "truncated"]
    assert one["reward"].tolist() == [1, 2]
    assert other["truncated"].tolist() == [True]


def test_damage_is_explained(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, action=np.zeros((3, 2)), reward=np.zeros(2), episode_ends=[3])
    with pytest.raises(DataError, match=r"arrays must have one length, got .*'reward': 2"):
        npz.read(path, Choices())
    np.savez(path, action=np.zeros((3, 2)), episode_ends=[2])
    with pytest.raises(DataError, match="episode_ends must increase to the 3 steps"):
        npz.read(path, Choices())
    np.savez(path, action=np.zeros((3, 2)))
    with pytest.raises(DataError, match="nothing marks the steps"):
        npz.read(path, Choices())
    np.savez(path, action=np.array([{}, {}]), episode_ends=[2])
    with pytest.raises(DataError, match=str(path)):
        npz.read(path, Choices())
    np.savez(path, action=np.asfortranarray(np.zeros((3, 2))), episode_ends=[3])
    with pytest.raises(DataError, match="row by row"):
        npz.read(path, Choices())
