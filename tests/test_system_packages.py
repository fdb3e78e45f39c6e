"""What a make target needs of the system is looked for, and installed or told before anything long begins."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci/system_packages.py"
LIBRARIES = ("libEGL.so.1", "libGL.so.1", "libusb-1.0.so.0")
DRAWING = "libegl1 libgl1-mesa-dri libgl1"
STAND_INS = {
    "id": "echo {user}",
    "sudo": 'echo "stand-in for sudo: $*" >> {log}\n[ {asks} = no ] || exit 1\nshift\nexec "$@"',
    "apt-get": 'echo "stand-in for apt-get: $DEBIAN_FRONTEND $*" >> {log}\n{apt}',
}


class Machine(NamedTuple):
    """A folder of stand-ins for programs of the system, and one of files that hide libraries of the same names."""

    programs: Path
    hidden: Path
    log: Path

    def add(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def hide(self, *libraries: str) -> None:
        for name in libraries:
            (self.hidden / name).touch()

    def look(self, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {"PATH": str(self.programs), "LD_LIBRARY_PATH": str(self.hidden)}
        words = [sys.executable, str(SCRIPT), target]
        return subprocess.run(words, capture_output=True, text=True, env=kept | environment, check=False)

    def ran(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def machine(folder: Path, *, user: int = 0, asks: bool = False, apt: str | None = None) -> Machine:
    made = Machine(folder / "programs", folder / "hidden", folder / "log")
    made.programs.mkdir()
    made.hidden.mkdir()
    for name in ("env", "true"):
        (made.programs / name).symlink_to(f"/usr/bin/{name}")
    apt = f'[ "$3" = update ] || /bin/rm -f {made.hidden}/*' if apt is None else apt
    for name, script in STAND_INS.items():
        made.add(name, script.format(user=user, asks="yes" if asks else "no", log=made.log, apt=apt))
    return made


@pytest.mark.parametrize("target", ["install", "demo", "bench"])
def test_where_nothing_is_missing_nothing_is_said_or_run(tmp_path: Path, target: str) -> None:
    here = machine(tmp_path)
    done = here.look(target)
    assert (done.returncode, done.stdout, done.stderr, here.ran()) == (0, "", "", [])


def test_tests_need_a_browser_its_driver_and_a_database_server(tmp_path: Path) -> None:
    here = machine(tmp_path, user=1000, asks=True)
    told = here.look("test").stderr
    assert "chromium (to test pages), chromedriver (to test pages)" in told
    for name in ("chromium", "chromedriver", "initdb"):
        here.add(name, "exit 1")
    done = here.look("test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_root_gets_what_is_missing_after_one_line(tmp_path: Path) -> None:
    here = machine(tmp_path)
    here.hide(*LIBRARIES)
    done = here.look("demo")
    assert done.returncode == 0, done.stderr
    line, end = done.stdout.split("\n")
    assert (
        line == f"Installing {DRAWING}: missing libEGL.so.1 (to render what cameras see), libGL.so.1 (to render "
        "what cameras see)"
    )
    assert not end
    frame = "stand-in for apt-get: noninteractive -qq -o DPkg::Lock::Timeout=120"
    assert here.ran() == [f"{frame} update", f"{frame} install -y --no-install-recommends {DRAWING}"]


def test_who_has_sudo_without_a_password_gets_it_too(tmp_path: Path) -> None:
    here = machine(tmp_path, user=1000)
    here.hide("libusb-1.0.so.0")
    assert here.look("demo").stdout == ""
    done = here.look("bench")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert here.ran()[0] == "stand-in for sudo: -n true"
    assert here.ran()[-1].endswith(
        "noninteractive -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends libusb-1.0-0"
    )


@pytest.mark.parametrize(
    ("user", "asks", "environment", "sudo"),
    [
        (0, False, {"ROBOPREF_NO_APT": "1"}, ""),
        (1000, False, {"ROBOPREF_NO_APT": "1"}, "sudo "),
        (1000, True, {}, "sudo "),
    ],
)
def test_others_are_told_the_command(
    tmp_path: Path, user: int, asks: bool, environment: dict[str, str], sudo: str
) -> None:
    here = machine(tmp_path, user=user, asks=asks)
    here.hide(*LIBRARIES)
    done = here.look("bench", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    command = f"{sudo}apt-get update && {sudo}apt-get install --no-install-recommends {DRAWING} libusb-1.0-0"
    assert done.stderr.endswith(f"libusb-1.0.so.0 (for open3d); type: {command}\n")
    assert done.stderr.count("\n") == 1
    assert not [line for line in here.ran() if "apt-get" in line]


def test_without_apt_the_libraries_are_named(tmp_path: Path) -> None:
    here = machine(tmp_path)
    (here.programs / "apt-get").unlink()
    here.hide("libGL.so.1")
    done = here.look("demo")
    assert done.returncode == 1
    assert done.stderr == ("missing libGL.so.1 (to render what cameras see); install what brings them on this system\n")


@pytest.mark.parametrize(
    ("apt", "told"),
    [
        ("echo 'E: no network'; exit 100", "E: no network\napt-get update failed; missing libGL.so.1"),
        ("exit 0", "apt-get brought libgl1, but libGL.so.1 cannot be found"),
    ],
)
def test_what_could_not_be_installed_stops_the_target(tmp_path: Path, apt: str, told: str) -> None:
    here = machine(tmp_path, apt=apt)
    here.hide("libGL.so.1")
    done = here.look("demo")
    assert done.returncode == 1
    assert done.stderr.startswith(told)


def test_python_that_cannot_make_an_environment_gets_its_package(tmp_path: Path) -> None:
    here = machine(tmp_path, user=1000, asks=True)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    told = here.look("install", PYTHONPATH=str(tmp_path)).stderr
    assert told.startswith("missing ensurepip (to make .venv); type: sudo apt-get update && ")
    assert told.endswith(f" python3.{sys.version_info.minor}-venv\n")


@pytest.mark.parametrize(
    ("target", "asked"),
    [("demo", "demo"), ("test", "test"), ("check", "test"), ("bench-rope", "bench"), ("pictures", "bench")],
)
def test_what_is_missing_is_said_before_packages_are_installed(target: str, asked: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    # All is out of date, as in a new clone.
    words = ["make", "--dry-run", "--always-make", target]
    told = subprocess.run(words, cwd=SCRIPT.parents[1], env=kept, capture_output=True, text=True, check=True).stdout
    assert told.index(f"system_packages.py {asked}\n") < told.index("-m venv")
