"""Every test here runs other projects' own libraries, which takes minutes: `make interop`, not `make test`."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.interop.environments import PeerEnvironment


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def peer() -> Callable[[str], PeerEnvironment]:
    """The environment of a peer, made if it is not there; its tests are skipped where it cannot be reached."""
    unreachable: dict[str, str] = {}

    def of(name: str) -> PeerEnvironment:
        environment = PeerEnvironment(name)
        if name not in unreachable:
            unreachable[name] = environment.make()
        if unreachable[name]:
            pytest.skip(unreachable[name])
        return environment

    return of
