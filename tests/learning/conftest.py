"""Recorded transitions that tests of offline learning share."""

import pytest

from robopref.data.transitions import Transitions
from tests.offline_data import recorded


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Transitions.load(recorded(tmp_path_factory.mktemp("data") / "d.zarr"))


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    store = recorded(tmp_path_factory.mktemp("data") / "d.zarr", points=9)
    return Transitions.load(store, keys=("points", "proprio"))
