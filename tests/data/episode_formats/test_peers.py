"""What peers need of their own files is there again after conversions to other formats and back."""

import json

import gymnasium
import h5py
import minari
import numpy as np
import pytest

from robopref.data.episode_formats import combine
from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.worlds import dataset

MODELS = [f"<mujoco>{letter * 70_000}</mujoco>" for letter in "ab"]  # as large as those of robosuite
ENV_ARGS = {"env_name": "Lift", "type": 1, "env_version": "1.4.1", "env_kwargs": {"robots": ["Panda"]}}


@pytest.fixture
def lift(tmp_path):
    """Five demonstrations of robomimic in two simulated scenes, with filter keys."""
    path = tmp_path / "lift.hdf5"
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_group("data")
        data.attrs.update({"total": 10, "env_args": json.dumps(ENV_ARGS)})
        for number in range(5):
            demo = data.create_group(f"demo_{number}")
            demo.attrs.update({"num_samples": 2, "model_file": MODELS[number % 2], "seed": number, "ep_meta": "{}"})
            demo["actions"] = np.full((2, 7), number / 10)
            demo["states"] = np.full((2, 9), number, dtype=np.float64)
            demo["obs/object"] = np.zeros((2, 10))
        file["mask/train"] = np.array([b"demo_0", b"demo_1", b"demo_4"])
        file["mask/valid"] = np.array([b"demo_3"])
    return path


def scenes(path):
    """Model, seed and filter keys of each demonstration, and the description of the environment."""
    with h5py.File(path) as file:
        masks = {key: [name.decode() for name in file[f"mask/{key}"][()]] for key in file.get("mask", ())}
        demos = [file[f"data/demo_{number}"] for number in range(len(file["data"]))]
        assert [demo.attrs["num_samples"] for demo in demos] == [2] * len(demos)
        told = [(demo.attrs["model_file"], demo.attrs["seed"], demo.attrs["ep_meta"]) for demo in demos]
        return told, masks, json.loads(file["data"].attrs["env_args"])


@pytest.mark.parametrize("through", [None, "zarr", "npz", "lerobot", "robomimic"])
def test_scenes_and_filter_keys_of_robomimic(lift, tmp_path, through):
    path = lift
    if through:
        path = tmp_path / f"between.{through}"
        write_dataset(path, open_dataset(lift), through, Choices(fps=10))
    write_dataset(tmp_path / "again.hdf5", open_dataset(path), "robomimic")
    assert scenes(tmp_path / "again.hdf5") == scenes(lift)
    told, masks, env_args = scenes(tmp_path / "again.hdf5")
    assert [seed for _, seed, _ in told] == list(range(5))
    assert masks["valid"] == ["demo_3"]
    assert env_args == ENV_ARGS


def test_a_model_that_episodes_share_is_kept_once(lift):
    assert len(json.dumps(open_dataset(lift).attrs)) < 2 * 70_000 + 5_000


def test_parts_and_filtered_demonstrations_keep_what_is_theirs(lift, tmp_path):
    filtered = open_dataset(lift, choices=Choices(mask="train"))
    whole = open_dataset(lift)
    first, rest = combine.split(whole, 0.4, by="order")
    write_dataset(tmp_path / "filtered.hdf5", filtered, "robomimic")
    write_dataset(tmp_path / "rest.hdf5", rest, "robomimic")
    write_dataset(tmp_path / "merged.hdf5", combine.merge([rest, first]), "robomimic")
    seeds = {
        name: [seed for _, seed, _ in scenes(tmp_path / f"{name}.hdf5")[0]] for name in ("filtered", "rest", "merged")
    }
    assert seeds == {"filtered": [0, 1, 4], "rest": [2, 3, 4], "merged": [2, 3, 4, 0, 1]}
    assert scenes(tmp_path / "rest.hdf5")[1] == {"train": ["demo_2"], "valid": ["demo_1"]}
    assert scenes(tmp_path / "merged.hdf5")[1] == {"train": ["demo_2", "demo_3", "demo_4"], "valid": ["demo_1"]}


@pytest.mark.parametrize(
    "told", ["all", {"texts": []}, {"texts": [], "told": [{"a": {"text": 3}}] * 5}, {"texts": [], "told": [{}]}]
)
def test_a_damaged_list_of_episodes_is_one_line(lift, tmp_path, told):
    whole = open_dataset(lift)
    wrong = Dataset(whole.path, {**whole.attrs, "episodes": told}, whole.count, whole.load)
    with pytest.raises(DataError, match="'episodes'"):
        write_dataset(tmp_path / "again.hdf5", wrong, "robomimic")


@pytest.mark.parametrize("through", ["zarr", "npz", "d4rl"])
def test_metadata_of_d4rl(tmp_path, through):
    path = tmp_path / "hopper.hdf5"
    weights = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["observations"], file["actions"] = np.zeros((4, 11), np.float32), np.zeros((4, 3), np.float32)
        file["rewards"], file["terminals"] = np.zeros(4, np.float32), np.array([0, 0, 0, 1], np.bool_)
        file["timeouts"] = np.zeros(4, np.bool_)
        file["metadata/algorithm"], file["metadata/iteration"] = "SAC", np.int64(5)
        file["metadata/policy/fc0/weight"] = weights
    write_dataset(tmp_path / f"between.{through}", open_dataset(path), through)
    write_dataset(tmp_path / "again.hdf5", open_dataset(tmp_path / f"between.{through}"), "d4rl")
    with h5py.File(tmp_path / "again.hdf5") as file:
        assert file["metadata/algorithm"][()] == b"SAC"
        assert (file["metadata/iteration"][()], file["metadata/iteration"].dtype) == (5, np.int64)
        np.testing.assert_array_equal(file["metadata/policy/fc0/weight"], weights)
        assert file["metadata/policy/fc0/weight"].dtype == np.float32


