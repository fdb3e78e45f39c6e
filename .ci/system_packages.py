"""Install what a make target needs of the system and does not find: `system_packages.py install|demo|bench|test`.

What is missing is found by what cannot be loaded or started, not by the names of packages, which differ between
distributions. Root, and whoever may use sudo without a password, gets it from apt-get after one line that says so;
everybody else, and everybody with ``ROBOPREF_NO_APT=1``, is told the command to type and nothing is begun.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from glob import glob
from typing import NamedTuple

_OLDEST = (3, 11)
_POSTGRESQL = "/usr/lib/postgresql/*/bin/initdb"  # where Debian keeps it, which is on nobody's PATH


class Need(NamedTuple):
    """Something of the system: what it is called, Debian's packages, what it is for, Ubuntu's packages if others."""

    name: str
    debian: str
    use: str
    ubuntu: str | None = None

    def found(self) -> bool:
        """Whether it can be loaded or started."""
        if ".so" in self.name:
            try:
                ctypes.CDLL(self.name)
            except OSError:
                return False
            return True
        if self.name == "ensurepip":
            return importlib.util.find_spec("ensurepip") is not None
        return shutil.which(self.name) is not None or (self.name == "initdb" and bool(glob(_POSTGRESQL)))

    @property
    def packages(self) -> str:
        """Packages that bring it on this machine."""
        return self.ubuntu if self.ubuntu and _distribution() == "ubuntu" else self.debian


_INSTALL = [Need("ensurepip", f"python{sys.version_info[0]}.{sys.version_info[1]}-venv", "to make .venv")]
_SIMULATION = [
    Need("libEGL.so.1", "libegl1 libgl1-mesa-dri", "to render what cameras see"),
    Need("libGL.so.1", "libgl1", "to render what cameras see"),
]
_CLOUDS = [Need("libusb-1.0.so.0", "libusb-1.0-0", "for open3d")]
_TEST = [
    Need("chromium", "chromium", "to test pages", ubuntu="chromium-browser"),
    Need("chromedriver", "chromium-driver", "to test pages", ubuntu="chromium-chromedriver"),
    Need("initdb", "postgresql", "to test label databases"),
]
if sys.platform != "linux":  # elsewhere Python's packages bring all that they load
    _SIMULATION, _CLOUDS = [], []
NEEDS = {
    "install": _INSTALL,
    "demo": _INSTALL + _SIMULATION,
    "bench": _INSTALL + _SIMULATION + _CLOUDS,
    "test": _INSTALL + _SIMULATION + _CLOUDS + _TEST,
}


def main(target: str) -> int:
    """Look for what a target needs, and install it or say how.

    Args:
        target: Key of `NEEDS`.

    Returns:
        Exit status: 0 if everything is there in the end, else 1.
    """
    missing = [need for need in NEEDS[target] if not need.found()]
    if not missing:
        return 0
    packages = list(dict.fromkeys(name for need in missing for name in need.packages.split()))
    told = ", ".join(f"{need.name} ({need.use})" for need in missing)
    command = f"apt-get update && {{}}apt-get install --no-install-recommends {' '.join(packages)}"
    if not shutil.which("apt-get"):
        return _stop(f"missing {told}; install what brings them on this system")
    rights = _rights()
    if rights is None or os.environ.get("ROBOPREF_NO_APT", "") not in ("", "0"):
        sudo = "sudo " if rights is None or rights else ""
        return _stop(f"missing {told}; type: {sudo}{command.format(sudo)}")
    sys.stdout.write(f"Installing {' '.join(packages)}: missing {told}\n")
    sys.stdout.flush()
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [*apt, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            sys.stderr.write(done.stdout.decode(errors="replace"))
            return _stop(f"apt-get {words[0]} failed; missing {told}")
    still = [need.name for need in missing if not need.found()]
    return _stop(f"apt-get brought {' '.join(packages)}, but {', '.join(still)} cannot be found") if still else 0


def _rights() -> list[str] | None:
    """Words before a command that make it root's, or None where a password would be needed."""
    if subprocess.run(["id", "-u"], stdout=subprocess.PIPE, check=True).stdout.strip() == b"0":
        return []
    if not shutil.which("sudo"):
        return None
    asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _distribution() -> str:
    try:
        with open("/etc/os-release", encoding="utf-8") as lines:
            names = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    except OSError:
        return ""
    return names.get("ID", "").strip("\"'")


def _stop(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    if sys.version_info < _OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"robopref needs Python 3.11 or newer, found {found}; try: make PYTHON=python3.11")
    sys.exit(main(sys.argv[1]))
