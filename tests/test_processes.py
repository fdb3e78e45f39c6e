"""Processes that work for another one, and what becomes of them when it is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import until


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    told = Path(f"/proc/{pid}/stat")  # what has ended may stay in the list until somebody asks for its status
    return not (told.exists() and told.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.parametrize("call", ["time.sleep, 100", "os.getpid"], ids=["at work", "idle"])
def test_workers_end_when_their_parent_is_killed(call: str) -> None:
    started = (
        "import os, sys, time\n"
        "from robopref.processes import process_pool\n"
        "pool = process_pool(2)\n"
        f"waiting = [pool.submit({call}) for _ in range(2)]\n"
        "print(*pool._processes, flush=True)\n"
        "time.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", started], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(0.5)  # in which they begin to work
        assert [_alive(pid) for pid in workers] == [True, True]
        parent.send_signal(signal.SIGKILL)
    try:
        until(lambda: not any(map(_alive, workers)))
    finally:
        for pid in filter(_alive, workers):
            os.kill(pid, signal.SIGKILL)
