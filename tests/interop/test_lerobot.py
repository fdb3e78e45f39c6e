"""LeRobot's own LeRobotDataset."""

import numpy as np
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.step_weights import ProgressWeighted
from tests.data.episode_formats.worlds import ATTRS, dataset
from tests.interop.readers.exchange import dump, load

COLUMNS = {
    "proprio": "observation.state", "points": "observation.points", "action": "action", "reward": "next.reward",
    "success": "next.success", "terminated": "next.terminated", "truncated": "next.truncated",
}  # fmt: skip
JOINTS = ["shoulder", "elbow"]


def read_there(peer, tmp_path, source):
    peer("lerobot").run("lerobot_datasets.py", "read", source, tmp_path / "there.npz")
    return load(tmp_path / "there.npz")


def test_what_was_written_is_read_there(peer, tmp_path):
    attrs = {**ATTRS, "robot": "so101", "arrays": {"proprio": {"names": JOINTS}}}
    ours = dataset(*COLUMNS, "image", attrs=attrs)
    write_dataset(tmp_path / "ours", ours, "lerobot")
    there, told = read_there(peer, tmp_path, tmp_path / "ours")
    assert (told["fps"], told["robot"], told["totals"], told["lengths"]) == (10, "so101", [3, 8, 1], [3, 1, 4])
    assert told["names"]["observation.state"] == JOINTS
    assert told["features"]["observation.points"] == ["float32", [5, 3]]
    for mine, theirs in zip(ours, there, strict=True):
        steps = len(mine["action"])
        for key, column in COLUMNS.items():
            np.testing.assert_array_equal(theirs[column].reshape(mine[key].shape), mine[key], err_msg=column)
            assert theirs[column].dtype == mine[key].dtype
        pictures = theirs["observation.images.main"].transpose(0, 2, 3, 1) * 255
        np.testing.assert_array_equal(np.round(pictures).astype(np.uint8), mine["image"])
        np.testing.assert_allclose(theirs["timestamp"].reshape(-1), np.arange(steps) / 10, rtol=0, atol=1e-6)
        assert theirs["frame_index"].tolist() == list(range(steps))
        assert set(theirs["task"].tolist()) == {"straighten the rope"}
    for key in ("proprio", "action", "reward"):
        held = np.concatenate([episode[key].reshape(len(episode[key]), -1) for episode in ours]).astype(np.float64)
        found = told["stats"][COLUMNS[key]]
        for part, value in (("min", held.min(0)), ("max", held.max(0)), ("mean", held.mean(0)), ("std", held.std(0))):
            np.testing.assert_allclose(found[part], value, rtol=1e-9, err_msg=f"{part} of {key}")
        assert found["count"] == [8]
    shades = np.concatenate([episode["image"] for episode in ours]).reshape(-1, 3) / 255
    np.testing.assert_allclose(np.ravel(told["stats"]["observation.images.main"]["mean"]), shades.mean(0), rtol=1e-6)


def smooth(steps):
    """Pictures that films lose little of."""
    rows, columns, times = np.meshgrid(np.arange(64), np.arange(96), np.arange(steps), indexing="ij")
    shade = np.stack([2 * rows + times, columns + times, np.full(rows.shape, 90)], axis=-1)
    return np.moveaxis(shade, 2, 0).astype(np.uint8)


def test_films_that_were_written_are_read_there(peer, tmp_path):
    made = [{"action": np.zeros((steps, 2), np.float32), "image": smooth(steps)} for steps in (5, 3)]
    data = Dataset(tmp_path, {"fps": 10, "task": "look"}, 2, lambda: iter(made))
    write_dataset(tmp_path / "ours", data, "lerobot", Choices(pictures="video"))
    there, told = read_there(peer, tmp_path, tmp_path / "ours")
    assert told["features"]["observation.images.main"] == ["video", [64, 96, 3]]
    for mine, theirs in zip(made, there, strict=True):
        pictures = theirs["observation.images.main"].transpose(0, 2, 3, 1) * 255
        assert np.abs(pictures - mine["image"]).max() <= 8


