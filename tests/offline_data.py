"""Small recorded datasets for tests of learning offline."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from robopref.data.episodes.store import EpisodeStore


def recorded(path: Path, *, episodes=12, length=10, state=3, action=2, points=0, columns=3, seed=0) -> EpisodeStore:
    """Episodes of random numbers; every other one ends for good. Reward is the first number of the state."""
    shutil.copytree(_written(episodes, length, state, action, points, columns, seed), path)
    return EpisodeStore.open(path, "a")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Goes with the process."""
    return tempfile.TemporaryDirectory(prefix="recorded-")


@cache
def _written(episodes: int, length: int, state: int, action: int, points: int, columns: int, seed: int) -> Path:
    """Written once, as many tests begin with the same and writing takes twenty times as long as copying."""
    rng, path = np.random.default_rng(seed), Path(tempfile.mkdtemp(dir=_folder().name), "d.zarr")
    store = EpisodeStore.create(path, {"task": "test"})
    for k in range(episodes):
        states = rng.normal(size=(length, state)).astype(np.float32)
        last = np.arange(length) == length - 1
        episode = {
            "state": states,
            "action": rng.uniform(-1, 1, (length, action)).astype(np.float32),
            "reward": states[:, 0].copy(),
            "terminated": last & (k % 2 == 0),
            "truncated": last & (k % 2 == 1),
        }
        if points:
            episode["points"] = rng.normal(size=(length, points, columns)).astype(np.float32)
            episode["proprio"] = states[:, :1].copy()
        store.append(episode)
    return path
