"""Datasets that hold what a format can, and one that a folder holds to compare with."""

from pathlib import Path

import numpy as np

from robopref.data.episode_formats.conversion import write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices

ATTRS = {
    "task": "envs:robopref/RopeShaping-v0", "options": {"target": "u"}, "instruction": "straighten the rope", "fps": 10,
    "geometry": {"matrix": [[[1.0, 0.5]]], "labels": ["pick"]}, "seed": 3,
}  # fmt: skip
LENGTHS = (3, 1, 4)


def episodes(*keys, lengths=LENGTHS, seed=0):
    """Random episodes of some of the arrays; the first ends for good, the others are cut off."""
    rng = np.random.default_rng(seed)
    made = []
    for number, steps in enumerate(lengths):
        state = rng.normal(size=(steps + 1, 3)).astype(np.float32)
        proprio = rng.normal(size=(steps + 1, 2)).astype(np.float32)
        points = rng.normal(size=(steps + 1, 5, 3)).astype(np.float32)
        image = rng.integers(0, 256, size=(steps + 1, 4, 6, 3), dtype=np.uint8)
        ended = np.arange(steps) == steps - 1
        every = {
            "points": points[:-1], "proprio": proprio[:-1], "state": state[:-1], "image": image[:-1],
            "next_points": points[1:], "next_proprio": proprio[1:], "next_state": state[1:], "next_image": image[1:],
            "action": rng.uniform(-1, 1, size=(steps, 2)).astype(np.float32),
            "reward": rng.normal(size=steps).astype(np.float32),
            "progress": rng.normal(size=(steps, 1)),
            "success": ended & (number == 0),
            "terminated": ended & (number == 0), "truncated": ended & (number != 0),
        }  # fmt: skip
        made.append({key: every[key] for key in keys})
    return made


def dataset(*keys, attrs=ATTRS, **options):
    made = episodes(*keys, **options)
    return Dataset(Path("memory"), attrs, len(made), lambda: iter(made))


def same(one, other):
    """Whether two datasets hold the same, to the last bit."""
    assert dict(one.attrs) == dict(other.attrs)
    ours, theirs = list(one), list(other)
    assert len(ours) == len(theirs) == one.count == other.count
    for a, b in zip(ours, theirs, strict=True):
        assert list(a) == list(b)
        for key in a:
            assert (a[key].dtype, a[key].shape) == (b[key].dtype, b[key].shape), key
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    return True


KEYS = ("state", "next_state", "action", "reward", "terminated", "truncated")
PATHS = {"robomimic": "data.hdf5", "d4rl": "data.hdf5", "npz": "data.npz"}
PLACES = {"robomimic": "data/demo_0/obs/extra", "d4rl": "infos/extra", "minari": "episode_0/infos/extra"}


def written(kind: str, folder: Path, *keys: str) -> Path:
    path = folder / PATHS.get(kind, "data")
    write_dataset(path, dataset(*(keys or KEYS), lengths=(3, 3)), kind, Choices(fps=10))
    return path


def hdf5_of(path: Path) -> Path:
    return path / "data/main_data.hdf5" if path.is_dir() else path
