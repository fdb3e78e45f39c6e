"""What the tests of labelling share."""

from pathlib import Path

import pytest

from tests.labelers.people.desks import make_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of candidates and videos."""
    return make_dataset(tmp_path_factory.mktemp("dataset"))
