"""How a peer that was written for one device is read for another."""

import importlib
import sys
from pathlib import Path

from benchmarks.peers.tdmpc2 import on_a_processor


def test_modules_are_read_for_a_processor_and_nothing_stays_behind(tmp_path: Path) -> None:
    package = tmp_path / "peer_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "agent.py").write_text('DEVICE, OPTIONS = "cuda:0", dict(capturable=True)\n')
    hooks, path = list(sys.path_hooks), list(sys.path)
    with on_a_processor(tmp_path):
        agent = importlib.import_module("peer_of_a_test.agent")
    assert (agent.DEVICE, agent.OPTIONS) == ("cpu", {"capturable": False})
    assert (sys.path_hooks, sys.path) == (hooks, path)
    assert '"cuda:0"' in (package / "agent.py").read_text()
    assert not list(tmp_path.rglob("*.pyc"))
