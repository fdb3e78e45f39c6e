"""The safety filter over time: what it makes of readings, and when it has enough."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from robopref.motion import Command, Reading, RobotSpec
from robopref.records import Observation
from robopref.robots.maps import AnchorMap, StepMap
from robopref.rotations import from_rotation, multiply
from robopref.safety.filter import SafetyFilter
from robopref.safety.limits import Box, Limits
from tests.geometry import pick_and_place
from tests.robots.toy import LIMITS
from tests.safety import attack as attacks

POINT = RobotSpec("point", 20.0)
HOME = np.array([0.0, 0.0, 0.1])


def read(number: int, time: float, tool: Any = HOME, **change: Any) -> Reading:
    cloud = np.full((3, 3), number, np.float32) / 1000
    return dataclasses.replace(Reading(Observation(cloud, np.zeros(4, np.float32)), time, tool, number), **change)


def fresh(limits: Limits = LIMITS, spec: RobotSpec = POINT) -> SafetyFilter:
    made = SafetyFilter(limits, spec)
    assert made.read(read(0, 10.0), 10.0) == ""
    return made


@pytest.mark.parametrize(("spec", "count"), [(attacks.POINT, 1000), (attacks.ARM, 500)], ids=["point", "arm"])
def test_nothing_that_breaks_a_limit_gets_past_an_attack(spec: RobotSpec, count: int) -> None:
    with np.errstate(all="ignore"):
        found = attacks.attack(0, count, spec)
    assert not {name: count for name, count in found.items() if name.startswith("broken")}
    assert min(found["passed"], found["clamped"], found["refused"], found["halted"]) > 10


def test_the_same_inputs_give_the_same_verdicts() -> None:
    with np.errstate(all="ignore"):
        assert attacks.attack(5, 300) == attacks.attack(5, 300)


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
        (read(1, 10.1, observation=Observation(np.zeros((0, 3)), np.zeros(4))), 10.1, "points of a reading are none"),
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
    safe, passed = made.screen(candidates, actions, 10.0)
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


@pytest.mark.parametrize("follows", [True, False])
def test_candidates_of_a_robot_that_rests_or_does_not_follow_start_from_where_it_is_measured(follows: bool) -> None:
    made = fresh(spec=dataclasses.replace(POINT, follows=follows))
    assert made.admit(Command(HOME[None] + [0.01, 0, 0]), 10.0).command is not None
    now = 10.05 if not follows else 10.5
    made.read(read(1, now, HOME), now)
    safe, passed = made.screen(np.zeros((1, 1, 3), np.float32), StepMap(0.02), now)
    assert passed.all()
    np.testing.assert_allclose(safe, 0, atol=1e-6)
    origin = made.origin(now)
    assert origin is not None
    np.testing.assert_allclose(origin.points[0], HOME)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"observation": None}, "observation of a reading must be an Observation, got NoneType"),
        ({"sequence": None}, "sequence of a reading must be a whole number, got None"),
        ({"sequence": float("nan")}, "sequence of a reading must be a whole number, got nan"),
    ],
)
def test_a_reading_of_another_form_is_not_trusted(changed: dict[str, Any], said: str) -> None:
    made = fresh()
    assert said in made.read(dataclasses.replace(read(1, 10.01, HOME), **changed), 10.01)
    assert made.admit(Command(HOME[None]), 10.05).command is None


def test_a_state_that_is_not_finite_is_not_trusted() -> None:
    made, reading = fresh(), read(1, 10.01, HOME)
    seen = dataclasses.replace(reading.observation, state=np.array([0, np.nan], np.float32))
    assert "state of a reading is not finite" in made.read(dataclasses.replace(reading, observation=seen), 10.01)


def test_a_candidate_that_picks_where_it_may_not_is_refused_and_one_outside_is_moved() -> None:
    spec = RobotSpec("picker", 1.0, points=2, primitive=True)
    limits = Limits(workspace=Box((-0.2, -0.2, 0), (0.2, 0.2, 0.5)), keep_out=(Box((0.1, 0.1, 0), (0.2, 0.2, 0.1)),))
    made = fresh(dataclasses.replace(limits, clearance=0.2), spec)
    candidates = np.array([[[0.3, 0.3, 0, 0]], [[-1.0, 0, 0, 0.25]], [[0.1, 0.1, -0.1, 0]]], np.float32)
    safe, passed = made.screen(candidates, AnchorMap(pick_and_place()), 10.0)
    assert passed.tolist() == [False, True, True]
    np.testing.assert_allclose(safe[1:, 0], [[-0.5, 0, 0, 0.25], [0.1, 0.1, -0.1, 0]], atol=1e-6)


def stream(made: SafetyFilter, ask: Any, times: Any, measure: Any = None) -> list[tuple[float, Command]]:
    """What passes of a stream that begins where it is measured; it ends at the first command that does not pass.

    Args:
        made: The safety filter.
        ask: The next command, after the one before.
        times: When.
        measure: What is measured after the commands so far; as commanded if there is none.
    """
    passed: list[tuple[float, Command]] = []
    for number, now in enumerate(times, 1):
        before = passed[-1][1] if passed else made.origin(now)
        assert before is not None
        at = before if measure is None else measure
        parts = {"quaternion": at.quaternion, "joints": at.joints, "gripper": at.gripper}
        tool = at.points[0] if len(at.points) else HOME
        assert made.read(read(number, now, tool, **parts), now) == ""
        verdict = made.admit(ask(before), now)
        if verdict.command is None:
            break
        passed.append((now, verdict.command))
    return passed


ONWARD = dataclasses.replace(LIMITS, step=0.3, acceleration=1e3, jerk=1e6, clamps=1000)


@pytest.mark.parametrize(
    "gaps",
    [[0.41] * 20, [1.4, 0.6] * 10, [0.41, 1.99] * 10, [1.0] * 5 + [0.5] * 15],
    ids=["fast", "late", "odd", "burst"],
)
def test_speed_is_what_a_clock_says_whenever_commands_come(gaps: list[float]) -> None:
    # 0.5 m/s for 0.05 s is a step of 0.025 m; asked for are 0.03 m.
    times = 10 + np.cumsum(gaps) * POINT.period
    passed = stream(fresh(ONWARD), lambda before: Command(before.points + np.array([0.03, 0, 0])), times)
    assert len(passed) == len(times)
    for (begun, one), (ended, other) in itertools.pairwise(passed):
        moved = other.points[0, 0] - one.points[0, 0]
        assert moved / (ended - begun) <= 0.5 * (1 + 1e-6)
        assert moved <= 0.025 * (1 + 1e-6)  # what is new is done within a period, however late it comes
        assert moved > 0.4 * 0.025  # and it is not stopped


def test_after_a_hold_there_is_a_whole_period() -> None:
    made = fresh(ONWARD)
    assert made.admit(Command(HOME[None]), 10.0).command is not None
    made.rest()
    assert "0.030 s apart" in made.admit(Command(HOME[None]), 10.03).refused
    assert made.admit(Command(HOME[None]), 10.05).command is not None


JOINTED = RobotSpec("jointed", 10.0, points=0, joints=2)
BENT = Limits(
    joint_lower=(-3, -3), joint_upper=(3, 3), joint_speed=0.5, joint_acceleration=1.0, joint_step=0.2, clamps=1000
)  # fmt: skip


def bent(*angles: float) -> Command:
    return Command(np.zeros((0, 3)), joints=np.array(angles, float))


def jointed(limits: Limits = BENT) -> SafetyFilter:
    made = SafetyFilter(limits, JOINTED)
    assert made.read(read(0, 10.0, joints=np.zeros(2)), 10.0) == ""
    return made


def test_joints_gain_and_lose_speed_as_fast_as_they_may() -> None:
    times = 10 + 0.1 * np.arange(1, 120)
    passed = stream(jointed(), lambda before: Command(before.points, joints=before.joints + np.array([0.05, 0])), times)
    assert len(passed) == len(times)
    trail = np.array([[0.0, 0.0], *(command.joints for _, command in passed)])
    speeds = np.diff(trail, axis=0) / 0.1
    # From rest: 0.1 rad/s more every period, up to 0.5 rad/s; before the end of the range it comes to rest.
    np.testing.assert_allclose(speeds[:7, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5], rtol=1e-6)
    assert np.abs(np.diff(speeds, axis=0)).max() <= 0.1 * (1 + 1e-6)
    assert 2.9 < trail[-1, 0] <= 3.0
    assert speeds[-1, 0] < 0.05


def test_joints_that_are_blocked_are_not_left_behind() -> None:
    made, times = jointed(), 10 + 0.1 * np.arange(1, 60)
    passed = stream(made, lambda one: Command(one.points, joints=one.joints + 0.02), times, bent(0, 0))
    # 0.2 rad/s, which they can lose in two periods: what is asked for further ahead is cut, then refused.
    assert 0.15 < max(float(np.abs(command.joints).max()) for _, command in passed) <= 0.2 * (1 + 1e-6)
    # Held, they start from where they are.
    now = passed[-1][0] + 0.3
    made.read(read(99, now, joints=np.zeros(2)), now)
    verdict = made.admit(bent(0.02, 0.02), now)
    assert verdict.command is not None
    assert verdict.command.joints.max() <= 0.01 * (1 + 1e-6)


def test_joint_speed_is_what_a_clock_says() -> None:
    quick = dataclasses.replace(BENT, joint_acceleration=1e3, joint_step=1.0)
    times = 10 + 0.1 * np.cumsum([1.4, 0.6, 0.41, 0.41, 1.9, 0.5])
    passed = stream(jointed(quick), lambda before: Command(before.points, joints=before.joints + 0.05), times)
    speeds = [
        np.abs(other.joints - one.joints).max() / (ended - begun)
        for (begun, one), (ended, other) in itertools.pairwise(passed)
    ]
    assert len(speeds) == 5
    assert max(speeds) <= 0.5 * (1 + 1e-6)


TURNING = RobotSpec("turning", 10.0, oriented=True, gripper=True)
TURNED = Limits(workspace=LIMITS.workspace, turn=0.5, turn_step=0.15, gripper_speed=2.0, clamps=1000)
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def about_z(angle: float, quaternion: Any) -> Any:
    return multiply(from_rotation(np.array([0.0, 0.0, angle])), quaternion)


def angle_between(a: Any, b: Any) -> float:
    return 2 * math.acos(min(1.0, abs(float(a @ b))))


def turning() -> tuple[SafetyFilter, Command]:
    made, at = SafetyFilter(TURNED, TURNING), Command(HOME[None], DOWN, gripper=np.zeros(1))
    assert made.read(read(0, 10.0, quaternion=DOWN, gripper=np.zeros(1)), 10.0) == ""
    return made, at


def test_a_tool_that_does_not_turn_is_not_left_behind() -> None:
    made, at = turning()
    times = 10 + 0.1 * np.arange(1, 40)
    passed = stream(made, lambda one: dataclasses.replace(one, quaternion=about_z(0.049, one.quaternion)), times, at)
    ahead = [angle_between(command.quaternion, DOWN) for _, command in passed]
    assert len(ahead) == len(times)
    assert 0.149 < max(ahead) <= 0.15 * (1 + 1e-6)


def test_the_tool_turns_and_the_gripper_opens_as_fast_as_a_clock_allows() -> None:
    made, _ = turning()
    times = 10 + 0.1 * np.cumsum([1.0, 0.41, 0.41, 1.8, 0.6, 1.0])

    def ask(one: Command) -> Command:
        return dataclasses.replace(one, quaternion=about_z(0.2, one.quaternion), gripper=np.ones(1))

    passed = stream(made, ask, times)
    assert len(passed) == len(times)
    assert passed[0][1].gripper == pytest.approx(0.2)
    for (begun, one), (ended, other) in itertools.pairwise(passed):
        assert angle_between(one.quaternion, other.quaternion) / (ended - begun) <= 0.5 * (1 + 1e-5)
        assert (other.gripper - one.gripper)[0] / (ended - begun) <= 2.0 * (1 + 1e-6)
    assert passed[-1][1].gripper[0] > 0.8


def test_a_gripper_that_takes_its_time_is_no_incident() -> None:
    made, at = (
        SafetyFilter(dataclasses.replace(TURNED, clamps=2), TURNING),
        Command(HOME[None], DOWN, gripper=np.ones(1)),
    )
    assert made.read(read(0, 10.0, quaternion=DOWN, gripper=np.zeros(1)), 10.0) == ""
    passed = stream(made, lambda _: at, 10 + 0.1 * np.arange(1, 8))
    assert len(passed) == 7
    assert passed[-1][1].gripper[0] == 1.0


def test_the_way_from_where_the_tool_is_measured_avoids_what_is_kept_out() -> None:
    # It was told to go round the corner of the box at (0.2, 0.2), and is still on the other side of it.
    made = fresh(dataclasses.replace(ONWARD, speed=100.0))
    around = [Command(np.array([[0.19, 0.19, 0.1]])), Command(np.array([[0.19, 0.31, 0.1]]))]
    made.read(read(1, 10.05, np.array([0.21, 0.19, 0.1])), 10.05)
    assert made.admit(around[0], 10.05).command is not None
    made.read(read(2, 10.1, np.array([0.21, 0.19, 0.1])), 10.1)
    assert "keep-out" in made.admit(around[1], 10.1).refused
