"""A robot in a process of its own, and what happens when that process dies, hangs or was never possible."""

import dataclasses
import functools
import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from robopref.errors import ConfigError, RobotError
from robopref.robots.process import ProcessRobot
from robopref.safety.guard import Guard
from robopref.safety.states import State
from tests.robots.contract import PATIENT, RobotContract
from tests.robots.toy import LIMITS, PointRobot
from tests.waiting import PATIENCE, until

UNWATCHED = dataclasses.replace(LIMITS, **PATIENT, clamps=1000)


class TestProcessRobot(RobotContract):
    limits = dataclasses.replace(LIMITS, clamps=1000, age=0.5, hold_after=1.0, stop_after=2.0)

    def make(self) -> ProcessRobot:
        return ProcessRobot(functools.partial(PointRobot, real=True), answer=PATIENCE)


class Hanging(PointRobot):
    """Does not answer any more after a command."""

    def execute(self, command: object) -> None:
        time.sleep(PATIENCE)


def broken() -> PointRobot:
    raise ValueError("no such arm")


def in_motion(make: Callable[[], object], answer: float = PATIENCE) -> tuple[ProcessRobot, Guard]:
    robot = ProcessRobot(make, answer=answer)  # type: ignore[arg-type]
    guard = Guard(robot, UNWATCHED)
    guard.arm("test")
    guard.begin()
    time.sleep(robot.spec.period)
    guard.observe()
    return robot, guard


def test_a_killed_driver_halts_the_robot_and_a_reset_starts_it_again() -> None:
    robot, guard = in_motion(PointRobot)
    guard.execute(np.full(3, 0.1, np.float32))
    assert robot.pid is not None
    os.kill(robot.pid, signal.SIGKILL)
    with pytest.raises(RobotError, match="its process ended by SIGKILL"):  # it is seen, and not only missed
        until(lambda: guard.observe() is None)
    assert guard.state is State.HALTED
    assert "the driver is disconnected: its process ended by SIGKILL" in guard.cause
    guard.reset("test")
    guard.arm("test")
    np.testing.assert_allclose(guard.begin().tool, [0, 0, 0.1])
    guard.close()


@pytest.mark.slow
def test_a_driver_that_hangs_is_halted_by_the_watchdog() -> None:
    _, guard = in_motion(Hanging, answer=5.0)
    guard._watchdog.hold_after, guard._watchdog.stop_after = 0.25, 0.6  # before the process is given up
    failure = list[Exception]()

    def execute() -> None:
        try:
            guard.execute(np.full(3, 0.1, np.float32))
        except RobotError as error:
            failure.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    until(lambda: guard.state is State.HALTED)
    assert "no command for" in guard.cause
    thread.join()
    assert "does not answer within 5 s" in str(failure[0])
    guard.close()


def test_what_cannot_be_made_is_named() -> None:
    with pytest.raises(RobotError, match="ValueError: no such arm"):
        ProcessRobot(broken)
    with pytest.raises(ConfigError, match="cannot be sent to its process"):
        ProcessRobot(lambda: PointRobot(rate=10))
