"""A guarded robot: armed by somebody, held at a doubt, stopped at a fault."""

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest

from robopref.errors import RobotError, SafetyError
from robopref.motion import Event
from robopref.safety.clock import Clock
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.safety.states import State
from robopref.threads import start
from tests.robots.toy import LIMITS, PointRobot
from tests.safety.virtual import VirtualClock
from tests.waiting import PATIENCE, until

STAY = np.zeros(3, np.float32)
# Limits of time that a busy machine keeps to, for what is not about the watchdog.
PATIENT = dataclasses.replace(LIMITS, age=PATIENCE, frozen=PATIENCE, hold_after=PATIENCE, stop_after=2 * PATIENCE)


def guarded(
    robot: PointRobot, limits: Limits = PATIENT, *, run: bool = True, clock: Clock | None = None
) -> tuple[Guard, list[Event]]:
    events: list[Event] = []
    guard = Guard(robot, limits, clock=clock, notify=events.append)
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
    virtual = VirtualClock()
    robot = PointRobot(clock=virtual.clock)
    guard, events = guarded(robot, LIMITS, clock=virtual.clock)
    virtual.watch(guard._watchdog.check)
    guard.execute(STAY)
    begun = virtual.now
    virtual.sleep(0.6)
    (held,), (stopped,) = robot.named("hold"), robot.named("stop")
    assert LIMITS.hold_after <= held - begun <= LIMITS.hold_after + 0.03
    assert LIMITS.stop_after <= stopped - begun <= LIMITS.stop_after + 0.03
    assert guard.state is State.HALTED
    assert guard.cause.startswith("no command for 0.3")
    assert [event.kind for event in events[-2:]] == ["held", "halted"]
    assert [event.time for event in events[-2:]] == pytest.approx([held, stopped], abs=1e-9)
    guard.close()


def test_nothing_goes_by_another_clock_than_the_one_given() -> None:
    now = [5.0]
    robot = PointRobot(clock=lambda: now[0])
    guard, events = guarded(
        robot, dataclasses.replace(LIMITS, hold_after=0.06, stop_after=0.08), clock=Clock(lambda: now[0])
    )
    guard.execute(STAY)
    threading.Event().wait(0.1)  # the machine's clock goes on
    assert (guard.state, robot.named("hold")) == (State.RUNNING, [])
    assert {event.time for event in events} == {5.0}
    now[0] += 0.5
    until(lambda: guard.state is State.HALTED)
    guard.close()


def test_a_robot_whose_hold_hangs_is_stopped() -> None:
    robot, release = PointRobot(), threading.Event()
    robot.hold = lambda: release.wait(PATIENCE)  # type: ignore[method-assign,assignment,return-value]
    guard, _ = guarded(robot, LIMITS)
    until(lambda: bool(robot.named("stop")))
    assert guard.state is State.HALTED
    release.set()
    until(lambda: len(robot.named("stop")) > 1)  # what came after the stop is undone
    guard.close()


def test_a_hold_that_hangs_lets_the_loop_go_on_once_the_robot_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robopref.safety.guard._STOPPING", PATIENCE)  # the watchdog comes first
    robot, release = PointRobot(), threading.Event()
    robot.hold = lambda: release.wait(PATIENCE)  # type: ignore[method-assign,assignment,return-value]
    guard, _ = guarded(robot, LIMITS)
    guard.hold("waiting")
    assert guard.state is State.HALTED
    until(lambda: bool(robot.named("stop")))
    guard.hold("a halted robot is not told to hold")
    release.set()
    guard.close()


def test_a_hold_that_hangs_at_the_end_halts() -> None:
    robot, release = PointRobot(), threading.Event()
    guard, _ = guarded(robot, LIMITS, clock=Clock(lambda: 0.0))  # by which the watchdog never comes
    robot.hold = lambda: release.wait(PATIENCE)  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(RobotError, match=r"failed to hold: TimeoutError: it has not held after 1\.3 s"):
        guard.end("done")
    assert guard.state is State.HALTED
    release.set()
    guard.close()


def test_a_stop_that_hangs_is_told_of_and_does_not_hang_the_rest() -> None:
    robot, release = PointRobot(), threading.Event()
    robot.stop = lambda: release.wait(PATIENCE)  # type: ignore[method-assign,assignment,return-value]
    guard, events = guarded(robot)
    guard.halt("test")
    assert [event.kind for event in events[-2:]] == ["stop failed", "halted"]
    assert "has not come back after 1 s" in events[-2].cause
    release.set()
    guard.close()


def test_a_stop_between_verdict_and_command_lets_nothing_through() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    judge = guard.filter.admit

    def admit(command: Any, now: float) -> Any:
        verdict = judge(command, now)
        threading.Thread(target=guard.halt, args=("stopped by the operator",)).start()
        return verdict

    guard.filter.admit = admit  # type: ignore[method-assign]
    before = guard._running
    asked: list[int] = []

    def running() -> None:
        asked.append(1)
        if len(asked) == 3:  # the verdict is there, and the command not yet sent
            until(lambda: bool(robot.named("stop")))
        before()

    guard._running = running  # type: ignore[method-assign]
    with pytest.raises(SafetyError, match="halted: stopped by the operator"):
        guard.execute(STAY)
    assert robot.named("execute") == []
    guard.close()


