"""One finished run for all tests of commands."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from robopref.__main__ import main
from tests.cli.tiny import TINY


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `robopref demo` leaves, made by the first process that needs it; to be copied by whoever changes it."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "finished"
    with FileLock(f"{folder}.lock"):
        if not (folder / "report.html").exists():
            assert main(["demo", f"run={folder}", *TINY]) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
