"""A UR robot, with the true client library and a simulator of the controller."""

import dataclasses
import os
import re
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from robopref.cameras import Cell
from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.errors import ConfigError, RobotError, SafetyError
from robopref.motion import Command, Step
from robopref.records import Observation
from robopref.robot_protocols import Robot
from robopref.robots.arm import ArmRobot
from robopref.robots.maps import StepMap
from robopref.robots.sim import SimTask, TaskSpec
from robopref.robots.task_robot import TaskRobot
from robopref.robots.universal_robots import ur_process, ur_robot
from robopref.runtime.control_loop import ControlPace, Runtime, Tally
from robopref.runtime.planner import Planner
from robopref.safety.guard import Guard
from robopref.safety.limits import Box, Limits
from robopref.safety.states import State
from tests.robots.contract import PATIENT, RobotContract
from tests.robots.rtde_process import RtdeProcess, loopback
from tests.robots.toy import LIMITS
from tests.runtime.parts import Witness
from tests.waiting import until

HOST, NOBODY, OTHER = map(loopback, range(3))
CELL = dataclasses.replace(LIMITS, **PATIENT, clamps=1000, force=20, torque=3)
DEADMAN = 20.0  # s; a busy machine says something in between


class NoisyCamera:
    """Sees a table, with noise."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def read(self) -> tuple[np.ndarray, float]:
        return self._rng.normal(0, 0.01, (32, 3)).astype(np.float32), time.monotonic()

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def simulator() -> Iterator[RtdeProcess]:
    made = RtdeProcess(HOST)
    yield made
    made.close()


def connect(**settings: object) -> ArmRobot:
    return ur_robot(
        StepMap(0.02), [NoisyCamera()], host=HOST, rate=20, frequency=50, cell=Cell(32), deadman=DEADMAN, **settings,  # type: ignore[arg-type]
    )  # fmt: skip


class TestUniversalRobots(RobotContract):
    limits: Limits = CELL

    @pytest.fixture(autouse=True)
    def _simulator(self, simulator: RtdeProcess) -> None:
        """It has to run."""

    def make(self) -> ArmRobot:
        return connect()


@pytest.fixture
def robot(simulator: RtdeProcess) -> Iterator[ArmRobot]:
    made = connect(home=[0.1, -1.5, 1.5, -1.5, -1.5, 0.2])
    yield made
    made.close()


def test_it_goes_home_and_then_on_a_straight_line_to_the_command(simulator: RtdeProcess, robot: ArmRobot) -> None:
    reading = robot.reset()
    np.testing.assert_allclose(reading.joints, [0.1, -1.5, 1.5, -1.5, -1.5, 0.2])
    np.testing.assert_allclose(reading.tool, [0, 0, 0.1], atol=1e-9)
    simulator.ask("stream")
    robot.execute(Command(np.array([[0.02, 0.0, 0.11]])))
    until(lambda: np.allclose(robot.observe().tool, [0.02, 0, 0.11]))
    trail = np.array(simulator.ask("stream"))
    # On the line from (0, 0, 0.1): z = 0.1 + x / 2, never backwards.
    np.testing.assert_allclose(trail[:, 2], 0.1 + trail[:, 0] / 2, atol=1e-9)
    assert (np.diff(trail[:, 0]) >= -1e-12).all()


def test_a_stop_ends_the_program_and_a_reset_starts_it_again(simulator: RtdeProcess, robot: ArmRobot) -> None:
    robot.reset()
    assert simulator.program
    robot.stop()
    until(lambda: not simulator.program)
    robot.reset()
    assert simulator.program


def test_the_controller_ends_the_program_when_the_client_falls_silent(simulator: RtdeProcess, robot: ArmRobot) -> None:
    robot.reset()
    fed = simulator.ask("fed")
    until(lambda: simulator.ask("fed") > fed)  # the client keeps its watchdog quiet
    assert simulator.program
    arm = robot._arm._link  # type: ignore[attr-defined]
    control, arm._control = arm._control, None  # whatever the thread does now, nothing is sent
    assert simulator.ask("deadman", 0.2) == DEADMAN
    until(lambda: not simulator.program)
    with pytest.raises(RobotError, match="the controller failed"):
        robot.observe()
    arm._control = control


def test_a_protective_stop_is_named(simulator: RtdeProcess, robot: ArmRobot) -> None:
    robot.reset()
    simulator.ask("protective", True)
    try:
        with pytest.raises(RobotError, match="emergency or protective stop"):
            until(lambda: robot.observe() is None)
    finally:
        simulator.ask("protective", False)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="deadman longer than two periods"):
        ur_robot(StepMap(0.02), [object()], host=HOST, deadman=0.01)  # type: ignore[list-item]
    for wrong, complaint in (
        ({"frequency": 0}, "frequency of a robot or camera must be a positive number, got 0"),
        ({"home": [0.0] * 7}, "home must be 6 joint angles"), ({"home_speed": "slow"}, "home_speed"),
        ({"rate": -5}, r"rate of .* must be .*, got -5"), ({"host": ""}, "host must be a name"),
        ({"actions": StepMap(0.02, gripper=True)}, r"1 tool point, gripper, but robot .* 1 tool point"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=complaint):
            ur_robot(**{"actions": StepMap(0.02), "cameras": [object()], "host": HOST} | wrong)
    with pytest.raises(RobotError, match=f"no connection to the controller at {re.escape(NOBODY)}"):
        ur_robot(StepMap(0.02), [object()], host=NOBODY)  # type: ignore[list-item]


class Scripted:
    """Always the same chunk."""

    def __init__(self, chunk: np.ndarray) -> None:
        self.chunk = torch.as_tensor(chunk)

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return self.chunk.expand(1, n, -1, -1).clone()


class Patient(Witness):
    """Waits for the last command to be carried out, which takes a period, and which the hold at the end cuts short."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def on_step(self, step: Step) -> None:
        if step.number == self.last:
            time.sleep(0.2)


