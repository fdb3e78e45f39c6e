import json

import h5py
import numpy as np
import pytest

from robopref.data.episode_formats import robomimic
from robopref.data.episode_formats.naming import Choices
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import dataset


def foreign(path):
    """Twelve demonstrations of two steps, as robomimic's documentation describes them."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = 24
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": {"robots": "Panda"}})
        for number in range(12):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = 2
            demo["actions"] = np.full((2, 7), 0.5)
            demo["rewards"] = np.array([0.0, 1.0])
            demo["dones"] = np.array([0, 1], dtype=np.int64)
            demo["states"] = np.empty((0,))
            for group, plus in (("obs", 0), ("next_obs", 1)):
                demo[f"{group}/robot0_eef_pos"] = np.full((2, 3), number + plus, dtype=np.float64)
                demo[f"{group}/robot0_gripper_qpos"] = np.full((2, 2), 10 * number + plus, dtype=np.float64)
                demo[f"{group}/object"] = np.zeros((2, 10))
        file["mask/valid"] = np.array([b"demo_3", b"demo_11"])
    return path


def test_a_file_of_robomimic_is_read_in_the_order_of_its_numbers(tmp_path):
    data = robomimic.read(foreign(tmp_path / "lift.hdf5"), Choices())
    read = list(data)
    assert data.count == len(read) == 12
    assert [one["robot0_eef_pos"][0, 0] for one in read] == list(range(12)), "demo_10 comes after demo_9"
    assert read[3]["next_robot0_eef_pos"][0, 0] == 4
    assert read[0]["terminated"].tolist() == [False, True]
    assert read[0]["state"].shape == (2, 10), "robomimic calls it object"
    assert "states" not in read[0]
    assert data.attrs["task"] == "Lift"
    assert data.attrs["observations"] == ["robot0_eef_pos", "robot0_gripper_qpos"]


def test_observations_can_be_joined(tmp_path):
    choices = Choices(names={"proprio": ["robot0_eef_pos", "robot0_gripper_qpos"]})
    read = list(robomimic.read(foreign(tmp_path / "lift.hdf5"), choices))
    assert read[2]["proprio"].tolist() == [[2, 2, 2, 20, 20]] * 2
    assert read[2]["next_proprio"].tolist() == [[3, 3, 3, 21, 21]] * 2
    with pytest.raises(ConfigError, match=r"'robot0_eef_poz'.*Did you mean robot0_eef_pos"):
        robomimic.read(tmp_path / "lift.hdf5", Choices(names={"proprio": "robot0_eef_poz"}))


def test_a_filter_key_chooses_demonstrations(tmp_path):
    read = list(robomimic.read(foreign(tmp_path / "lift.hdf5"), Choices(mask="valid")))
    assert [one["robot0_eef_pos"][0, 0] for one in read] == [3, 11]
    with pytest.raises(DataError, match="no filter key 'train'; it has valid"):
        robomimic.read(tmp_path / "lift.hdf5", Choices(mask="train"))


def test_foreign_observations_go_back_to_where_they_were(tmp_path):
    robomimic.write(tmp_path / "again.hdf5", robomimic.read(foreign(tmp_path / "lift.hdf5"), Choices()), Choices())
    with h5py.File(tmp_path / "lift.hdf5") as before, h5py.File(tmp_path / "again.hdf5") as after:
        one, other = before["data/demo_7"], after["data/demo_7"]
        assert sorted(other["obs"]) == sorted(one["obs"])
        assert sorted(other["next_obs"]) == sorted(one["next_obs"])
        np.testing.assert_array_equal(other["next_obs/robot0_eef_pos"], one["next_obs/robot0_eef_pos"])
        np.testing.assert_array_equal(other["dones"], one["dones"])


def test_what_was_written_has_the_layout_of_robomimic(tmp_path):
    keys = ("points", "state", "next_state", "action", "reward", "terminated", "truncated")
    robomimic.write(tmp_path / "data.hdf5", dataset(*keys), Choices())
    with h5py.File(tmp_path / "data.hdf5") as file:
        assert file["data"].attrs["total"] == 8
        assert json.loads(file["data"].attrs["env_args"])["env_name"] == "envs:robopref/RopeShaping-v0"
        demo = file["data/demo_2"]
        assert demo.attrs["num_samples"] == 4
        assert set(demo) == {"actions", "rewards", "dones", "truncated", "obs", "next_obs"}
        assert sorted(demo["obs"]) == ["object", "points"]
        assert not np.asarray(demo["dones"]).any(), "it was cut off"


def test_damage_is_explained(tmp_path):
    path = foreign(tmp_path / "lift.hdf5")
    with h5py.File(path, "a") as file:
        del file["data/demo_1/rewards"]
        file["data/demo_1/rewards"] = np.zeros(3)
    with pytest.raises(DataError, match=r"arrays of episode 1 must have one length.*'reward': 3"):
        list(robomimic.read(path, Choices()))
    with h5py.File(tmp_path / "none.hdf5", "w") as file:
        file["steps"] = [1]
    with pytest.raises(DataError, match=r"no demonstrations data/demo_<i>.*got steps"):
        robomimic.read(tmp_path / "none.hdf5", Choices())
