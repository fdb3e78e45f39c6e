"""The simulated controller in a process of its own: the client library holds the interpreter while it connects."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from robopref.robots.simulators.rtde import RtdeSimulator
from tests.robots.toy import PointRobot


class RtdeProcess:
    """Starts it, and asks it questions."""

    def __init__(self, host: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.robots.rtde_process", host], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"

    def ask(self, *words: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(words), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    @property
    def program(self) -> bool:
        return self.ask("program")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve(host: str) -> None:
    with RtdeSimulator(PointRobot, host) as simulator:
        robot = simulator.robot
        assert isinstance(robot, PointRobot)
        print("up", flush=True)
        for line in sys.stdin:
            kind, *values = json.loads(line)
            answer: Any = None
            if kind == "program":
                answer = simulator.program
            elif kind == "trail":
                answer = [point.tolist() for point in robot.trail]
            elif kind == "protective":
                simulator.protective = values[0]
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
