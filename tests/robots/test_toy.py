"""The contract itself, on the robot that the tests of safety and runtime use."""

import dataclasses

from tests.robots.contract import RobotContract
from tests.robots.toy import LIMITS, PointRobot


class TestPointRobot(RobotContract):
    limits = dataclasses.replace(LIMITS, clamps=1000)

    def make(self) -> PointRobot:
        return PointRobot()


class TestRealPointRobot(TestPointRobot):
    def make(self) -> PointRobot:
        return PointRobot(real=True)
