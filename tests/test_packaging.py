"""What an installation holds."""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.own_wheel import build_wheel

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
LISTED: list[str] = PROJECT["tool"]["setuptools"]["packages"]


def packages_on_disk() -> dict[str, Path]:
    """Every folder with Python files that an installation should hold, by package name."""
    found = {}
    for package, folder in FOLDERS.items():
        root = ROOT / folder
        for path in {file.parent for file in root.rglob("*.py")}:
            found[".".join((package, *path.relative_to(root).parts))] = path
    return found


def test_packages_are_listed() -> None:
    missing = sorted(packages_on_disk().keys() - LISTED)
    assert not missing, f"add to tool.setuptools.packages in pyproject.toml: {missing}"


def test_listed_packages_exist() -> None:
    extra = sorted(LISTED - packages_on_disk().keys())
    assert not extra, f"remove from tool.setuptools.packages in pyproject.toml: {extra}"


def test_packages_have_an_init() -> None:
    missing = sorted(name for name, path in packages_on_disk().items() if not (path / "__init__.py").exists())
    assert not missing, f"without __init__.py: {missing}"


def run(command: Sequence[str | Path], **options: Any) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_holds_code_configs_and_assets(wheel: Path) -> None:
    expected = {
        "/".join((*name.split("."), file.name))
        for name, path in packages_on_disk().items()
        for file in path.glob("*.py")
    }
    for name, pattern in (("configs", "**/*.yaml"), ("assets", "*.xml")):
        files = list((ROOT / name).glob(pattern))
        expected |= {f"robopref/{name}/{file.relative_to(ROOT / name).as_posix()}" for file in files}
    for part in ("labelers/people", "reports", "views", "web"):
        page = ROOT / "robopref" / part / "page"
        expected |= {f"robopref/{part}/page/{file.name}" for file in page.iterdir()}
    expected.add("robopref/py.typed")  # without which some type checkers look at nothing
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {"robopref/assets/rope.xml", "envs/rope.py", "robopref/labelers/people/page/index.html"} <= held
    assert held == expected


def test_wheel_names_its_command_and_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    assert "robopref = robopref.__main__:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = """
import gymnasium, envs, robopref
from importlib import resources
env = gymnasium.make("envs:robopref/RopeShaping-v0")
env.reset(seed=0)
env.close()
print(robopref.__file__, envs.__file__, resources.files("robopref.configs") / "__init__.py", sep="\\n")
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    places = run([sys.executable, "-c", program], cwd=tmp_path, env=environment).splitlines()[-3:]
    assert all(Path(place).is_relative_to(tmp_path / "site") for place in places), places
