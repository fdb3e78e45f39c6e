"""The filter over time: what it makes of readings, and when it has enough."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from robopref.motion import Command, Reading, RobotSpec
from robopref.robots.maps import AnchorMap, StepMap
from robopref.safety.filter import SafetyFilter
from robopref.safety.limits import Box, Limits
from robopref.types import Observation
from tests.geometry import pick_and_place
from tests.robots.toy import LIMITS
from tests.safety.attack import attack

POINT = RobotSpec("point", 20.0)
HOME = np.array([0.0, 0.0, 0.1])


def read(number: int, time: float, tool: Any = HOME, **change: Any) -> Reading:
    cloud = np.full((3, 3), number, np.float32) / 1000
    return dataclasses.replace(Reading(Observation(cloud, np.zeros(4, np.float32)), time, tool, number), **change)


def fresh(limits: Limits = LIMITS, spec: RobotSpec = POINT) -> SafetyFilter:
    made = SafetyFilter(limits, spec)
    assert made.read(read(0, 10.0), 10.0) == ""
    return made


def test_nothing_that_breaks_a_limit_gets_past_an_attack() -> None:
    with np.errstate(all="ignore"):
        found = attack(0, 2000)
    assert not {name: count for name, count in found.items() if name.startswith("broken")}
    assert min(found["passed"], found["clamped"], found["refused"], found["halted"]) > 10


def test_the_same_inputs_give_the_same_verdicts() -> None:
    with np.errstate(all="ignore"):
        assert attack(5, 300) == attack(5, 300)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (None, "must be a Command, got NoneType"),
        (Command([[0, 0, 0.1]]), "float32 or float64, got list"),  # type: ignore[arg-type]
        (Command(np.zeros((1, 3), int)), "float32 or float64, got int64"),
        (Command(np.zeros((1, 3), np.float16)), "float32 or float64, got float16"),
        (Command(np.zeros(3)), "must have shape (1, 3), got (3,)"),
        (Command(np.zeros((2, 3))), "must have shape (1, 3), got (2, 3)"),
        (Command(np.zeros((1, 3)), joints=np.zeros(6)), "takes no joints"),
        (Command(np.array([[np.nan, 0, 0]])), "not finite"),
        (Command(np.array([[np.inf, 0, 0]])), "not finite"),
        (Command(np.array([[1e300, 0, 0]])), "not finite"),
    ],
)
def test_what_is_no_command_is_refused_by_name(command: Any, reason: str) -> None:
    verdict = fresh().admit(command, 10.0)
    assert verdict.command is None
    assert reason in verdict.refused


@pytest.mark.parametrize(
    ("reading", "now", "reason"),
    [
        (None, 10.1, "must be a Reading"),
        (read(1, 9.9), 10.1, "wrong order"),
        (read(-1, 10.1), 10.1, "wrong order"),
        (read(1, 10.1), 10.4, "0.300 s old"),
        (read(1, 11.0), 10.1, "0.900 s in the future"),
        (read(1, float("nan")), 10.1, "time of a reading is not finite"),
        (read(1, 10.1, np.array([0, np.nan, 0])), 10.1, "tool of a reading is not finite"),
        (read(1, 10.1, np.zeros(2)), 10.1, "tool of a reading must have shape (3,)"),
        (read(1, 10.1, observation=Observation(np.full((3, 3), np.inf), np.zeros(4))), 10.1, "points of a reading"),
    ],
)
def test_a_reading_that_cannot_be_trusted_lets_no_command_through(reading: Any, now: float, reason: str) -> None:
    made = fresh()
    assert reason in made.read(reading, now)
    verdict = made.admit(Command(HOME[None]), now)
    assert verdict.command is None
    assert reason in verdict.refused
    # Nothing is let through before there is a good one again.
    assert made.read(read(2, now, sequence=2), now) == ""
    assert made.admit(Command(HOME[None]), now).command is not None


def test_an_observation_that_grows_old_is_noticed_without_a_new_one() -> None:
    made = fresh()
    assert made.admit(Command(HOME[None]), 10.19).command is not None
    assert "0.250 s old" in made.admit(Command(HOME[None]), 10.25).refused


def test_a_frozen_camera_is_noticed() -> None:
    made = fresh()
    for number in range(1, 12):
        same = read(number, 10 + 0.05 * number, observation=read(0, 0).observation)
        distrust = made.read(same, same.time)
        assert bool(distrust) == (number == 11), number
    assert "the same for 0.550 s" in distrust


def test_a_clock_that_goes_back_halts() -> None:
    made = fresh()
    assert made.admit(Command(HOME[None]), 9.0).halt
    verdict = made.admit(Command(HOME[None]), 10.1)
    assert verdict.halt
    assert verdict.refused == "the clock went backwards"
    made.forget()
    assert made.read(read(0, 5.0), 5.0) == ""


@pytest.mark.parametrize(
    ("wrench", "cause"),
    [((0, 0, 31, 0, 0, 0), "force of 31.0 N"), ((0, 0, 0, 0, 6, 0), "torque of 6.0 N m"), ((3, 0, 29, 0, 4, 0), "")],
)
def test_force_and_torque_halt(wrench: Any, cause: str) -> None:
    spec = RobotSpec("arm", 20.0, wrench=True)
    made = SafetyFilter(dataclasses.replace(LIMITS, force=30.0, torque=5.0), spec)
    made.read(read(0, 10.0, wrench=np.array(wrench, float)), 10.0)
    assert made.alarm.startswith(cause)
    assert made.admit(Command(HOME[None]), 10.0).halt is bool(cause)


def test_too_many_changes_within_a_second_halt_and_old_ones_do_not_count() -> None:
    far = Command(np.array([[0.4, 0.0, 0.1]]))
    for gap, halts in ((0.1, True), (0.3, False)):
        made, halted, now, tool = fresh(), False, 10.0, HOME
        for number in range(1, 12):
            now += gap
            made.read(read(number, now, tool), now)
            verdict = made.admit(far, now)
            halted |= verdict.halt
            if verdict.command is None:
                break
            assert verdict.clamped
            tool = verdict.command.points[0]
        assert halted is halts
        if halts:
            assert number == LIMITS.clamps + 1
            assert "6 commands were changed or refused within a second; the last: changed for step" in verdict.refused


def test_commands_that_come_too_fast_are_refused() -> None:
    made = fresh()
    assert made.admit(Command(HOME[None]), 10.0).command is not None
    assert "0.010 s apart" in made.admit(Command(HOME[None]), 10.01).refused
    assert made.admit(Command(HOME[None]), 10.05).command is not None


def test_candidates_are_screened_as_they_would_be_executed() -> None:
    made, actions = fresh(), StepMap(0.02)
    rng = np.random.default_rng(0)
    candidates = rng.uniform(-1, 1, (6, 5, 3)).astype(np.float32)
    candidates[2, 3, 1] = np.nan
    safe, passed = made.screen(candidates, actions)
    assert passed.tolist() == [True, True, False, True, True, True]
    np.testing.assert_array_equal(safe[2], candidates[2])
    for index in np.flatnonzero(passed):
        alone, tool = fresh(dataclasses.replace(LIMITS, clamps=100)), HOME
        for step in range(5):
            now = 10 + 0.05 * step
            alone.read(read(step, now, tool), now)
            origin = alone.origin(now)
            assert origin is not None
            verdict = alone.admit(actions.to_command(candidates[index, step], origin), now)
            assert verdict.command is not None
            np.testing.assert_allclose(actions.to_actions(verdict.command, origin), safe[index, step], atol=1e-5)
            tool = verdict.command.points[0]


def test_a_candidate_that_picks_where_it_may_not_is_refused_and_one_outside_is_moved() -> None:
    spec = RobotSpec("picker", 1.0, points=2, primitive=True)
    limits = Limits(workspace=Box((-0.2, -0.2, 0), (0.2, 0.2, 0.5)), keep_out=(Box((0.1, 0.1, 0), (0.2, 0.2, 0.1)),))
    made = fresh(dataclasses.replace(limits, clearance=0.2), spec)
    candidates = np.array([[[0.3, 0.3, 0, 0]], [[-1.0, 0, 0, 0.25]], [[0.1, 0.1, -0.1, 0]]], np.float32)
    safe, passed = made.screen(candidates, AnchorMap(pick_and_place()))
    assert passed.tolist() == [False, True, True]
    np.testing.assert_allclose(safe[1:, 0], [[-0.5, 0, 0, 0.25], [0.1, 0.1, -0.1, 0]], atol=1e-6)
