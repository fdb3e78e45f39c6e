"""The client libraries of devices: loaded when a driver connects, never when a module is imported."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from robopref.errors import DependencyError, unknown_name

# Top-level module -> what needs it, the library and the extra that installs it.
SDKS = {
    "franky": ("a Franka robot", "franky-control", "franka"),
    "pyrealsense2": ("a RealSense camera", "pyrealsense2", "realsense"),
    "roslibpy": ("rosbridge", "roslibpy", "rosbridge"),
    "rtde_control": ("a UR robot", "ur-rtde", "ur"),
    "rtde_receive": ("a UR robot", "ur-rtde", "ur"),
    "xarm": ("an xArm", "xarm-python-sdk", "xarm"),
}
_LOADING = threading.Lock()


def sdk(name: str) -> Any:
    """Load a client library.

    Some write into the home folder when they are imported, and fail where two processes do so at once; while one is
    loaded the home is a folder that is deleted afterwards.

    Args:
        name: Of the module, such as ``xarm.wrapper``.

    Returns:
        The module.

    Raises:
        DependencyError: It is not installed.
        ConfigError: It is none of `SDKS`.
    """
    if name.partition(".")[0] not in SDKS:
        raise unknown_name("client library", name, SDKS)
    with another_home():
        if name in sys.modules:
            return sys.modules[name]
        try:
            return importlib.import_module(name)
        except ImportError as error:
            needs, library, extra = SDKS[name.partition(".")[0]]
            raise DependencyError(
                f"{needs} needs {library}; install it with: pip install 'robopref[{extra}]'"
            ) from error


@contextmanager
def another_home() -> Generator[None]:
    """For what a library writes into the home folder, there is one that is deleted afterwards."""
    names = ("HOME", "USERPROFILE")
    with _LOADING, tempfile.TemporaryDirectory(prefix="robopref-", ignore_cleanup_errors=True) as folder:
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name)
                else:
                    os.environ[name] = value
