"""Simulated tasks as robots."""

import numpy as np
import pytest

from robopref.motion import standing
from robopref.robots.sim import SimTask, TaskSpec
from robopref.robots.task_robot import TaskRobot
from robopref.safety.limits import Box, Limits
from tests.robots.contract import RobotContract

pytestmark = pytest.mark.usefixtures("simulated_once")

ROPE = TaskSpec("envs:robopref/RopeShaping-v0", max_steps=3)


class TestTaskRobot(RobotContract):
    limits = Limits(workspace=Box((-0.45, -0.45, 0.0), (0.45, 0.45, 0.5)), clamps=1000)

    def make(self) -> TaskRobot:
        return TaskRobot(ROPE)


DRAWER = TaskSpec("envs:robopref/DrawerOpen-v0", max_steps=3)


class TestSteppingTaskRobot(RobotContract):
    """A task whose actions are steps of a tool with a gripper."""

    limits = Limits(workspace=Box((-0.45, -0.45, 0.0), (0.45, 0.45, 0.5)), clamps=1000)

    def make(self) -> TaskRobot:
        return TaskRobot(DRAWER)


def test_it_takes_steps_and_grips_as_the_task_does() -> None:
    robot, task = TaskRobot(DRAWER), SimTask(DRAWER)
    robot.reset(seed=3)
    task.reset(3)
    command = standing(robot.observe(), robot.spec)
    for action in np.random.default_rng(0).uniform(-0.9, 0.9, (3, 4)).astype(np.float32):
        command = robot.actions.to_command(action, command)
        robot.execute(command)
        moment, reading = task.step(action), robot.observe()
        np.testing.assert_allclose(reading.observation.proprio, moment.observation["proprio"], atol=1e-5)
        np.testing.assert_allclose(reading.tool, moment.observation["proprio"][:3], atol=1e-5)
        assert reading.gripper is not None
        np.testing.assert_allclose(reading.gripper[0], (moment.observation["proprio"][3] + 1) / 2, atol=1e-6)
    robot.close()
    task.close()


def test_it_does_what_the_task_does() -> None:
    robot, task = TaskRobot(ROPE), SimTask(ROPE)
    first, moment = robot.reset(seed=3), task.reset(3)
    np.testing.assert_array_equal(first.observation.points, moment.observation["points"])
    for action in np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4)).astype(np.float32):
        robot.execute(robot.actions.to_command(action, None))  # type: ignore[arg-type]
        moment = task.step(action)
        reading = robot.observe()
        np.testing.assert_allclose(reading.observation.points, moment.observation["points"], atol=1e-5)
        np.testing.assert_allclose(reading.progress, moment.progress, atol=1e-6)
    assert reading.ended
    robot.close()
    task.close()


def test_readings_go_by_the_clock_that_is_given() -> None:
    robot = TaskRobot(DRAWER, clock=iter([3.0, 5.0]).__next__)
    try:
        assert [robot.reset().time, robot.observe().time] == [3.0, 5.0]
    finally:
        robot.close()
