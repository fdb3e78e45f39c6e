import io
import json

import h5py
import minari
import numpy as np
import pytest
from PIL import Image

from robopref.data.episode_formats import minari as ours
from robopref.data.episode_formats.conversion import detect, open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.worlds import dataset, episodes

KEYS = ("state", "next_state", "action", "reward", "terminated", "truncated")


def foreign(path, **observations):
    """One episode of two steps, as minari lays it out."""
    (path / "data").mkdir(parents=True)
    about = {
        "total_episodes": 1, "total_steps": 2, "data_format": "hdf5", "dataset_id": "reach-v0",
        "minari_version": "0.5.4", "env_spec": json.dumps({"id": "Reach-v1", "kwargs": {"dense": True}}),
    }  # fmt: skip
    (path / "data/metadata.json").write_text(json.dumps(about))
    with h5py.File(path / "data/main_data.hdf5", "w") as file:
        group = file.create_group("episode_0")
        for name, array in observations.items():
            group.create_dataset(name.replace("__", "/"), data=array, dtype=getattr(array, "stored", None))
        group["actions"], group["rewards"] = np.zeros((2, 1), dtype=np.float32), np.array([0.5, 1.5])
        group["terminations"], group["truncations"] = np.array([False, False]), np.array([False, True])
        group["infos/height"] = np.array([1.0, 2.0, 3.0])
    return path


def test_a_dataset_of_minari_brings_the_observation_after_the_last_action(tmp_path):
    goal = {"observations__observation": np.arange(6.0).reshape(3, 2), "observations__desired_goal": np.ones((3, 2))}
    data = ours.read(foreign(tmp_path / "reach", **goal), Choices())
    (only,) = data
    assert only["state"].tolist() == [[0, 1], [2, 3]]
    assert only["next_state"].tolist() == [[2, 3], [4, 5]]
    assert only["height"].tolist() == [2, 3], "the first is of the reset"
    assert only["truncated"].tolist() == [False, True]
    assert (data.attrs["task"], data.attrs["options"]) == ("Reach-v1", {"dense": True})
    assert data.attrs["observations"] == ["desired_goal"]
    assert detect(tmp_path / "reach") == detect(tmp_path / "reach/data") == "minari"


def test_pictures_that_minari_keeps_as_jpeg_are_decoded(tmp_path):
    files = []
    for shade in (10, 120, 250):
        made = io.BytesIO()
        Image.new("RGB", (16, 8), (shade, shade, shade)).save(made, format="JPEG")
        files.append(np.frombuffer(made.getvalue(), dtype=np.uint8))
    longest = max(map(len, files))
    rows = np.stack([np.pad(file, (0, longest - len(file))) for file in files])
    data = ours.read(foreign(tmp_path / "seen", observations=rows), Choices(names={"image": "observation"}))
    (only,) = data
    assert only["image"].shape == (2, 8, 16, 3)
    np.testing.assert_allclose(only["image"][1], 120, atol=2)


def test_minari_itself_opens_what_was_written(tmp_path):
    keys = (*KEYS, "image", "next_image", "points", "next_points")
    ours.write(tmp_path / "rope-v3", dataset(*keys), Choices())
    opened = minari.MinariDataset(tmp_path / "rope-v3/data")
    assert (opened.total_episodes, opened.total_steps) == (3, 8)
    assert opened.spec.dataset_id == "rope-v3"
    assert sorted(opened.observation_space) == ["image", "observation", "points"]
    for mine, theirs in zip(episodes(*keys), opened.iterate_episodes(), strict=True):
        np.testing.assert_array_equal(theirs.observations["observation"][1:], mine["next_state"])
        np.testing.assert_array_equal(theirs.observations["image"][:-1], mine["image"])
        np.testing.assert_array_equal(theirs.actions, mine["action"])
        np.testing.assert_array_equal(theirs.rewards, mine["reward"])
        np.testing.assert_array_equal(theirs.terminations, mine["terminated"])
        np.testing.assert_array_equal(theirs.truncations, mine["truncated"])
        assert theirs.observations["observation"][0] in opened.observation_space["observation"]


def test_a_single_vector_is_the_observation_itself(tmp_path):
    ours.write(tmp_path / "rope", dataset(*KEYS), Choices())
    opened = minari.MinariDataset(tmp_path / "rope/data")
    assert opened.observation_space.shape == (3,)
    assert next(iter(opened.iterate_episodes())).observations.shape == (4, 3)


