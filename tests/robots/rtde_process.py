"""The simulated controller in a process of its own: the client library holds the interpreter while it connects."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from robopref.robots.simulators.rtde import RtdeSimulator


def loopback(number: int) -> str:
    """A loopback address of this process alone, for the ports of the protocols are fixed: number 0, 1 or 2 of it."""
    pid = os.getpid()
    return f"127.{64 * number + 1 + (pid >> 16) % 63}.{pid >> 8 & 255}.{pid & 255}"


class RtdeProcess:
    """Starts it, and asks it questions."""

    def __init__(self, host: str, robot: str = "tests.robots.toy:PointRobot") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.robots.rtde_process", host, robot], text=True, cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"

    def ask(self, *words: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(words), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def program(self) -> bool:
        return self.ask("program")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve(host: str, robot: str) -> None:
    module, _, name = robot.partition(":")
    with RtdeSimulator(getattr(importlib.import_module(module), name), host) as simulator:
        served = simulator.robot
        assert served is not None
        print("up", flush=True)
        for line in sys.stdin:
            kind, *values = json.loads(line)
            answer: Any = None
            if kind == "program":
                answer = simulator.program
            elif kind == "stream":
                answer = [pose.tolist() for pose in list(simulator.stream)]
                simulator.stream.clear()
            elif kind == "fed":
                answer = simulator._fed
            elif kind == "deadman":
                answer = simulator._deadman
                simulator._deadman = values[0]
            elif kind == "progress":
                answer = served.observe().progress
            elif kind == "protective":
                simulator.protective = values[0]
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
