"""Commands brought within limits: by hand, and for any input."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robopref.motion import Command, RobotSpec
from robopref.rotations import from_rotation, multiply, to_rotation, tool_axis
from robopref.safety.constrain import Motion, constrain, violations
from robopref.safety.limits import Cone, Limits
from tests.robots.toy import LIMITS

POINT = RobotSpec("point", 20.0)
ARM = RobotSpec("arm", 20.0, oriented=True, joints=3, gripper=True)
PICKER = RobotSpec("picker", 1.0, points=2, primitive=True)
DOWN = np.array([0.0, 1.0, 0.0, 0.0])  # half a turn about x: the tool's z axis points down
ARM_LIMITS = dataclasses.replace(
    LIMITS, cone=Cone((0, 0, -1), 0.4), turn=1.0, joint_lower=(-1.0, -2.0, 0.0), joint_upper=(1.0, 2.0, 3.0),
    joint_speed=1.0,
)  # fmt: skip


def still(*point: float) -> Motion:
    return Motion(Command(np.array([point])), np.zeros(3), np.zeros(3))


def moved(target: Any, motion: Motion, limits: Limits, **change: Any) -> Any:
    found = constrain(
        Command(np.array([target], float)), motion, motion.command, dataclasses.replace(limits, **change), POINT,
        POINT.period,
    )  # fmt: skip
    names = [name for name, mask in found.clamped.items() if mask]
    return found.command.points[0], names, [name for name, mask in found.refused.items() if mask]


ONLY = Limits(workspace=LIMITS.workspace)


@pytest.mark.parametrize(
    ("change", "target", "expected", "names"),
    [
        ({}, (0.9, 0.0, 0.1), (0.5, 0.0, 0.1), ["workspace"]),
        ({"step": 0.05}, (0.3, 0.0, 0.1), (0.05, 0.0, 0.1), ["step"]),
        # 0.4 m/s for 0.05 s is 0.02 m, along (3, 4) / 5.
        ({"speed": 0.4}, (0.3, 0.4, 0.1), (0.012, 0.016, 0.1), ["speed"]),
        # From rest, 2 m/s² for 0.05 s: 0.1 m/s, so 0.005 m.
        ({"acceleration": 2.0}, (0.0, 0.2, 0.1), (0.0, 0.005, 0.1), ["acceleration"]),
        # From rest, 40 m/s³: 2 m/s² after 0.05 s, as above.
        ({"jerk": 40.0}, (-0.2, 0.0, 0.1), (-0.005, 0.0, 0.1), ["jerk"]),
    ],
)
def test_a_command_beyond_one_limit_is_brought_to_it(change: Any, target: Any, expected: Any, names: Any) -> None:
    point, clamped, refused = moved(target, still(0.0, 0.0, 0.1), ONLY, **change)
    np.testing.assert_allclose(point, expected, atol=1e-7)
    assert clamped == names
    assert refused == []


def test_a_command_within_limits_is_not_touched() -> None:
    point, clamped, refused = moved((0.001, 0.0, 0.1), still(0.0, 0.0, 0.1), LIMITS)
    np.testing.assert_array_equal(point, [0.001, 0.0, 0.1])
    assert clamped == refused == []


def test_a_moving_robot_can_neither_stop_at_once_nor_run_into_the_wall() -> None:
    # 0.4 m/s towards the wall, 0.2 m away: it may lose at most 2 m/s² * 0.05 s = 0.1 m/s a period.
    motion = Motion(Command(np.array([[0.3, 0.0, 0.1]])), np.array([0.4, 0.0, 0.0]), np.zeros(3))
    point, clamped, refused = moved((0.3, 0.0, 0.1), motion, ONLY, acceleration=2.0)
    np.testing.assert_allclose(point, [0.3 + 0.3 * 0.05, 0.0, 0.1], atol=1e-6)
    assert clamped == ["acceleration"]
    assert refused == []
    # Told to go on for ever, it comes to rest before the wall without breaking a limit.
    for _ in range(60):
        found = constrain(
            Command(motion.command.points + np.array([0.02, 0, 0])),
            motion,
            motion.command,
            LIMITS,
            POINT,
            0.05,
        )
        assert found.passed, found.refused
        motion = found.motion
    assert 0.45 < motion.command.points[0, 0] <= 0.5
    assert np.linalg.norm(motion.velocity) < 0.05


def test_no_common_point_of_the_limits_refuses_a_command() -> None:
    # 3 m/s, where the speed limit is 0.5 m/s and braking takes longer than a period.
    motion = Motion(Command(np.array([[0.0, 0.0, 0.1]])), np.array([3.0, 0.0, 0.0]), np.zeros(3))
    assert moved((0.0, 0.0, 0.1), motion, LIMITS)[2] != []


def test_neither_a_target_nor_a_way_through_a_box_is_let_through() -> None:
    free = Limits(workspace=LIMITS.workspace, keep_out=LIMITS.keep_out)
    assert moved((0.25, 0.25, 0.1), still(0.1, 0.25, 0.1), free)[2] == ["keep-out"]
    assert moved((0.4, 0.25, 0.1), still(0.1, 0.25, 0.1), free)[2] == ["keep-out"]  # behind it
    assert moved((0.4, 0.25, 0.3), still(0.1, 0.25, 0.3), free)[2] == []  # above it
    assert moved((0.1, 0.4, 0.1), still(0.1, 0.1, 0.1), free)[2] == []  # beside it


def test_a_primitive_may_pass_over_a_box_at_its_clearance_only() -> None:
    limits = Limits(workspace=LIMITS.workspace, keep_out=LIMITS.keep_out)
    points = np.array([[0.1, 0.25, 0.01], [0.4, 0.25, 0.01]])
    tool = np.array([0.0, 0.0, 0.4])
    motion = Motion(Command(np.tile(tool, (2, 1))), np.zeros(3), np.zeros(3))
    for clearance, passes in ((None, False), (0.1, False), (0.25, True)):
        chosen = dataclasses.replace(limits, clearance=clearance)
        assert bool(constrain(Command(points), motion, motion.command, chosen, PICKER, 1.0).passed) is passes


def test_orientations_are_brought_back_into_the_cone() -> None:
    limits, motion = (
        Limits(cone=Cone((0, 0, -1), 0.4)),
        Motion(Command(np.zeros((1, 3)), DOWN), np.zeros(3), np.zeros(3)),
    )
    spec = RobotSpec("arm", 20.0, oriented=True)
    for angle, kept in ((0.3, True), (0.6, False), (math.pi, False)):
        tilted = multiply(from_rotation(np.array([angle, 0.0, 0.0])), DOWN)
        found = constrain(Command(np.zeros((1, 3)), tilted), motion, motion.command, limits, spec, 0.05)
        assert found.passed
        assert bool(found.clamped["cone"]) is not kept
        off = math.acos(np.clip(-tool_axis(found.command.quaternion)[2], -1, 1))
        assert off == pytest.approx(min(angle, 0.4), abs=1e-6)


def test_rotations_are_inverses_of_each_other() -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (50, 3))
    vectors *= np.minimum(1, 3.0 / np.linalg.norm(vectors, axis=1))[:, None]
    np.testing.assert_allclose(to_rotation(from_rotation(vectors)), vectors, atol=1e-9)
    np.testing.assert_allclose(to_rotation(from_rotation(vectors * 1e-9)), vectors * 1e-9, atol=1e-20)
    # A quarter turn about z takes x to y: the tool axis of a turn about y by 90 degrees points along x, then y.
    about_y, about_z = (from_rotation(np.eye(3)[axis] * math.pi / 2) for axis in (1, 2))
    np.testing.assert_allclose(tool_axis(multiply(about_z, about_y)), [0, 1, 0], atol=1e-12)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.floats(-0.6, 0.6)
SMALL = st.floats(-2, 2)


@settings(max_examples=30)
@given(
    points=arrays(np.float64, (4, 1, 3), elements=NUMBERS),
    quaternion=arrays(np.float64, (4, 4), elements=NUMBERS | st.sampled_from([0.0, 1.0, -1.0])),
    joints=arrays(np.float64, (4, 3), elements=NUMBERS),
    gripper=arrays(np.float64, (4, 1), elements=NUMBERS),
    velocity=arrays(np.float64, (3,), elements=SMALL),
    acceleration=arrays(np.float64, (3,), elements=SMALL),
    place=arrays(np.float64, (3,), elements=st.floats(-0.6, 0.6)),
)
def test_whatever_passes_breaks_no_limit_and_passes_again(
    points: Any, quaternion: Any, joints: Any, gripper: Any, velocity: Any, acceleration: Any, place: Any
) -> None:
    start = Command(place[None], DOWN, np.array([0.0, 1.9, 0.1]), np.array([0.5]))
    motion = Motion(start, velocity, acceleration).repeat(4)
    command = Command(points, quaternion, joints, gripper)
    found = constrain(command, motion, start, ARM_LIMITS, ARM, ARM.period)
    for index in np.flatnonzero(found.passed):
        safe, one = found.command[index], Motion(start, velocity, acceleration)
        assert all(np.isfinite(part).all() for part in safe.parts().values() if part is not None)
        assert not any(violations(safe, one, start, ARM_LIMITS, ARM, ARM.period).values())
        # Written out once more, for the limits that need no history.
        assert (np.abs(safe.points[0] - [0, 0, 0.25]) <= np.array([0.5, 0.5, 0.25]) + 1e-9).all()
        assert math.dist(safe.points[0], place) <= 0.5 * 0.05 * (1 + 2e-6)
        assert (safe.joints >= [-1, -2, 0] - np.full(3, 1e-9)).all()
        assert (np.abs(safe.joints - [0.0, 1.9, 0.1]) <= 0.05 * (1 + 2e-6)).all()
        assert tool_axis(safe.quaternion)[2] <= -math.cos(0.4) + 1e-6
        assert np.linalg.norm(safe.quaternion) == pytest.approx(1, abs=1e-6)
        assert 0 <= safe.gripper[0] <= 1
        again = constrain(safe, one, start, ARM_LIMITS, ARM, ARM.period)
        assert again.passed
        np.testing.assert_allclose(again.command.vector(), safe.vector(), atol=1e-6)
    alone = [
        constrain(command[i], Motion(start, velocity, acceleration), start, ARM_LIMITS, ARM, ARM.period)
        for i in range(4)
    ]
    assert [bool(one.passed) for one in alone] == found.passed.tolist()


def test_ranges_of_all_rules_are_named_in_violations() -> None:
    motion = Motion(Command(np.zeros((1, 3)), DOWN, np.zeros(3), np.zeros(1)), np.zeros(3), np.zeros(3))
    far = Command(np.full((1, 3), 5.0), np.array([1.0, 0, 0, 0]), np.full(3, 9.0), np.zeros(1))
    broken = violations(far, motion, motion.command, ARM_LIMITS, ARM, ARM.period)
    assert {name for name, mask in broken.items() if mask} == {
        "workspace", "keep-out", "step", "speed", "acceleration", "jerk", "cone", "turn", "joints", "joint speed",
    }  # fmt: skip
