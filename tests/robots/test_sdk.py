"""Client libraries are loaded when a driver connects, by no import of a module, and leave the home folder alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robopref.errors import DependencyError
from robopref.robots import sdk as sdks

ROOT = Path(__file__).parents[2]
EVERYTHING = """
import importlib, pkgutil, sys
import robopref
names = [one.name for one in pkgutil.walk_packages(robopref.__path__, "robopref.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(source: str) -> set[str]:
    """Top-level names of the import statements of a file, anywhere in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.slow
def test_importing_every_module_loads_no_client_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], check=True, capture_output=True, text=True, cwd=ROOT
    )  # fmt: skip
    count, *loaded = done.stdout.split()
    assert int(count) > 100
    assert not {*sdks.SDKS, "lerobot", "twisted"} & set(loaded)


def test_no_file_imports_a_client_library_by_a_statement() -> None:
    files = [path for part in ("robopref", "envs", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py")]
    assert len(files) > 200
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    naming = {path: source for path, source in sources.items() if any(name in source for name in sdks.SDKS)}
    assert {path: found for path, source in naming.items() if (found := imported(source) & sdks.SDKS.keys())} == {}


@pytest.mark.parametrize("name", ["franky", "pyrealsense2", "roslibpy", "rtde_control", "rtde_receive", "xarm.wrapper"])
def test_loading_one_writes_nothing_into_the_home_folder(tmp_path: Path, name: str) -> None:
    program = f"""
import os
from robopref.robots.sdk import sdk
assert sdk("{name}").__name__ == "{name}"
print(os.environ["HOME"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_connecting_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    program = """
import contextlib
from robopref.errors import RobotError
from robopref.robots.realsense import RealSenseCamera
with contextlib.suppress(RobotError):
    RealSenseCamera()
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, env={**os.environ, "HOME": str(tmp_path)}
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sdks.SDKS, "no_such_sdk", ("a gripper", "no-such-sdk", "gripper"))
    before = os.environ.get("HOME")
    with pytest.raises(DependencyError, match=r"a gripper needs no-such-sdk; .* 'robopref\[gripper\]'"):
        sdks.sdk("no_such_sdk.wrapper")
    assert os.environ.get("HOME") == before