def test_a_command_that_is_being_sent_is_followed_by_the_stop() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    inside, release = threading.Event(), threading.Event()
    robot._stopped.is_set = lambda: False  # type: ignore[method-assign]  a driver that forgets that it was stopped

    def fault(name: str) -> None:
        if name == "execute":
            inside.set()
            assert release.wait(PATIENCE)

    robot.fault = fault
    sending = threading.Thread(target=guard.execute, args=(STAY,))
    sending.start()
    assert inside.wait(PATIENCE)
    guard.halt("test")  # it does not wait for the driver
    assert [name for name, _ in robot.calls][-1] == "stop"
    release.set()
    sending.join(PATIENCE)
    assert [name for name, _ in robot.calls][-2:] == ["execute", "stop"]
    guard.close()


def test_a_reset_that_undoes_a_stop_is_followed_by_another() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot, run=False)
    guard.arm("ann")
    reset = robot.reset

    def slow(*, seed: int | None = None) -> Any:
        guard.halt("stopped by the operator")
        return reset(seed=seed)

    robot.reset = slow  # type: ignore[method-assign]
    with pytest.raises(SafetyError, match="halted: stopped by the operator"):
        guard.begin()
    assert [name for name, _ in robot.calls] == ["stop", "reset", "stop"]
    assert robot._stopped.is_set()
    guard.close()


def test_an_execute_that_hangs_is_stopped_from_another_thread() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)

    def hang(name: str) -> None:
        if name == "execute":
            guard._watchdog.hold_after, guard._watchdog.stop_after = 0.1, 0.3
            until(lambda: bool(robot.named("stop")))

    robot.fault = hang
    with pytest.raises(RobotError, match="the point is stopped"):
        guard.execute(STAY)
    assert guard.cause.startswith("no command for")
    assert robot.trail == []
    guard.close()


def test_force_halts_without_any_command() -> None:
    robot = PointRobot()
    robot.change = lambda reading: dataclasses.replace(reading, wrench=np.array([0, 0, 50.0, 0, 0, 0]))
    guard, _ = guarded(robot, dataclasses.replace(PATIENT, force=30.0))
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


def test_a_stop_that_fails_is_tried_again() -> None:
    robot = PointRobot()
    guard, events = guarded(robot)
    stop, left = robot.stop, [RobotError("the line is busy")] * 2

    def busy() -> None:
        if left:
            raise left.pop()
        stop()

    robot.stop = busy  # type: ignore[method-assign]
    guard.halt("a test")
    assert robot.named("stop")
    assert "stop failed" not in [event.kind for event in events]
    guard.close()


def test_a_stop_is_not_tried_again_after_a_reset() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    calls = list[str]()

    def failing() -> None:
        calls.append("stop")
        guard.reset("ann")
        raise RobotError("the line is cut")

    robot.stop = failing  # type: ignore[method-assign]
    guard.halt("a test")
    assert calls == ["stop"]
    assert guard.state is State.DISARMED
    guard.close()


def test_a_robot_is_stopped_although_there_can_be_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)

    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    guard.halt("a test")
    assert robot.named("stop")
    monkeypatch.undo()
    guard.close()


@pytest.mark.parametrize("which", ["to_command", "to_actions"])
def test_a_map_of_actions_that_hangs_does_not_keep_a_stop_from_happening(which: str) -> None:
    robot, entered, left = PointRobot(), threading.Event(), threading.Event()
    guard, _ = guarded(robot)

    def hang(*_: Any) -> Any:
        entered.set()
        left.wait()

    setattr(robot.actions, which, hang)
    executing = start("test-execute", guard.execute, STAY)
    assert entered.wait(PATIENCE)
    halting = start("test-halt", guard.halt, "a test")
    halting.result(PATIENCE)
    assert robot.named("stop")
    left.set()
    assert isinstance(executing.exception(PATIENCE), SafetyError)
    assert robot.trail == []
    guard.close()


def test_a_map_of_actions_that_fails_stops_the_robot() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    robot.actions.to_command = lambda *_: 1 / 0  # type: ignore[assignment, method-assign]
    with pytest.raises(RobotError, match="failed to understand an action: ZeroDivisionError"):
        guard.execute(STAY)
    assert guard.state is State.HALTED
    assert robot.named("stop")
    guard.close()


@pytest.mark.parametrize(("real", "name"), [(True, "hold_after=0.1"), (False, "stop_after=0.3")])
def test_a_watchdog_that_would_not_wait_for_the_next_command_is_refused(real: bool, name: str) -> None:
    with pytest.raises(SafetyError, match=f"safety.{name} s has to be longer than the 2 s between commands"):
        Guard(PointRobot(rate=0.5, real=real), LIMITS)
    slow = dataclasses.replace(LIMITS, hold_after=2.5, stop_after=5.0)
    Guard(PointRobot(rate=0.5, real=real), slow).close()


def test_stops_of_two_at_once_leave_one_cause() -> None:
    robot = PointRobot()
    guard, events = guarded(robot)
    together = threading.Barrier(2)

    def press(cause: str) -> None:
        together.wait(PATIENCE)
        guard.halt(cause)

    for one in [start(f"test-{cause}", press, cause) for cause in ("left", "right")]:
        one.result(PATIENCE)
    told = [event.cause for event in events if event.kind == "halted"]
    assert told == [guard.cause]
    assert len(robot.named("stop")) == 2
    guard.close()


def test_a_robot_that_fails_to_close_is_named_in_a_line() -> None:
    robot = PointRobot()
    guard, _ = guarded(robot)
    robot.close = lambda: {}["port"]  # type: ignore[method-assign, assignment]
    with pytest.raises(RobotError, match="robot point failed to close: KeyError: 'port'"):
        guard.close()
