"""Recorded transitions and a small task that tests of learning share."""

from collections.abc import Iterator

import gymnasium as gym
import pytest

from robopref.data.episodes.transitions import Transitions
from robopref.robots.sim import SimPool, TaskSpec
from tests.learning.walk import Walk
from tests.offline_data import recorded


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Transitions.load(recorded(tmp_path_factory.mktemp("data") / "d.zarr"))


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    store = recorded(tmp_path_factory.mktemp("data") / "d.zarr", points=9)
    return Transitions.load(store, keys=("points", "proprio"))


@pytest.fixture
def pool() -> Iterator[SimPool]:
    gym.register("test/Walk-v0", Walk)
    with SimPool(TaskSpec("test/Walk-v0", max_steps=6)) as made:
        yield made
    del gym.registry["test/Walk-v0"]