FEATURES = {
    "observation.state": {"dtype": "float32", "shape": [2], "names": JOINTS},
    "action": {"dtype": "float32", "shape": [2], "names": JOINTS},
    "next.reward": {"dtype": "float32", "shape": [1], "names": None},
    "next.done": {"dtype": "bool", "shape": [1], "names": None},
    "observation.cloud": {"dtype": "float32", "shape": [5, 6], "names": ["point", "column"]},
    "observation.images.top": {"dtype": "image", "shape": [64, 96, 3], "names": ["height", "width", "channels"]},
    "observation.images.hand": {"dtype": "video", "shape": [64, 96, 3], "names": ["height", "width", "channels"]},
}


@pytest.mark.parametrize("instructions", [["open it"], ["open it", "fold it"]])
def test_what_was_written_there_is_read(instructions, peer, tmp_path):
    rng = np.random.default_rng(0)
    made = []
    for number, steps in enumerate((4, 2, 6)):
        numbers = {
            name: rng.normal(size=(steps, *FEATURES[name]["shape"])).astype(np.float32)
            for name in ("observation.state", "action", "next.reward", "observation.cloud")
        }
        done = (np.arange(steps) == steps - 1)[:, None]
        cameras = {"observation.images.top": smooth(steps)[:, ::-1], "observation.images.hand": smooth(steps)}
        task = np.array([instructions[number % len(instructions)]] * steps)
        made.append({**numbers, "next.done": done, **cameras, "task": task})
    dump(tmp_path / "made.npz", made, fps=20, robot_type="so101", features=FEATURES)
    peer("lerobot").run("lerobot_datasets.py", "write", tmp_path / "made.npz", tmp_path / "theirs")
    data = open_dataset(tmp_path / "theirs")
    assert (data.count, data.attrs["fps"], data.attrs["robot"]) == (3, 20, "so101")
    assert data.attrs["arrays"]["proprio"] == {"names": JOINTS}
    for theirs, ours in zip(made, data, strict=True):
        for key, column in {"proprio": "observation.state", "action": "action", "reward": "next.reward"}.items():
            np.testing.assert_array_equal(ours[key].reshape(theirs[column].shape), theirs[column])
        np.testing.assert_array_equal(ours["observation_cloud"], theirs["observation.cloud"])
        np.testing.assert_array_equal(ours["image_top"], theirs["observation.images.top"])
        apart = np.abs(ours["image_hand"].astype(int) - theirs["observation.images.hand"])
        assert apart.max() <= 16
        assert ours["done"].tolist() == theirs["next.done"][:, 0].tolist()
        said = data.attrs.get("instructions", [data.attrs.get("instruction")])
        steps = ours.get("task_index", np.zeros(len(ours["action"]), int))
        assert [said[number] for number in steps] == theirs["task"].tolist()


def test_progress_that_was_written_weighs_there_as_here(peer, tmp_path):
    rng = np.random.default_rng(0)
    made = [{"action": np.zeros((steps, 2), np.float32), "known": rng.random(steps, np.float32)} for steps in (9, 6)]
    data = Dataset(tmp_path, {"fps": 10, "task": "look"}, 2, lambda: iter(made))
    write_dataset(tmp_path / "ours", data, "lerobot", Choices(progress="known"))
    peer("lerobot").run("lerobot_weights.py", tmp_path / "ours", tmp_path / "there.npz", 3)
    (there,), _ = load(tmp_path / "there.npz")
    progress = np.concatenate([episode["progress"] for episode in open_dataset(tmp_path / "ours")]).astype(np.float64)
    here = ProgressWeighted(steps=3).weights(progress, np.array([9, 15]))
    np.testing.assert_allclose(there["weights"] / there["weights"].sum(), here / here.sum(), rtol=1e-5)
