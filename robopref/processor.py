"""How this process and those that it starts use processor and graphics; read by libraries once, when they load."""

from __future__ import annotations

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
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")


def waiting() -> str:
    """How threads wait, in words."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_CBWR")
    return ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ) or "not set"


def _made_by_intel() -> bool:
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
