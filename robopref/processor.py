"""How this process and those that it starts use processor and graphics; read by libraries once, when they load."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

# Threads that wait look for work 5000 times before they sleep. Without a bound they spin for milliseconds, which beside
# other processes made training up to twenty times slower; with it a quiet machine is as fast as without one.
_SPINS = "5000"


def prepare() -> None:
    """Set what is not set yet; to be called before torch and MuJoCo are imported."""
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = _SPINS
    # Sums of matrix products then depend neither on where arrays lie in memory nor on which thread is done first. On
    # processors of other makers MKL would take its slowest code for it.
    if _made_by_intel():
        os.environ.setdefault("MKL_CBWR", "AUTO")
    choose_renderer()


def choose_renderer() -> None:
    """Let MuJoCo draw without a screen; to be called before it is imported.

    Where Linux has no EGL or no OpenGL, MuJoCo told to use them could not even be imported, so drawing is switched off
    and whatever draws says what is missing.
    """
    if sys.platform != "linux" or os.environ.setdefault("MUJOCO_GL", "egl").lower().strip() != "egl":
        return
    if not (_loads("libEGL.so.1") and (_loads("libOpenGL.so.0") or _loads("libGL.so.1"))):
        os.environ["MUJOCO_GL"] = "disable"


def waiting() -> str:
    """How threads wait, in words."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_CBWR")
    return ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ) or "not set"


def _made_by_intel() -> bool:
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
