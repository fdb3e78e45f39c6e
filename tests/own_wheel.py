"""robopref as it is installed."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# By the backend itself: pip asks other languages' tools for their versions, which write into the home folder.
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def build_wheel(out: Path) -> Path:
    """A wheel in a folder, built from a copy so that the checkout stays clean."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        unwanted = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=unwanted)
        out.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, out.resolve()], cwd=copy, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    (built,) = out.glob("robopref-*.whl")
    return built
