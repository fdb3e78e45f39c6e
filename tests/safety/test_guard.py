"""A guarded robot: armed by somebody, held at a doubt, stopped at a fault."""

import dataclasses
import time
from typing import Any

import numpy as np
import pytest

from robopref.errors import RobotError, SafetyError
from robopref.motion import Event
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.safety.states import State
from tests.robots.toy import LIMITS, PointRobot

STAY = np.zeros(3, np.float32)


def guarded(robot: PointRobot, limits: Limits = LIMITS, *, run: bool = True) -> tuple[Guard, list[Event]]:
    events: list[Event] = []
    guard = Guard(robot, limits, notify=events.append)
    if run:
        guard.arm("ann")
        guard.begin(seed=0)
    return guard, events


def test_a_real_robot_without_limits_or_a_deadman_is_refused() -> None:
    with pytest.raises(SafetyError, match=r"give safety.age, .*safety.jerk"):
        Guard(PointRobot(real=True), Limits())
    robot = PointRobot(real=True)
    robot.spec = dataclasses.replace(robot.spec, deadman=None)
    with pytest.raises(SafetyError, match="a killed process would leave it moving"):
        Guard(robot, LIMITS)


def test_nothing_moves_before_somebody_arms_the_robot() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot, run=False)
    for act in (guard.begin, lambda: guard.execute(STAY), lambda: guard.arm(" ")):
        with pytest.raises(SafetyError):
            act()
    assert robot.calls == []
    guard.arm("ann")
    with pytest.raises(SafetyError, match="armed"):
        guard.execute(STAY)
    guard.begin(seed=0)
    assert guard.execute(STAY)[0].command is not None
    guard.close()


@pytest.mark.parametrize(
    "action", [None, "go", [0, 0, 0], np.zeros(2), np.zeros(3, int), np.full(3, np.nan), np.array([0, 0, 1.1])]
)
def test_what_is_no_action_holds_the_robot(action: Any) -> None:
    robot = PointRobot()
    guard, events = guarded(robot)
    verdict, executed = guard.execute(action)
    assert executed is None
    assert "an action must be 3 numbers in [-1, 1]" in verdict.refused
    assert robot.trail == []
    assert robot.named("hold")
    assert events[-1].kind == "held"
    guard.close()


@pytest.mark.parametrize("call", ["observe", "execute"])
def test_a_robot_that_fails_is_stopped_and_the_cause_kept(call: str) -> None:
    robot = PointRobot()
    guard, events = guarded(robot)

    def fail(name: str) -> None:
        if name == call:
            raise ConnectionResetError("cable pulled")

    robot.fault = fail
    with pytest.raises(RobotError, match="cable pulled"):
        guard.observe() if call == "observe" else guard.execute(STAY)
    assert robot.named("stop")
    assert guard.state is State.HALTED
    assert f"failed to {call}: ConnectionResetError: cable pulled" in guard.cause
    assert events[-1].kind == "halted"
    with pytest.raises(SafetyError, match="cable pulled"):
        guard.execute(STAY)
    with pytest.raises(SafetyError):
        guard.arm("ann")
    guard.reset("ann")
    guard.arm("ann")
    robot.fault = lambda name: None
    guard.begin(seed=1)
    assert guard.execute(STAY)[0].command is not None
    guard.close()


def test_a_robot_that_cannot_even_be_stopped_is_told_of() -> None:
    robot = PointRobot()
    guard, events = guarded(robot)
    robot.stop = lambda: 1 / 0  # type: ignore[method-assign]
    guard.halt("test")
    assert [event.kind for event in events[-2:]] == ["stop failed", "halted"]
    assert guard.state is State.HALTED
    guard.close()


def test_a_loop_that_falls_silent_is_held_then_stopped_in_time() -> None:
    robot = PointRobot()
    guard, events = guarded(robot)
    guard.execute(STAY)
    begun = time.monotonic()
    time.sleep(0.6)
    (held,), (stopped,) = robot.named("hold"), robot.named("stop")
    assert LIMITS.hold_after <= held - begun + 0.01
    assert LIMITS.stop_after <= stopped - begun + 0.01
    assert held < stopped
    assert guard.state is State.HALTED
    assert guard.cause.startswith("no command for 0.3")
    assert [event.kind for event in events[-2:]] == ["held", "halted"]
    guard.close()


def test_an_execute_that_hangs_is_stopped_from_another_thread() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    robot.fault = lambda name: time.sleep(0.6) if name == "execute" else None
    begun = time.monotonic()
    with pytest.raises(RobotError, match="the point is stopped"):
        guard.execute(STAY)
    assert robot.named("stop")[0] - begun < 0.6
    assert guard.cause.startswith("no command for")
    assert robot.trail == []
    guard.close()


def test_force_halts_without_any_command() -> None:
    robot = PointRobot()
    robot.change = lambda reading: dataclasses.replace(reading, wrench=np.array([0, 0, 50.0, 0, 0, 0]))
    guard, _ = guarded(robot, dataclasses.replace(LIMITS, force=30.0))
    guard.observe()
    assert guard.state is State.HALTED
    assert "force of 50.0 N" in guard.cause
    guard.close()


def test_an_observer_that_fails_does_not_keep_a_halt_from_happening() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    guard.notify = lambda event: 1 / 0  # type: ignore[assignment,return-value]
    guard.halt("test")
    assert robot.named("stop")
    assert guard.state is State.HALTED
    guard.close()
