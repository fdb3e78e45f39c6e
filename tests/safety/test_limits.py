"""Limits that make sense, and those that a robot calls for."""

import dataclasses
import math
from typing import Any

import pytest

from robopref.errors import ConfigError
from robopref.motion import RobotSpec
from robopref.safety.limits import Box, Cone, Limits
from tests.robots.toy import LIMITS


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Limits(speed=-1.0), "safety.speed must be positive and finite, got -1.0"),
        (lambda: Limits(age=math.inf), "safety.age must be positive and finite"),
        (lambda: Limits(jerk=math.nan), "safety.jerk must be positive"),
        (lambda: Limits(clamps=0), "safety.clamps must be positive"),
        (lambda: Limits(joint_acceleration=0.0), "safety.joint_acceleration must be positive"),
        (lambda: Limits(speed="fast"), "safety.speed must be a number, got 'fast'"),
        (lambda: Limits(clamps=None), "safety.clamps must be a number, got None"),
        (lambda: Limits(hold_after=True), "safety.hold_after must be a number, got True"),
        (lambda: Limits(clearance=math.nan), "safety.clearance must be finite"),
        (lambda: Limits(workspace=(0, 1)), r"safety.workspace must be a box, got \(0, 1\)"),
        (lambda: Limits(keep_out=("here",)), "safety.keep_out must be a list of boxes"),
        (lambda: Limits(cone=0.3), "safety.cone must be a cone, got 0.3"),
        (lambda: Limits(joint_lower=1.0, joint_upper=2.0), "safety.joint_lower must be a list of numbers, got 1.0"),
        (lambda: Limits(joint_lower=("a",), joint_upper=("b",)), "lower < upper"),
        (lambda: Limits(hold_after=1.0, stop_after=0.5), "hold_after must be less than"),
        (lambda: Limits(joint_lower=(0.0,)), "given together"),
        (lambda: Limits(joint_lower=(0.0, 1.0), joint_upper=(1.0, 0.5)), "lower < upper"),
        (lambda: Box((0, 0, 0), (1, 1, 0)), "lower < upper"),
        (lambda: Box((0, 0, math.nan), (1, 1, 1)), "finite"),
        (lambda: Cone((0, 0, 0), 0.5), "an axis"),
        (lambda: Cone((0, 0, 1), 4.0), "angle in"),
    ],
)
def test_limits_that_make_no_sense_are_refused(build: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build()


def test_what_a_robot_calls_for_is_named() -> None:
    arm = RobotSpec("arm", 20, oriented=True, joints=6, gripper=True, wrench=True)
    assert Limits().missing(arm) == [
        "age", "frozen", "workspace", "step", "speed", "acceleration", "jerk", "cone", "turn", "turn_step",
        "joint_lower", "joint_upper", "joint_speed", "joint_acceleration", "joint_step", "gripper_speed", "force",
        "torque",
    ]  # fmt: skip
    assert Limits().missing(RobotSpec("picker", 1, points=2, primitive=True)) == ["age", "frozen", "workspace"]
    point = RobotSpec("point", 20)
    assert LIMITS.missing(point) == []
    assert dataclasses.replace(LIMITS, jerk=None).missing(point) == ["jerk"]
