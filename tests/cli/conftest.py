"""One finished run for all tests of commands."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

import envs.task
from robopref.__main__ import main
from tests.cli.tiny import TINY


@contextmanager
def small_pictures() -> Iterator[None]:
    """Films in few pixels, which the processor draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envs.task, "PICTURE", 96)
        yield


@pytest.fixture(autouse=True, scope="module")
def _pictures() -> Iterator[None]:
    with small_pictures():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `robopref demo` leaves, made by the first process that needs it; to be copied by whoever changes it."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "finished"
    with FileLock(f"{folder}.lock"), small_pictures():
        if not (folder / "report.html").exists():
            assert main(["demo", f"run={folder}", *TINY]) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
