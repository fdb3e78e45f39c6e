import numpy as np
import pytest
import zarr

from robopref.data.episode_formats import zarr_replay
from robopref.data.episode_formats.combine import merge, split
from robopref.data.episode_formats.conversion import changed, detect, open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from tests.data.episode_formats.worlds import dataset


def foreign(path, **arrays):
    """Compressed arrays in zarr 2, as the scripts of diffusion_policy and DP3 write them."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    for name, array in arrays.items():
        held = root.create_array(f"data/{name}", shape=array.shape, chunks=array.shape, dtype=array.dtype)
        held[:] = array
    ends = root.create_array("meta/episode_ends", shape=(2,), chunks=(2,), dtype="i8")
    ends[:] = [2, 3]
    return path


def test_names_of_dp3_are_known(tmp_path):
    cloud, pose = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32), np.ones((3, 2), np.float32)
    path = foreign(tmp_path / "adroit.zarr", point_cloud=cloud, state=pose, action=pose, img=np.ones((3, 2, 2, 3)))
    assert detect(path) == "dp3"
    first, second = zarr_replay.read(path, Choices(), zarr_replay.DP3)
    assert sorted(first) == ["action", "image", "points", "proprio"]
    np.testing.assert_array_equal(second["points"], cloud[2:])


def test_names_of_diffusion_policy_are_known(tmp_path):
    state = np.ones((3, 5), np.float32)
    path = foreign(tmp_path / "pusht.zarr", state=state, action=state[:, :2], img=np.ones((3, 2, 2, 3)))
    assert detect(path) == "diffusion_policy"
    first, _ = zarr_replay.read(path, Choices(), zarr_replay.DIFFUSION_POLICY)
    assert sorted(first) == ["action", "image", "state"]


def test_what_was_written_for_dp3_has_its_names(tmp_path):
    zarr_replay.write(tmp_path / "a.zarr", dataset("points", "proprio", "action"), Choices(), zarr_replay.DP3)
    root = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert sorted(root["data"].array_keys()) == ["action", "point_cloud", "state"]
    assert root["meta/episode_ends"][:].tolist() == [3, 4, 8]


def test_numbers_that_are_not_finite_are_refused_by_name(tmp_path):
    data = dataset("action").mapped(lambda episode: {"action": np.full_like(episode["action"], np.nan)})
    with pytest.raises(DataError, match=r"episode 0 of memory: .*'action'.*not finite at step 0.* drop=\[action\]"):
        zarr_replay.write(tmp_path / "a.zarr", data, Choices())
    assert not list(tmp_path.iterdir())


def relabelled(path, reward="1"):
    store = EpisodeStore.create(path, {"task": "t"})
    store.append({"action": np.zeros((3, 1), np.float32), "proprio": np.ones((3, 2), np.float32)})
    store.attach("reward_learnt", [np.arange(3, dtype=np.float32)], {"reward": reward})
    store.describe("proprio", {"unit": "m"})
    return path


@pytest.mark.parametrize("usual", [zarr_replay.OWN, zarr_replay.DP3])
def test_what_is_remembered_of_an_array_goes_along(tmp_path, usual):
    data = zarr_replay.read(relabelled(tmp_path / "a.zarr"), Choices())
    assert data.attrs["arrays"] == {"proprio": {"unit": "m"}, "reward_learnt": {"reward": "1"}}
    zarr_replay.write(tmp_path / "b.zarr", data, Choices(), usual)
    written = EpisodeStore.open(tmp_path / "b.zarr")
    assert written.attrs == {"task": "t"}
    assert written.array_attrs(usual.get("proprio", "proprio")) == {"unit": "m"}
    assert zarr_replay.read(tmp_path / "b.zarr", Choices(), usual).attrs == data.attrs
    if usual is zarr_replay.OWN:
        assert written.fingerprint() == EpisodeStore.open(tmp_path / "a.zarr").fingerprint()


def test_merging_keeps_what_all_remember_and_lists_what_they_do_not(tmp_path):
    one, same, other = (
        zarr_replay.read(relabelled(tmp_path / f"{name}.zarr", reward), Choices())
        for name, reward in (("a", "1"), ("b", "1"), ("c", "2"))
    )
    assert merge([one, same]).attrs["arrays"]["reward_learnt"] == {"reward": "1"}
    merged = merge([one, other]).attrs
    assert "arrays" not in merged
    assert [part["arrays"]["reward_learnt"]["reward"] for part in merged["merged"]] == ["1", "2"]
    assert split(merge([one, same]), 0.5)[1].attrs["arrays"] == one.attrs["arrays"]


def test_arrays_that_are_left_out_are_not_remembered(tmp_path):
    data = changed(zarr_replay.read(relabelled(tmp_path / "a.zarr"), Choices()), drop=["reward_learnt"])
    zarr_replay.write(tmp_path / "b.zarr", data, Choices())
    assert zarr_replay.read(tmp_path / "b.zarr", Choices()).attrs["arrays"] == {"proprio": {"unit": "m"}}


@pytest.mark.parametrize("brightest", [1, 255])
def test_coloured_clouds_of_dp3_come_back_to_the_last_bit(brightest, tmp_path):
    cloud = np.random.default_rng(0).uniform(0, brightest, (3, 4, 6)).astype(np.float32)
    path = foreign(tmp_path / "adroit.zarr", point_cloud=cloud, state=cloud[:, 0], action=cloud[:, 1])
    for kind in ("zarr", "robomimic", "lerobot", "npz"):
        between, back = tmp_path / f"between.{kind}", tmp_path / f"{kind}.zarr"
        write_dataset(between, open_dataset(path), kind, Choices(fps=10))
        write_dataset(back, open_dataset(between, kind), "dp3")
        np.testing.assert_array_equal(zarr.open_group(back, mode="r")["data/point_cloud"][:], cloud)


def test_colours_of_clouds_can_be_left_out(tmp_path):
    cloud = np.random.default_rng(0).random((3, 5, 6), dtype=np.float32)
    made = {"action": np.zeros((3, 2), np.float32), "points": cloud, "next_points": cloud}
    write_dataset(tmp_path / "dp3", Dataset(tmp_path, {}, 1, lambda: iter([made])), "dp3")
    (found,) = open_dataset(tmp_path / "dp3", choices=Choices(colours=False))
    np.testing.assert_array_equal(found["points"], cloud[:, :, :3])
    np.testing.assert_array_equal(found["next_points"], cloud[:, :, :3])