def test_an_attribute_that_is_called_metadata_is_no_metadata_of_d4rl(tmp_path):
    for number, held in enumerate(("of mine", {"by": 3}, {"by": {"dtype": "O", "values": [1]}})):
        data = dataset("state", "action", "reward", "terminated", "truncated", attrs={"metadata": held})
        write_dataset(tmp_path / str(number), data, "d4rl")
        assert open_dataset(tmp_path / str(number)).attrs["metadata"] == held


def named(path, called):
    """A dataset of LeRobot whose state and action say what their numbers are."""
    write_dataset(path, dataset("proprio", "action"), "lerobot", Choices(fps=10))
    (path / "meta/robopref.json").unlink()
    info = json.loads((path / "meta/info.json").read_text())
    for name, one in called.items():
        info["features"][name]["names"] = one
    (path / "meta/info.json").write_text(json.dumps(info))
    return {name: info["features"][name]["shape"][0] for name in called}


def features(path):
    return {name: held["names"] for name, held in json.loads((path / "meta/info.json").read_text())["features"].items()}


@pytest.mark.parametrize("through", ["zarr", "npz", "robomimic", "lerobot"])
def test_names_of_numbers_of_lerobot(tmp_path, through):
    sizes = {"observation.state": 0, "action": 0}
    sizes = named(tmp_path / "plain", sizes)
    joints = [f"joint_{number}.pos" for number in range(sizes["observation.state"])]
    motors = {"motors": [f"motor_{number}" for number in range(sizes["action"])]}
    named(tmp_path / "arm", {"observation.state": joints, "action": motors})
    write_dataset(tmp_path / f"between.{through}", open_dataset(tmp_path / "arm"), through, Choices(fps=10))
    again = open_dataset(tmp_path / f"between.{through}")
    assert again.attrs["arrays"]["proprio"] == {"names": joints}
    write_dataset(tmp_path / "again", again, "lerobot")
    found = features(tmp_path / "again")
    assert (found["observation.state"], found["action"]) == (joints, motors)


def test_names_of_joined_arrays_are_joined_and_those_that_do_not_fit_are_left(tmp_path):
    sizes = named(tmp_path / "plain", {"observation.state": None, "action": None})
    first, second = ([f"{letter}{n}" for n in range(size)] for letter, size in zip("sa", sizes.values(), strict=True))
    named(tmp_path / "arm", {"observation.state": first, "action": second})
    joined = open_dataset(tmp_path / "arm", choices=Choices(names={"both": ["observation.state", "action"]}))
    assert joined.attrs["arrays"] == {"both": {"names": first + second}}
    named(tmp_path / "odd", {"observation.state": ["one"], "action": "all"})
    write_dataset(tmp_path / "again", open_dataset(tmp_path / "odd"), "lerobot")
    assert [features(tmp_path / "again")[name] for name in ("observation.state", "action")] == [None, None]


SPEC = gymnasium.spec("Hopper-v5").to_json()


@pytest.mark.parametrize("through", ["zarr", "npz", "d4rl", "minari"])
def test_environment_and_authors_of_minari(tmp_path, through):
    told = {"env_spec": SPEC, "author": ["ann"], "algorithm_name": "SAC", "ref_max_score": 3.5, "requirements": ["x"]}
    whole = dataset("state", "next_state", "action", "reward", "terminated", "truncated", attrs={})
    write_dataset(tmp_path / "medium-v0", whole, "minari")
    about = json.loads((tmp_path / "medium-v0/data/metadata.json").read_text())
    del about["robopref"]
    about |= {**told, "dataset_id": "mujoco/hopper/medium-v0", "description": "made by SAC"}
    (tmp_path / "medium-v0/data/metadata.json").write_text(json.dumps(about))
    write_dataset(tmp_path / f"between.{through}", open_dataset(tmp_path / "medium-v0"), through)
    again = open_dataset(tmp_path / f"between.{through}")
    assert again.attrs["task"] == "Hopper-v5"
    for name, called in (("medium-v0", "mujoco/hopper/medium-v0"), ("other", "other-v0")):
        write_dataset(tmp_path / "new" / name, again, "minari")
        found = json.loads((tmp_path / "new" / name / "data/metadata.json").read_text())
        assert {key: found[key] for key in told} == told
        assert (found["dataset_id"], found["description"]) == (called, "made by SAC")


def test_minari_finds_a_dataset_in_its_folder_by_its_namespace(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    whole = dataset("state", "next_state", "action", "reward", "terminated", "truncated", attrs={"env_spec": SPEC})
    write_dataset(tmp_path / "lab/hopper/medium-v0", whole, "minari")
    assert "lab/hopper/medium-v0" in minari.list_local_datasets()
    found = minari.load_dataset("lab/hopper/medium-v0")
    assert (found.spec.namespace, found.spec.dataset_name) == ("lab/hopper", "medium")
    assert found.spec.env_spec.id == "Hopper-v5"