def pushing() -> TaskRobot:
    return TaskRobot(TaskSpec("envs:robopref/PlanarPush-v0", {"points": False}, max_steps=60))


@pytest.mark.slow
def test_a_push_through_rtde_ends_as_in_simulation() -> None:
    """What a scripted expert does to one start, executed as one chunk by the runtime, in-process and through RTDE.

    Both get the same commands once each, so what is left is rounding: poses are doubles on either way. 1 µm of the puck
    is far above that and far below the 0.1 to 0.3 m that it is pushed; a command lost or doubled is 30 mm of the tool.
    """
    task, chunk = SimTask(TaskSpec("envs:robopref/PlanarPush-v0", {"points": False}, max_steps=60)), list[np.ndarray]()
    begun, done, rng = task.reset(0).progress, False, np.random.default_rng(0)
    while not done:
        chunk.append(task.demonstrate(rng, "expert"))
        moment = task.step(chunk[-1])
        done = moment.terminated
    assert moment.success
    assert moment.progress - begun > 0.1

    def deploy(robot: Robot) -> Tally:
        wide = Box((-0.4, -0.4, 0.0), (0.4, 0.4, 0.4))
        guard = Guard(robot, dataclasses.replace(CELL, workspace=wide, keep_out=(), step=0.2, speed=1.0,
                                                 acceleration=1e3, jerk=1e5, frozen=60))  # fmt: skip
        guard.arm("test")
        planner, pace = Planner(Scripted(np.stack(chunk))), ControlPace(steps=len(chunk), deadline=0.01, stale=1e3)
        try:
            return Runtime(guard, planner, pace, [Patient(len(chunk) - 1)]).run(seed=0, commands=len(chunk))
        finally:
            guard._watchdog.close()  # the robot is still looked at

    simulated = pushing()
    assert deploy(simulated).clamped == 0
    simulator = RtdeProcess(OTHER, "tests.robots.test_universal_robots:pushing")
    robot = ur_robot(simulated.actions, [NoisyCamera()], host=OTHER, rate=10, cell=Cell(32), deadman=DEADMAN)
    try:
        tally = deploy(robot)
        assert (tally.commands, tally.clamped, tally.halted) == (len(chunk), 0, False), tally.cause
        served = simulator.ask("progress")
    finally:
        robot.close()
        simulator.close()
    np.testing.assert_allclose(simulated.observe().progress, moment.progress, atol=1e-6)
    np.testing.assert_allclose(served, moment.progress, atol=1e-6)
    simulated.close()
    task.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "cause"),
    # However ur-rtde takes the loss: by a crash, by waiting for the controller, or by noticing.
    [
        ("driver", "the driver is disconnected: its process ended by SIGKILL"),
        ("controller", "disconnected|the controller failed|does not answer|no command for"),
    ],
)
def test_a_process_that_is_killed_in_motion_halts_the_robot(victim: str, cause: str) -> None:
    simulator = RtdeProcess(OTHER)
    robot = ur_process(
        actions=StepMap(0.02), cameras=[NoisyCamera], host=OTHER, rate=20, frequency=50, cell=Cell(32), deadman=2.0,
    )  # fmt: skip
    robot._answer = 10.0
    guard = Guard(robot, CELL)
    try:
        guard.arm("test")
        guard.begin()

        def move() -> None:
            time.sleep(robot.spec.period)
            guard.observe()
            guard.execute(np.full(3, 0.1, np.float32))

        for _ in range(5):
            move()
        assert robot.pid is not None
        os.kill(robot.pid if victim == "driver" else simulator.pid, signal.SIGKILL)
        with pytest.raises((RobotError, SafetyError)):  # who notices first differs
            until(move)
        assert guard.state is State.HALTED
        assert re.search(cause, guard.cause), guard.cause
        if victim == "driver":
            until(lambda: not simulator.program)  # the controller's own watchdog
    finally:
        guard.close()
        simulator.close()


@pytest.mark.slow
def test_the_config_makes_it_in_another_process() -> None:
    config = compose_config("config", ["run=unused", "robot=universal_robots", f"robot.host={OTHER}", "robot.rate=20",
                                       "robot.cell.count=32", "robot.home=[0,-1.5,1.5,-1.5,-1.5,0]"]).robot  # fmt: skip
    config.cameras = [{"_target_": f"{NoisyCamera.__module__}.NoisyCamera", "_partial_": True}]
    config.actions = {"_target_": "robopref.robots.maps.StepMap", "step": 0.02}
    simulator = RtdeProcess(OTHER)
    robot = build(config)
    try:
        np.testing.assert_allclose(robot.reset().joints, [0, -1.5, 1.5, -1.5, -1.5, 0])
        assert robot.spec.real
    finally:
        robot.close()
        simulator.close()
