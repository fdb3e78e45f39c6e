"""Threads are told how to wait, and sums how to be taken, unless the user has said so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robopref import processor

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_CBWR")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "MUJOCO_GL"):
        monkeypatch.setenv(name, "")  # so that what the test sets goes afterwards
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("intel", "sums"), [(True, "AUTO"), (False, None)])
def test_what_is_not_set_is_set(monkeypatch: pytest.MonkeyPatch, intel: bool, sums: str | None) -> None:
    monkeypatch.setattr(processor, "_made_by_intel", lambda: intel)
    processor.prepare()
    assert [os.environ.get(name) for name in NAMES] == [None, "5000", sums]
    assert "GOMP_SPINCOUNT=5000" in processor.waiting()


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "7")])
def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    processor.prepare()
    assert os.environ[name] == value
    assert len(os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}) == 1


@pytest.mark.parametrize("library", ["libEGL.so.1", "libGL.so.1"])
def test_without_graphics_libraries_tasks_run_and_only_cameras_are_refused(tmp_path: Path, library: str) -> None:
    for name in {library, "libOpenGL.so.0"}:
        (tmp_path / name).touch()  # hides the library of the system
    script = (
        "import gymnasium, envs\n"
        "blind = gymnasium.make('envs:robopref/PlanarPush-v0', points=False, state=True)\n"
        "blind.reset(seed=0)\n"
        "gymnasium.make('envs:robopref/PlanarPush-v0', points=True).reset(seed=0)\n"
    )
    kept = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=kept | {"LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "robopref.errors.DependencyError: MuJoCo could not open" in done.stderr.splitlines()[-1]
    assert "apt-get install libegl1 libgl1 libgl1-mesa-dri" in done.stderr
