"""What goes wrong on a robot: it is held or stopped in time, and the cause is named."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from robopref.motion import Reading
from robopref.safety.clock import Clock
from robopref.safety.limits import Limits
from robopref.safety.states import State
from tests.robots.toy import LIMITS
from tests.runtime.parts import Bench

SLACK = 0.03  # s of a virtual clock's steps; `make bench-safety` measures in real time
QUICK = dataclasses.replace(LIMITS, age=0.3, frozen=0.4, clamps=20, hold_after=0.25, stop_after=0.5)


def provoke(
    fault: Any, *, after: float = 0.3, seconds: float = 2.0, limits: Limits = QUICK, real: bool = False
) -> tuple[Bench, Any, float]:
    """Let a robot run, and break something; says when."""
    one = Bench(limits=limits, real=real)
    begun, when = one.clock(), list[float]()

    def due() -> bool:
        if not one.robot.named("execute") or one.clock() - begun < after:
            return False
        when.append(one.clock())
        return True

    fault(one, due)
    tally = one.run(seconds=seconds)
    one.close()
    return one, tally, when[0]


def moving_after(one: Bench, when: float) -> float:
    """Seconds for which the robot was neither held nor stopped after a time."""
    before = [name for name, time in one.robot.calls if time <= when]
    if before[-1] in ("hold", "stop"):
        return 0.0
    return min(t for t in one.robot.named("hold") + one.robot.named("stop") if t > when) - when


def camera_freezes(one: Bench, due: Any) -> None:
    kept: list[Reading] = []

    def change(reading: Reading) -> Reading:
        if due():
            kept.append(reading)
            return dataclasses.replace(reading, observation=kept[0].observation)
        return reading

    one.robot.change = change


def packets_are_lost(one: Bench, due: Any) -> None:
    kept: list[Reading] = []

    def change(reading: Reading) -> Reading:
        if due():
            return kept[-1]
        kept.append(reading)
        return reading

    one.robot.change = change


def clock_jumps(seconds: float) -> Any:
    def fault(one: Bench, due: Any) -> None:
        one.robot.change = lambda r: dataclasses.replace(r, time=r.time + seconds) if due() else r

    return fault


def own_clock_jumps(seconds: float) -> Any:
    def fault(one: Bench, due: Any) -> None:
        one.guard.clock = Clock(lambda: one.clock() + (seconds if due() else 0.0), one.clock.sleep)

    return fault


def stalls(call: str) -> Any:
    def fault(one: Bench, due: Any) -> None:
        once: list[int] = []

        def stall(name: str) -> None:
            if name == call and due() and not once:
                once.append(1)
                one.clock.sleep(1.0)

        one.robot.fault = stall

    return fault


def disconnects(call: str) -> Any:
    def fault(one: Bench, due: Any) -> None:
        def fail(name: str) -> None:
            if name == call and due():
                raise ConnectionResetError("connection lost")

        one.robot.fault = fail

    return fault


def policy_fails(one: Bench, due: Any) -> None:
    sample = one.policy.sample

    def failing(*args: Any, **options: Any) -> Any:
        if due():
            raise ValueError("weights are gone")
        return sample(*args, **options)

    one.policy.sample = failing


def policy_stalls(one: Bench, due: Any) -> None:
    sample = one.policy.sample

    def stalling(*args: Any, **options: Any) -> Any:
        if due():
            one.clock.sleep(1.0)
        return sample(*args, **options)

    one.policy.sample = stalling


def policy_goes_nan(one: Bench, due: Any) -> None:
    sample = one.policy.sample
    one.policy.sample = lambda *args, **options: sample(*args, **options) * (float("nan") if due() else 1.0)


def reward_goes_nan(one: Bench, due: Any) -> None:
    score = one.scorer.score

    def scoring(*args: Any, **options: Any) -> Any:
        one.scorer.value = float("nan") if due() else 1.0
        return score(*args, **options)

    one.scorer.score = scoring


def subscriber_fails(one: Bench, due: Any) -> None:
    def full(step: Any) -> None:
        if due():
            raise OSError(28, "No space left on device")

    one.witness.on_step = full


FAULTS: list[tuple[Any, str, bool]] = [
    (camera_freezes, "the cloud has been the same", True),
    (packets_are_lost, "s old, the limit is", True),
    (clock_jumps(5.0), "in the future", True),
    (clock_jumps(-5.0), "wrong order", True),
    (own_clock_jumps(5.0), "s old, the limit is", True),
    (own_clock_jumps(-5.0), "the clock went backwards", True),
    (stalls("observe"), "no command for 0.", True),
    (stalls("execute"), "no command for 0.", True),
    (disconnects("observe"), "failed to observe: ConnectionResetError: connection lost", True),
    (disconnects("execute"), "failed to execute: ConnectionResetError: connection lost", True),
    (policy_fails, "weights are gone", True),
    (policy_goes_nan, "not finite", True),
    (reward_goes_nan, "refusing to choose", True),
    (subscriber_fails, "No space left", True),
    (policy_stalls, "waiting for a plan", False),
]


@pytest.mark.parametrize(("fault", "cause", "halts"), FAULTS, ids=[str(cause) for _, cause, _ in FAULTS])
def test_a_fault_holds_or_stops_the_robot_in_time_and_is_named(fault: Any, cause: str, halts: bool) -> None:
    one, tally, when = provoke(fault)
    assert tally.commands > 0
    told = [event.cause for event in one.witness.events] + [tally.cause]
    assert any(cause in text for text in told), told
    assert tally.halted is halts
    assert (one.guard.state is State.HALTED) is halts
    # A frozen camera is one only after a while; everything else shows at the next command.
    patience = QUICK.frozen if fault is camera_freezes else QUICK.age if fault is packets_are_lost else 0.0
    assert moving_after(one, when) <= patience + QUICK.stop_after + SLACK + (0.1 if fault is policy_stalls else 0.0)
    if halts:
        stopped = min(one.robot.named("stop"))
        assert not [t for t in one.robot.named("execute") if t > stopped]
    assert one.witness.ends == [tally.cause]


def test_after_a_halt_and_a_reset_the_next_episode_runs() -> None:
    one, tally, _ = provoke(packets_are_lost)
    assert tally.halted
    one.robot.change = lambda reading: reading
    one.guard.reset("ann")
    assert np.isfinite(one.guard.filter.limits.age)
    one.robot._closed = False
    one.guard.arm("ann")
    assert one.go(seed=1, commands=3).cause == "3 commands"


def test_a_reading_that_cannot_be_trusted_ends_no_episode_with_a_success() -> None:
    one = Bench()
    one.robot.change = lambda reading: dataclasses.replace(reading, time=reading.time + 9, success=True, ended=True)
    tally = one.run(commands=3)
    assert tally.halted
    assert not tally.success
    assert "in the future" in tally.cause
    one.close()
