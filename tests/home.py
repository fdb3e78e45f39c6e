"""The suite has a home folder of its own, empty at first, and nothing but caches of libraries may be left in it.

What passes on a machine only because it ran there before fails here, and so does what litters the homes of users.
"""

import importlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Caches that libraries and the system's graphics keep as they are meant to.
CACHES = {
    ".cache/fontconfig",
    ".cache/matplotlib",
    ".config/matplotlib",
    ".cache/mesa_shader_cache",
    ".cache/mesa_shader_cache_db",
}
_PLACES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_HOME = pytest.StashKey[Path]()
_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30  # bytes, several times of what tests leave until their module ends


def left_behind(home: Path) -> list[str]:
    """What lies in a home folder and is no such cache: files and empty folders, by their path below it."""
    found = [
        Path(folder, name).relative_to(home).as_posix()
        for folder, folders, files in os.walk(home)
        for name in (*files, *(name for name in folders if not any(Path(folder, name).iterdir())))
    ]
    return sorted(name for name in found if not any(f"{name}/".startswith(f"{cache}/") for cache in CACHES))


def fit_for_tests(folder: Path, room: int = _ROOM) -> bool:
    """Whether files of tests may lie in a folder in memory, where replacing one and databases wait for no disk."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    return shutil.disk_usage(folder).free >= room and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:  # has the home of the process that started it
        return
    if fit_for_tests(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    config.stash[_HOME] = Path(tempfile.mkdtemp(prefix="home-"))
    os.environ["HOME"] = str(config.stash[_HOME])
    for name in _PLACES:
        os.environ.pop(name, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready() -> None:
    """Have matplotlib list the fonts while workers collect, each of which would take seconds for it."""
    importlib.import_module("matplotlib.font_manager")


def pytest_sessionfinish(session: pytest.Session) -> None:
    home = session.config.stash.get(_HOME, None)
    if home is None:
        return
    if left := left_behind(home):
        listed = "\n".join(left[:20])
        session.config.get_terminal_writer().line(f"\nthe tests left {len(left)} files in the home folder:\n{listed}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(home, ignore_errors=True)
