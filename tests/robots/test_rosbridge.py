"""A robot behind rosbridge, with the true client library and a simulator of the server."""

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from robopref.cameras import Cell
from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, Event, Reading, RobotSpec, standing
from robopref.robot_protocols import Robot
from robopref.robots.maps import AnchorMap, JointMap, StepMap
from robopref.robots.ros_camera import RosCamera
from robopref.robots.rosbridge import RosbridgeRobot, Topics
from robopref.robots.simulators import rosbridge_simulator
from robopref.robots.simulators.rosbridge_simulator import TOPICS, RosbridgeSimulator
from robopref.robots.task_robot import TaskRobot
from robopref.safety.clock import Clock
from robopref.safety.guard import Guard
from robopref.safety.limits import Box, Limits
from tests.geometry import pick_and_place
from tests.robots.contract import PATIENT, RobotContract
from tests.robots.test_task_robot import ROPE
from tests.robots.toy import LIMITS, PointRobot
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("simulated_once")

JOINTS = Topics(joints="/joint_states")


class JointPointRobot(PointRobot):
    """Two joints that go where they are told."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = RobotSpec("joints", rate=20.0, points=0, joints=2)
        self.angles = np.zeros(2)

    def execute(self, command: Command) -> None:
        assert command.joints is not None
        super().execute(dataclasses.replace(command, points=self.tool[None]))
        self.angles = command.joints.copy()

    def _read(self) -> Reading:
        return dataclasses.replace(super()._read(), joints=self.angles.copy())


class Served(RobotContract):
    """Robots behind one server."""

    topics, ros = TOPICS, 2
    simulator: ClassVar[RosbridgeSimulator]

    @staticmethod
    def behind() -> Robot:
        """What is behind the server."""
        raise NotImplementedError

    @pytest.fixture(autouse=True, scope="class")
    def _server(self, request: pytest.FixtureRequest) -> Iterator[None]:
        with RosbridgeSimulator(self.behind, topics=self.topics, ros=self.ros) as request.cls.simulator:
            yield

    @pytest.fixture
    def robot(self) -> Iterator[Robot]:
        robot = self.make()
        discovered(self.simulator)
        yield robot
        robot.close()


class TestTargets(Served):
    limits = dataclasses.replace(LIMITS, clamps=1000, age=0.5)
    behind = staticmethod(PointRobot)

    def make(self) -> Robot:
        return RosbridgeRobot(
            StepMap(0.02), TOPICS, port=self.simulator.port, rate=20, cell=Cell(32), deadman=0.1, timeout=PATIENCE,
        )  # fmt: skip


class TestJointsInRos1(Served):
    limits = Limits(
        joint_lower=(-1, -1), joint_upper=(1, 1), joint_speed=10, joint_acceleration=1000, joint_step=2, age=0.5,
        frozen=0.5, clamps=1000, hold_after=0.2,
    )  # fmt: skip
    topics, ros = JOINTS, 1
    behind = staticmethod(JointPointRobot)

    def make(self) -> Robot:
        return RosbridgeRobot(
            JointMap((-1, -1), (1, 1)), JOINTS, port=self.simulator.port, ros=1, rate=20, points=0,
            joint_names=("joint_0", "joint_1"), cell=Cell(32), deadman=0.1, timeout=PATIENCE,
        )  # fmt: skip


class TestPickAndPlace(Served):
    limits = Limits(workspace=Box((-0.45, -0.45, 0.0), (0.45, 0.45, 0.5)), age=2.0, frozen=2.0, clamps=1000)

    @staticmethod
    def behind() -> Robot:
        return TaskRobot(ROPE)

    def make(self) -> Robot:
        served = self.simulator.robot
        assert served is not None
        return RosbridgeRobot(
            served.actions, TOPICS, port=self.simulator.port, points=2, primitive=True, longest=PATIENCE, deadman=0.1,
            timeout=PATIENCE,
        )  # fmt: skip


def connect(simulator: RosbridgeSimulator) -> RosbridgeRobot:
    return RosbridgeRobot(
        StepMap(0.02), TOPICS, port=simulator.port, rate=20, cell=Cell(32), deadman=0.1, timeout=PATIENCE
    )


@pytest.fixture
def served() -> Iterator[tuple[RosbridgeSimulator, RosbridgeRobot]]:
    with RosbridgeSimulator(PointRobot) as simulator:
        robot = connect(simulator)
        discovered(simulator)
        yield simulator, robot
        robot.close()


def whole(robot: Robot) -> Reading:
    """A reading all of whose parts were measured from now on; topics come one by one, a pose before its cloud."""
    since = time.monotonic()
    until(lambda: robot.observe().time >= since)
    return robot.observe()


def discovered(simulator: RosbridgeSimulator) -> None:
    """Wait until nothing that clients say is lost any more because nobody knows of them, however late that is."""

    def known() -> bool:
        since = dict(simulator._advertised)
        said = {(client, simulator.topics.stop) for client in list(simulator._clients)}
        latest = time.monotonic() - 2 * rosbridge_simulator._DISCOVERY
        return said <= since.keys() and all(at < latest for at in since.values())

    until(known)


def test_commands_arrive_and_readings_come_back(served: tuple[RosbridgeSimulator, RosbridgeRobot]) -> None:
    simulator, robot = served
    robot.reset()
    robot.execute(Command(np.array([[0.05, -0.02, 0.2]])))
    until(lambda: np.allclose(robot.observe().tool, [0.05, -0.02, 0.2]))
    reading = whole(robot)
    np.testing.assert_allclose(reading.observation.proprio, [0.05, -0.02, 0.2, 1], atol=1e-6)
    assert reading.observation.points is not None
    # The toy's cloud is its tool with 10 mm of noise: the mean of 32 points is within 4 x 10 / sqrt(32) = 7 mm.
    np.testing.assert_allclose(reading.observation.points.mean(axis=0), reading.tool, atol=0.007)
    point = simulator.robot
    assert isinstance(point, PointRobot)
    robot.stop()
    until(lambda: len(point.named("stop")) == 1)


def test_a_lost_connection_halts_and_a_reset_connects_anew(
    served: tuple[RosbridgeSimulator, RosbridgeRobot],
) -> None:
    simulator, robot = served
    events, ahead = list[Event](), list[float]()
    clock = Clock(lambda: time.monotonic() + sum(ahead))
    guard = Guard(robot, dataclasses.replace(LIMITS, **PATIENT), clock=clock, notify=events.append)
    guard.arm("test")
    guard.begin()
    time.sleep(robot.spec.period)
    guard.observe()
    assert guard.execute(np.full(3, 0.1, np.float32))[0].command is not None
    simulator.drop()
    until(robot._lost.is_set)
    ahead.append(PATIENT["hold_after"])
    # Until then the stop that goes with it may be on its way.
    until(lambda: any(event.kind == "halted" for event in events))
    # Whoever meets it first names it: here the watchdog, which could not even hold.
    assert "could not be held: rosbridge is disconnected" in guard.cause
    for method in (robot.observe, robot.stop):
        with pytest.raises(RobotError, match="disconnected"):
            method()
    point = simulator.robot
    assert isinstance(point, PointRobot)
    before = len(point.trail)
    guard.reset("test")
    guard.arm("test")
    guard.begin()
    assert len(point.trail) == before  # nothing old was sent
    guard.close()


def test_without_messages_readings_grow_old(served: tuple[RosbridgeSimulator, RosbridgeRobot]) -> None:
    simulator, robot = served
    robot.reset()
    simulator._report = lambda: None  # the camera and the arm fall silent, the connection stays
    until(lambda: time.monotonic() - robot.observe().time > 0.25)


def test_a_robot_without_limits_or_deadman_is_not_armed(served: tuple[RosbridgeSimulator, RosbridgeRobot]) -> None:
    from robopref.errors import SafetyError

    simulator, robot = served
    with pytest.raises(SafetyError, match=r"safety\.workspace"):
        Guard(robot, Limits())
    careless = RosbridgeRobot(StepMap(0.02), TOPICS, port=simulator.port, timeout=PATIENCE)
    with pytest.raises(SafetyError, match="does not hold by itself"):
        Guard(careless, LIMITS)
    careless.close()


def test_a_silent_topic_and_a_missing_server_are_named(served: tuple[RosbridgeSimulator, RosbridgeRobot]) -> None:
    simulator, _ = served
    topics = dataclasses.replace(TOPICS, pose="/arm/pose")
    with pytest.raises(RobotError, match="no message on /arm/pose"):
        RosbridgeRobot(StepMap(0.02), topics, port=simulator.port, timeout=2.0)
    with pytest.raises(RobotError, match="no rosbridge server at localhost:1 "):
        RosbridgeRobot(StepMap(0.02), port=1, timeout=0.3)


def test_it_can_be_told_to_stay(served: tuple[RosbridgeSimulator, RosbridgeRobot]) -> None:
    _, robot = served
    reading = robot.reset()
    np.testing.assert_array_equal(standing(reading, robot.spec).points, [reading.tool])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"ros": 3}, "ros must be 1 or 2"),
        ({"points": 2}, "set primitive=true"),
        ({"joint_names": ["a"]}, "points=0 and topics.joints"),
        ({"topics": Topics(gripper_command="/grip")}, "given together"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        RosbridgeRobot(AnchorMap(pick_and_place()), **settings)


def test_a_stop_that_is_the_first_and_last_message_arrives(
    served: tuple[RosbridgeSimulator, RosbridgeRobot],
) -> None:
    simulator, _ = served
    other = connect(simulator)
    point = simulator.robot
    assert isinstance(point, PointRobot)
    discovered(simulator)  # before there is anything to say
    assert sum(topic == TOPICS.command for _, topic in simulator._advertised) == 2
    other.stop()
    other.close()
    until(lambda: len(point.named("stop")) > 0)


@pytest.mark.parametrize(("ros", "other"), [(1, 2)])
def test_a_server_of_the_other_version_of_ros_is_told_by_what_it_reports(ros: int, other: int) -> None:
    with RosbridgeSimulator(PointRobot, ros=ros) as simulator:
        with pytest.raises(
            RobotError, match=r"rosbridge reports: .* is not a valid type string; if .* set robot\.ros=1"
        ):
            RosbridgeRobot(StepMap(0.02), TOPICS, port=simulator.port, ros=other, timeout=PATIENCE)
        with pytest.raises(
            RobotError, match=r"not a valid type string.*set robot\.ros=1.*no message on /camera/points"
        ):
            RosCamera("/camera/points", port=simulator.port, ros=other, timeout=PATIENCE)


def test_what_the_server_reports_later_is_an_error_of_the_robot(
    served: tuple[RosbridgeSimulator, RosbridgeRobot],
) -> None:
    simulator, robot = served
    robot.reset()
    robot._link.publish("/nowhere", "std_msgs/Bool", {"data": True})
    until(
        lambda: (
            bool(robot._link.trouble) or robot._link.publish("/nowhere", "std_msgs/Bool", {"data": True}) is not None
        )
    )
    with pytest.raises(RobotError, match="rosbridge reports: ValueError: nobody listens to /nowhere"):
        robot.observe()
    point = simulator.robot
    assert isinstance(point, PointRobot)
    robot.stop()  # which it hears all the same
    until(lambda: len(point.named("stop")) == 1)
    assert robot.reset().tool is not None  # a new connection


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"port": 0}, "port must be a whole number in 1 to 65535, got 0"),
        ({"host": ""}, "host must be a name"),
        ({"timeout": -1.0}, "timeout of a robot or camera must be a positive number"),
        ({"rate": "fast"}, "rate of robot rosbridge must be a number, got 'fast'"),
        (
            {"points": 0, "joint_names": ["a"], "topics": JOINTS},
            "actions mean commands of nothing, but robot rosbridge takes commands of 1 joint",
        ),
        ({"oriented": True, "actions": JointMap((-1,), (1,))}, "mean commands of 1 tool point, 1 joint, but robot"),
    ],
)
def test_settings_are_checked_before_a_connection_is_tried(settings: dict, complaint: str) -> None:
    given = {"actions": StepMap(0.02), "port": 1} | settings
    with pytest.raises(ConfigError, match=complaint):
        RosbridgeRobot(**given)


@pytest.mark.slow
def test_the_simulator_ends_when_asked_although_it_was_started_in_the_background_of_a_script() -> None:
    deaf = "import signal, runpy; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    code = deaf + "runpy.run_module('robopref.robots.simulators.rosbridge_simulator', run_name='__main__')"
    command = [sys.executable, "-c", code, "--port", "0"]
    simulator = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert simulator.stderr is not None
    while "simulating" not in (line := simulator.stderr.readline()):
        assert line, "it ended before it was asked to"
    simulator.send_signal(signal.SIGINT)
    assert simulator.wait(PATIENCE) == 0
    simulator.stderr.close()
