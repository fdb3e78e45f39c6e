"""An environment with Meta-World, its MuJoCo and robopref's own wheel, in which a benchmark runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from robopref.errors import ConfigError
from tests.interop.environments import ROOT, PeerEnvironment

# The wheel that is installed goes before the checkout, which holds the benchmarks.
_START = "import runpy, sys; sys.path.append({root!r}); sys.argv = ['benchmarks.metaworld', *sys.argv[1:]]; " + (
    "runpy.run_module('benchmarks.metaworld', run_name='__main__', alter_sys=True)"
)


def run_there(words: Sequence[str]) -> None:
    """Run the benchmark with the Python that METAWORLD names, or in an environment that is made for it.

    Raises:
        ConfigError: Nothing can be reached to install it from, or there is no such Python.
    """
    named = os.environ.get("METAWORLD")
    if named is None:
        peer = PeerEnvironment("metaworld")
        if unreachable := peer.make():
            raise ConfigError(f"{unreachable}; METAWORLD=<python of an environment that has it> takes another")
        peer.install_robopref()
        named = str(peer.python)
    if not Path(named).is_file():
        raise ConfigError(f"METAWORLD={named} is no Python; name that of an environment with metaworld and robopref")
    done = subprocess.run([named, "-P", "-c", _START.format(root=str(ROOT)), *words], check=False)
    sys.exit(done.returncode)