def test_a_last_observation_that_is_not_known_has_to_be_asked_for(tmp_path):
    keys = [key for key in KEYS if key != "next_state"]
    with pytest.raises(DataError, match=r"has no next_state; final=repeat"):
        ours.write(tmp_path / "rope", dataset(*keys), Choices())
    ours.write(tmp_path / "rope", dataset(*keys), Choices(final="repeat"))
    opened = minari.MinariDataset(tmp_path / "rope/data")
    last = next(iter(opened.iterate_episodes())).observations
    np.testing.assert_array_equal(last[-1], last[-2])
    assert "next_state" not in next(iter(ours.read(tmp_path / "rope", Choices()))), "what was made up is not read back"


def test_observations_that_do_not_follow_each_other_are_refused(tmp_path):
    made = dataset(*KEYS).mapped(lambda episode: {**episode, "next_state": episode["next_state"] + 1})
    with pytest.raises(DataError, match="next_state of episode 0 is not state of the next step"):
        ours.write(tmp_path / "rope", made, Choices())


def test_damage_is_explained(tmp_path):
    path = foreign(tmp_path / "reach", observations=np.zeros((3, 2)))
    about = json.loads((path / "data/metadata.json").read_text())
    (path / "data/metadata.json").write_text(json.dumps({**about, "data_format": "arrow"}))
    with pytest.raises(DataError, match="Minari's arrow storage"):
        ours.read(path, Choices())
    (path / "data/metadata.json").write_text("{")
    with pytest.raises(DataError, match="is damaged: it is not JSON"):
        ours.read(path, Choices())
    (path / "data/metadata.json").write_text(json.dumps({**about, "total_episodes": 2}))
    with pytest.raises(DataError, match="episode_1"):
        list(ours.read(path, Choices()))


@pytest.mark.parametrize(
    ("parts", "asked"),
    [
        ({"move": 3, "grip": 1}, ["move", "grip"]),
        ({"move": 3, "grip": 1}, ["actions/move", "actions/grip"]),
        ({"_index_0": 3, "_index_1": 1}, ["actions__index_0", "actions__index_1"]),
    ],
)
def test_actions_of_several_parts_are_arrays_that_can_be_joined(parts, asked, tmp_path):
    path = foreign(tmp_path / "parts", observations=np.arange(6.0).reshape(3, 2))
    with h5py.File(path / "data/main_data.hdf5", "a") as file:
        for group in file.values():
            steps = len(group["rewards"])
            del group["actions"]
            for number, (name, width) in enumerate(parts.items()):
                group[f"actions/{name}"] = np.full((steps, width), number, np.float32)
    apart = ours.read(path, Choices())
    assert [key for key in apart.first() if key.startswith("action")] == sorted(f"actions_{name}" for name in parts)
    assert {"reward", "terminated", "truncated"} <= set(apart.first())
    with pytest.raises(DataError, match=r"names\.action=\[actions_"):
        write_dataset(tmp_path / "again", apart, "minari")
    joined = ours.read(path, Choices(names={"action": asked})).first()["action"]
    np.testing.assert_array_equal(joined[0], [0, 0, 0, 1])


def test_observations_of_other_lengths_are_not_cut(tmp_path):
    path = foreign(tmp_path / "long", observations=np.arange(6.0).reshape(3, 2))
    with h5py.File(path / "data/main_data.hdf5", "a") as file:
        for group in file.values():
            del group["observations"]
            group["observations"] = np.zeros((7, 2))
    with pytest.raises(DataError, match=r"drop=\[state\]"):
        list(ours.read(path, Choices()))


def test_episodes_that_the_metadata_do_not_count_are_noted(tmp_path):
    path = foreign(tmp_path / "more", observations=np.zeros((3, 2)))
    with h5py.File(path / "data/main_data.hdf5", "a") as file:
        file.copy("episode_0", f"episode_{len(file)}")
    (note,) = ours.read(path, Choices()).notes
    assert "episodes are not read" in note


def test_missing_numbers_follow_one_another_too(tmp_path):
    made = episodes("state", "next_state", "action", "reward", "terminated", "truncated", lengths=(3,))
    made[0]["state"][1, 0] = made[0]["next_state"][0, 0] = np.nan
    write_dataset(tmp_path / "nan", Dataset(tmp_path, {}, 1, lambda: iter(made)), "minari")
    np.testing.assert_array_equal(open_dataset(tmp_path / "nan").first()["state"], made[0]["state"])
