"""What every robot has to do. A test module of a robot subclasses `RobotContract` and makes one.

The robot must be ready to move where `safe_actions` leads, and is closed afterwards.
"""

import dataclasses
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from robopref.errors import RobotError
from robopref.motion import Reading, standing
from robopref.robot_protocols import ActionMap, Robot
from robopref.safety.filter import SafetyFilter
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from tests.waiting import PATIENCE

# Limits of time, s, that a busy machine keeps to.
PATIENT = {"age": PATIENCE, "frozen": PATIENCE, "hold_after": PATIENCE, "stop_after": 2 * PATIENCE}


class RobotContract:
    """Subclass it as ``TestMyRobot`` and override `make`; change the others where they do not fit."""

    limits = Limits(clamps=1000)

    @property
    def patient(self) -> Limits:
        """The limits, for what does not depend on time."""
        given = {name: value for name, value in PATIENT.items() if getattr(self.limits, name) is not None}
        return dataclasses.replace(self.limits, **given)

    def make(self) -> Robot:
        """A robot, ready for use."""
        raise NotImplementedError

    def safe_actions(self, robot: Robot, count: int) -> np.ndarray:
        """(count, A) actions that the robot can follow from its start."""
        rng = np.random.default_rng(0)
        return rng.uniform(-0.2, 0.2, (count, robot.actions.size)).astype(np.float32)

    @pytest.fixture
    def robot(self) -> Iterator[Robot]:
        robot = self.make()
        yield robot
        robot.close()

    def test_it_has_the_methods_of_a_robot(self, robot: Robot) -> None:
        assert isinstance(robot, Robot)
        assert isinstance(robot.actions, ActionMap)

    def test_it_can_be_read_before_it_is_reset(self, robot: Robot) -> None:
        assert isinstance(robot.observe(), Reading)

    def test_readings_pass_the_filter_and_come_in_order(self, robot: Robot) -> None:
        robot.reset(seed=0)
        guard = SafetyFilter(dataclasses.replace(self.patient, frozen=None), robot.spec)
        for _ in range(5):
            reading = robot.observe()
            assert guard.read(reading, time.monotonic()) == ""
            time.sleep(0.01)

    def test_readings_say_when_they_were_measured(self, robot: Robot) -> None:
        begun = time.monotonic()
        robot.reset(seed=0)
        time.sleep(0.1)
        first, now = robot.observe(), time.monotonic()
        assert begun - PATIENCE < first.time <= now + 0.005  # by this clock, and not by another

    def test_it_can_be_told_to_stay_where_it_is(self, robot: Robot) -> None:
        reading = robot.reset(seed=0)
        command = standing(reading, robot.spec)
        assert command.points.shape == (robot.spec.points, 3)

    def test_actions_and_commands_belong_together(self, robot: Robot) -> None:
        origin = standing(robot.reset(seed=0), robot.spec)
        actions = self.safe_actions(robot, 6).reshape(2, 3, -1)
        command = robot.actions.to_command(actions, origin)
        assert command.points.shape == (2, 3, robot.spec.points, 3)
        np.testing.assert_allclose(robot.actions.to_actions(command, origin), actions, atol=1e-5)

    def test_it_executes_guarded_actions_and_holds_in_between(self, robot: Robot) -> None:
        guard = Guard(robot, self.patient)
        try:
            guard.arm("test")
            guard.begin(seed=0)
            for action in self.safe_actions(robot, 3):
                time.sleep(robot.spec.period)
                assert guard.observe()[1] == ""
                verdict, executed = guard.execute(action)
                assert verdict.command is not None, verdict.refused
                assert executed is not None
                if not verdict.clamped:
                    np.testing.assert_allclose(executed, action, atol=1e-4)
            guard.hold("done")
        finally:
            guard.close()

    def test_after_a_stop_it_takes_no_command_until_it_is_reset(self, robot: Robot) -> None:
        origin = standing(robot.reset(seed=0), robot.spec)
        command = robot.actions.to_command(self.safe_actions(robot, 1)[0], origin)
        robot.stop()
        with pytest.raises(RobotError):
            robot.execute(command)
        origin = standing(robot.reset(seed=0), robot.spec)
        robot.execute(robot.actions.to_command(self.safe_actions(robot, 1)[0], origin))

    def test_hold_and_stop_come_back_from_another_thread_and_may_be_repeated(self, robot: Robot) -> None:
        robot.reset(seed=0)
        done: list[str] = []

        def call() -> None:
            for name in ("hold", "hold", "stop", "stop", "hold"):
                getattr(robot, name)()
                done.append(name)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join(PATIENCE)
        assert done == ["hold", "hold", "stop", "stop", "hold"]

    def test_a_real_one_holds_by_itself(self, robot: Robot) -> None:
        assert not robot.spec.real or robot.spec.deadman is not None

    def test_it_can_be_closed_twice_and_then_takes_no_command(self, robot: Robot) -> None:
        origin = standing(robot.reset(seed=0), robot.spec)
        command = robot.actions.to_command(self.safe_actions(robot, 1)[0], origin)
        robot.close()
        robot.close()
        with pytest.raises(RobotError):
            robot.execute(command)
