"""Environments of other projects' own libraries, which read what is written here and write what is read here."""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.own_wheel import build_wheel

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PLACE = ROOT / "build" / "interop"
_UNREACHABLE = re.compile(r"from versions: none|[Cc]onnection|[Cc]ould not resolve host|[Nn]ame resolution|timed out")


@dataclass(frozen=True)
class PeerEnvironment:
    """A virtual environment with what a requirement file lists, and beneath it what robopref is installed with.

    What a file lists is installed without what that asks for, as the peers' wishes contradict each other and those of
    robopref; so a file lists all that is needed.

    Attributes:
        name: Of the requirement file.
    """

    name: str

    @property
    def path(self) -> Path:
        return PLACE / self.name

    @property
    def python(self) -> Path:
        return self.path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def make(self) -> str:
        """Install what is not installed.

        Returns:
            Why nothing can be reached to install it from; empty if it is installed.
        """
        wanted = self._wanted()
        stamp = hashlib.sha256(f"{sys.version} {sysconfig.get_path('purelib')} {wanted}".encode()).hexdigest()
        mark = self.path / "installed"
        if mark.exists() and mark.read_text() == stamp:
            return ""
        # pip keeps the wheels that it builds, and runs rustc, which writes into a home folder.
        home = {**os.environ, "HOME": str(PLACE / "home")}
        (PLACE / "home").mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.path], check=True, env=home)
        listed = self.path / "requirements.txt"
        listed.write_text(wanted)
        pip = [self.python, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps", "-r", listed]
        done = subprocess.run(pip, capture_output=True, text=True, check=False, env=home)
        if done.returncode:
            said = [line.strip() for line in done.stderr.splitlines() if not line.startswith("WARNING")]
            if unreachable := next((line for line in said if _UNREACHABLE.search(line)), ""):
                return f"{self.name} cannot be installed: {unreachable[:400]}"
            pytest.fail(f"{self.name} cannot be installed:\n" + "\n".join(said), pytrace=False)
        self._borrow()
        mark.write_text(stamp)
        return ""

    def install_robopref(self) -> None:
        """Install robopref itself from its wheel, for what is to run beside a library in one process."""
        with tempfile.TemporaryDirectory() as folder:
            pip = [self.python, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps"]
            wheel = build_wheel(Path(folder))
            home = {**os.environ, "HOME": str(PLACE / "home")}
            subprocess.run([*pip, "--force-reinstall", wheel], check=True, env=home)

    def run(self, reader: str, *words: object) -> None:
        """Run a script of ``readers`` there, without a way to anything but files."""
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(self.path / "huggingface")}
        done = subprocess.run(
            [self.python, HERE / "readers" / reader, *map(str, words)],
            capture_output=True, text=True, check=False, env={**os.environ, **offline},
        )  # fmt: skip
        assert done.returncode == 0, f"{reader} {' '.join(map(str, words))}:\n{done.stderr[-4000:]}"

    def _wanted(self) -> str:
        """The requirements, a checkout in the place of what is downloaded if a variable names one."""
        wanted = (HERE / "requirements" / f"{self.name}.txt").read_text(encoding="utf-8")
        checkout = os.environ.get(self.name.upper())
        if checkout is None:
            return wanted
        return re.sub(r"^.* @ git.*$", Path(checkout).resolve().as_uri(), wanted, flags=re.MULTILINE)

    def _borrow(self) -> None:
        own = subprocess.run(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        line = f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
        (Path(own.stdout.strip()) / "borrowed.pth").write_text(line)
