"""The suite fails if a test writes into the home folder, and starts with an empty one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.home import fit_for_tests, left_behind

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(("writes", "status"), [(".vendor/log", 1), (".cache/matplotlib", 0), ("", 0)])
def test_a_suite_that_litters_the_home_folder_fails(tmp_path: Path, writes: str, status: int) -> None:
    test = tmp_path / "test_one.py"
    test.write_text(
        "from pathlib import Path\ndef test_it():\n    assert not list(Path.home().iterdir())\n"
        f"    (Path.home() / {writes!r}).mkdir(parents=True, exist_ok=True)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.home", "-c", os.devnull, "--rootdir", tmp_path, test]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # those of dependencies take seconds to load
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == status, done.stdout
    assert (writes in done.stdout) == bool(status) or not writes


def test_what_is_left_is_named_by_file_and_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".cache/fontconfig").mkdir(parents=True)
    (tmp_path / ".cache/fontconfig/a").write_text("")
    (tmp_path / ".UFACTORY/log").mkdir(parents=True)
    (tmp_path / "x").write_text("")
    assert left_behind(tmp_path) == [".UFACTORY/log", "x"]


def test_files_lie_in_memory_only_where_there_is_room(tmp_path: Path) -> None:
    assert fit_for_tests(tmp_path, 1)
    assert not fit_for_tests(tmp_path, 1 << 60)
    assert not fit_for_tests(tmp_path / "none", 0)
