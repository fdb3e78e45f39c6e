"""A LeRobot robot in another process: the true server, with a stand-in for the robot."""

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robopref.cameras import Cell
from robopref.errors import ConfigError, RobotError
from robopref.motion import Command
from robopref.robots import lerobot_server
from robopref.robots.arm import ArmRobot
from robopref.robots.lerobot import LerobotArm, lerobot_robot
from robopref.robots.maps import JointMap
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.safety.states import State
from tests.robots.contract import PATIENT, RobotContract
from tests.robots.test_universal_robots import NoisyCamera
from tests.waiting import until

LIMITS = Limits(
    joint_lower=(-1, -1), joint_upper=(1, 1), joint_speed=20, joint_acceleration=1000, joint_step=2,
    clamps=1000, **PATIENT,
)  # fmt: skip


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.robots.lerobot_stand_in"], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    yield process, int(process.stdout.readline())
    process.kill()
    process.communicate()


def connect(port: int) -> ArmRobot:
    return lerobot_robot(
        JointMap((-1, -1), (1, 1)), [NoisyCamera], port=port, joints=["lift", "pan"], rate=20, cell=Cell(32)
    )  # fmt: skip


class TestLerobot(RobotContract):
    limits = LIMITS

    @pytest.fixture(autouse=True)
    def _port(self, served: tuple[subprocess.Popen[str], int]) -> None:
        self.port = served[1]

    def make(self) -> ArmRobot:
        return connect(self.port)


def test_joints_are_named_ordered_and_in_radians(served: tuple[subprocess.Popen[str], int]) -> None:
    robot = connect(served[1])
    np.testing.assert_allclose(robot.reset().joints, np.radians([-20, 10]))
    robot.execute(Command(np.zeros((0, 3)), joints=np.array([0.1, 0.2])))
    np.testing.assert_allclose(robot.observe().joints, [0.1, 0.2])
    with pytest.raises(RobotError, match="failed to move: ConnectionError: Failed to sync write"):
        robot.execute(Command(np.zeros((0, 3)), joints=np.array([0.1, math.radians(175)])))
    robot.close()


def test_a_server_that_is_killed_in_motion_halts_the_robot(
    served: tuple[subprocess.Popen[str], int],
) -> None:
    guard = Guard(connect(served[1]), LIMITS)
    guard.arm("test")
    guard.begin()
    time.sleep(0.06)
    guard.observe()
    guard.execute(np.full(2, 0.1, np.float32))
    served[0].send_signal(signal.SIGKILL)
    with pytest.raises(RobotError, match="the LeRobot server is disconnected"):
        until(lambda: guard.observe() is None)
    assert guard.state is State.HALTED
    guard.close()


def test_what_does_not_fit_is_named(served: tuple[subprocess.Popen[str], int]) -> None:
    with pytest.raises(RobotError, match="no joint elbow; it has pan, lift, gripper"):
        LerobotArm(served[1], ["elbow"])
    with pytest.raises(RobotError, match="no LeRobot server on port 1"):
        LerobotArm(1, ["pan"])
    with pytest.raises(ConfigError, match="1 joints need as many actions, got 2"):
        lerobot_robot(JointMap((-1, -1), (1, 1)), [NoisyCamera], port=1, joints=["pan"])
    with pytest.raises(ConfigError, match="port must be a whole number in 1 to 65535, got 70000"):
        LerobotArm(70000, ["pan"])
    with pytest.raises(ConfigError, match="joints must be a list of names, got 'pan'"):
        LerobotArm(1, "pan")


def test_a_client_that_leaves_makes_room_for_the_next(served: tuple[subprocess.Popen[str], int]) -> None:
    for _ in range(3):
        robot = connect(served[1])
        robot.reset()
        robot.close()
    # One that does not even get a robot leaves as well.
    with pytest.raises(RobotError, match="no joint elbow"):
        LerobotArm(served[1], ["elbow"])
    connect(served[1]).close()


MAKER = """
import lerobot.robots
from tests.robots.lerobot_stand_in import StandIn
def make():
    assert lerobot.robots.NAME == "LeRobot's own"
    return StandIn()
"""


def test_the_server_finds_lerobot_and_the_module_of_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "my_arm.py").write_text(MAKER)
    (tmp_path / "lerobot").mkdir()
    (tmp_path / "lerobot" / "__init__.py").touch()
    (tmp_path / "lerobot" / "robots.py").write_text('NAME = "LeRobot\'s own"')
    process = subprocess.Popen(
        [sys.executable, Path(lerobot_server.__file__), "my_arm:make", "--port", "0"], stdout=subprocess.PIPE,
        text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("serving the robot on port ")
        robot = connect(int(said.split()[-1]))
        np.testing.assert_allclose(robot.reset().joints, np.radians([-20, 10]))
        robot.close()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["my_arm"], "robot must be module:function, got my_arm"),
        (["my_arm:make"], "cannot import my_arm:make: No module named 'my_arm'"),
        (["json:make"], "cannot import json:make: module 'json' has no attribute 'make'"),
        (["json:loads", "--port", "99999"], "port must be in 0 to 65535"),
        (["json:loads", "--deadman", "0"], "deadman in (0, 3600) s"),
    ],
)
def test_what_the_server_cannot_start_with_is_named(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        lerobot_server.main(words)
    assert complaint in capsys.readouterr().err


def test_what_answers_otherwise_is_no_lerobot_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1 << 16)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(RobotError, match=r"is no LeRobot server: b'HTTP/1\.1 400"):
            LerobotArm(listener.getsockname()[1], ["pan"])
