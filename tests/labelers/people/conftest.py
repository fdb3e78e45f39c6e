"""What the tests of labelling share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labelers.people.desks import make_dataset
from tests.ports import reserved_port


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of candidates and videos."""
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def port() -> Iterator[int]:
    """A port for a server that is killed and started again."""
    with reserved_port() as port:
        yield port
