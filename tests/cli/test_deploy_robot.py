"""Robots that do not fit, and that every way to end lets go of the robot and ends the process."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from robopref.cli.deploy_robot import require_fit
from robopref.errors import ConfigError
from robopref.motion import Reading
from robopref.policies.observed import ObservedPolicy
from robopref.policy_shapes import PolicySpec
from robopref.robots.sim import TaskSpec
from robopref.robots.simulators.rosbridge_simulator import RosbridgeSimulator
from robopref.robots.task_robot import TaskRobot
from tests.cli import robots
from tests.cli.test_deploy import QUICK
from tests.cli.tiny import ROOT, fails

_MOST = 300.0  # s until a process that does not end has failed
_REAL = ["deploy.send=true", "+safety.frozen=30"]


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")


def custom(name: str) -> list[str]:
    return [*QUICK, "robot=custom", f"robot._target_=tests.cli.robots.{name}"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Stepping"], "the policy's actions have 4 numbers, those of robot point-dry-run 3"),
        (["Bent"], "actions mean commands of 1 tool point, but robot point takes commands of 2 tool points"),
        (["Picking", "+robot.proprio=3"], "sees 4 numbers of proprioception, robot point-dry-run reports 3"),
        (["Picking", "+robot.points=0"], "sees point clouds, robot point-dry-run reports none; give it a camera"),
        (["Picking", "+robot.points=5"], "clouds of at least 12 points, robot point-dry-run reports 5"),
        (["Picking", "+robot.width=6"], "points of 3 numbers, those of robot point-dry-run have 6"),
        (["Picking", "deploy.pace.history=2"], "the policy sees one observation, got deploy.pace.history=2"),
        (["Unspecified"], "spec of Unspecified must be a RobotSpec, got str"),
        (["Unplugged"], "there is no device"),
        (["number"], "int is no robot: it lacks reset, observe, execute, hold, stop, close, spec, actions"),
        (["Lacking"], "Lacking is no robot: it lacks reset, execute, hold, stop; see robopref.robot_protocols.Robot"),
        (["Picking", *_REAL], "armed by a person: use a terminal, or give deploy.operator=<name>"),
        (["Picking", "deploy.send=true"], "cannot be armed without limits: give safety.frozen"),
    ],
)
def test_a_robot_that_does_not_fit_is_refused_in_a_line_and_let_go(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    kind = getattr(robots, words[0])
    before = getattr(kind, "closed", 0)
    assert said in fails(capsys, "deploy", f"run={run}", *custom(words[0]), *words[1:])
    assert not (run / "deploy").exists()
    if words[0] not in ("number", "Unplugged"):
        assert kind.closed > before
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("robopref-watchdog")]
    assert not left


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"wrist": (8, 8, 3)}, "the policy sees wrist, robot point reports points, proprio; add what it lacks"),
        ({"points": (12, 6)}, r"the policy sees points of shape .P, 6., robot point reports .32, 3."),
        ({"proprio": (5,)}, r"the policy sees proprio of shape .5., robot point reports .4,."),
    ],
)
def test_a_robot_that_does_not_report_what_a_policy_of_any_parts_sees_is_refused(
    shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    guard: Any = Guarded(robots.Picking())
    with pytest.raises(ConfigError, match=said):
        require_fit(ObservedPolicy(PolicySpec(shapes, 4)), guard, 1, lambda: 12)


def test_a_policy_of_any_parts_says_how_many_observations_it_sees() -> None:
    guard: Any = Guarded(robots.Picking())
    policy = ObservedPolicy(PolicySpec({"points": (9, 3), "proprio": (4,)}, 4), history=3)
    with pytest.raises(ConfigError, match=r"the policy sees the last 3 observations, got deploy\.pace\.history=1"):
        require_fit(policy, guard, 1, lambda: 12)
    require_fit(policy, guard, 3, lambda: 12)


class Guarded:
    """As much of a guard as is asked for."""

    def __init__(self, robot: robots.Picking) -> None:
        self.robot, self.spec = robot, robot.spec

    def observe(self) -> tuple[Reading, str]:
        return self.robot.observe(), ""


def test_a_robot_that_is_not_found_is_named_with_why(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target, why in (
        ("tests.cli.no_robots.Mine", "No module named 'tests.cli.no_robots'"),
        ("tests.cli.robots.Mine", "'Mine' is importable from module 'tests.cli.robots'"),
    ):
        said = fails(capsys, "deploy", f"run={run}", *QUICK, "robot=custom", f"robot._target_={target}")
        assert target in said
        assert why in said
        assert "HYDRA" not in said


def process(run: Path, *words: str, **given: str) -> subprocess.Popen[str]:
    """The command, as a process of its own without a terminal."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **given}
    command = [sys.executable, "-m", "robopref", "deploy", f"run={run}", "device=cpu", *words]
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


@pytest.mark.slow
def test_a_process_without_an_operator_lets_go_of_a_rosbridge_robot_and_ends(run: Path) -> None:
    with RosbridgeSimulator(lambda: TaskRobot(TaskSpec("envs:robopref/RopeShaping-v0"))) as simulator:
        robot = ["robot=rosbridge", f"robot.port={simulator.port}", "robot.points=2", "robot.primitive=true",
                 "robot.longest=60", "robot.topics.proprio=/robopref/proprio", "robot.deadman=0.5"]  # fmt: skip
        command = process(run, *QUICK, *robot, "deploy.send=true", "+safety.frozen=10")
        _, said = command.communicate(timeout=_MOST)
    assert command.returncode == 1
    assert said == (
        "robopref deploy: a real robot is armed by a person: use a terminal, or give deploy.operator=<name>\n"
    )


@pytest.mark.slow
def test_a_process_ends_although_a_driver_leaves_a_thread_and_does_not_close(run: Path) -> None:
    command = process(run, *custom("Clinging"), "deploy.seconds=0.1")
    told, said = command.communicate(timeout=_MOST)
    assert command.returncode == 1
    assert "the line is dead" in told + said
    assert "ended without waiting for clinging any longer" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_an_interrupted_process_lets_go_of_the_robot_and_ends(run: Path) -> None:
    command = process(run, *custom("Picking"), PYTHONUNBUFFERED="1")
    assert command.stdout is not None
    while "Warm up" not in (line := command.stdout.readline()):
        assert line, "it ended before it was interrupted"
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=_MOST)
    assert command.returncode == 130
    assert said.count("\n") == 1
    assert "interrupted" in said
