"""xArm and Franka robots and a RealSense camera: their true client libraries, with stand-ins for the devices.

A stand-in replaces the one class of the library that talks to a device and has its methods. Those of the xArm are
checked against the signatures of the SDK; poses and motions of the Franka driver are its own objects.
"""

import inspect
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robopref.cameras import Cell
from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, RobotSpec
from robopref.robot_protocols import Robot
from robopref.robots.arm import ArmRobot, arm_robot
from robopref.robots.franka import FrankaArm, franka_robot
from robopref.robots.maps import AnchorMap, StepMap
from robopref.robots.realsense import RealSenseCamera
from robopref.robots.ros_camera import RosCamera
from robopref.robots.sdk import sdk
from robopref.robots.simulators.rosbridge_simulator import TOPICS, RosbridgeSimulator
from robopref.robots.xarm import XarmArm, xarm_robot
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from tests.geometry import pick_and_place
from tests.robots.contract import RobotContract
from tests.robots.test_universal_robots import CELL, NoisyCamera
from tests.robots.toy import PointRobot
from tests.waiting import PATIENCE, until


class StandInXarm:
    """An xArm controller that is at its target at once, in mm and rad."""

    made: list["StandInXarm"] = []  # noqa: RUF012  the newest is the one under test

    def __init__(self, port: str | None = None, is_radian: bool = False) -> None:
        assert is_radian
        self.connected, self.error_code = port != "nowhere", 0
        self.pose, self.joints = [0.0, 0.0, 100.0, np.pi, 0.0, 0.0], [0.1] * 6
        self.mode, self.state, self.given = 0, 4, dict[str, Any]()
        self.made.append(self)

    def clean_error(self) -> int:
        self.error_code = 0
        return 0

    def motion_enable(self, enable: bool = True) -> int:
        return 0

    def set_mode(self, mode: int = 0) -> int:
        self.mode = mode
        return 0

    def set_state(self, state: int = 0) -> int:
        self.state = state
        return 0

    def get_position_aa(self) -> tuple[int, list[float]]:
        return 0, list(self.pose)

    def get_servo_angle(self) -> tuple[int, list[float]]:
        return 0, list(self.joints)

    def set_servo_angle(self, angle: list[float], speed: float, wait: bool) -> int:
        assert self.mode == 0
        assert wait
        self.joints = angle
        return 0

    def set_position_aa(self, axis_angle_pose: list[float], speed: float, mvacc: float, wait: bool) -> int:
        if self.state == 4 or self.mode != 7:
            return 1
        self.pose, self.given = list(axis_angle_pose), {"speed": speed, "mvacc": mvacc, "wait": wait}
        return 0

    def disconnect(self) -> None:
        self.connected = False


class StandInFranka:
    """A Franka robot that is at its target at once."""

    made: list["StandInFranka"] = []  # noqa: RUF012

    def __init__(self, fci_hostname: str, realtime_config: Any) -> None:
        if fci_hostname == "nowhere":
            raise sdk("franky").NetworkException("Connection refused")
        self.pose, self.has_errors = sdk("franky").Affine([0, 0, 0.1], [1, 0, 0, 0]), False
        self.relative_dynamics_factor = 1.0
        self.moves: list[Any] = []
        self.joints = [0.0] * 7
        self.made.append(self)

    @property
    def state(self) -> Any:
        return SimpleNamespace(q=np.array(self.joints), O_T_EE=self.pose, K_F_ext_hat_K=np.full(6, 0.5))

    def recover_from_errors(self) -> bool:
        self.has_errors = False
        return True

    def move(self, motion: Any, asynchronous: bool = False) -> None:
        self.moves.append(motion)
        if isinstance(motion, sdk("franky").CartesianMotion):
            assert asynchronous
            self.pose = motion.target.pose.end_effector_pose

    def stop(self) -> None:
        self.moves.append("stop")


@pytest.fixture
def real_xarm() -> Any:
    return sdk("xarm.wrapper").XArmAPI


@pytest.fixture(autouse=True)
def _devices(real_xarm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk("xarm.wrapper"), "XArmAPI", StandInXarm)
    monkeypatch.setattr(sdk("franky"), "Robot", StandInFranka)


def make(kind: Any, **settings: Any) -> ArmRobot:
    settings = {"host": "stand-in", "rate": 20, "cell": Cell(32)} | settings
    return kind(StepMap(0.02), [NoisyCamera], **settings)


class TestXarm(RobotContract):
    limits = CELL

    def make(self) -> Robot:
        return make(xarm_robot)


class TestFranka(RobotContract):
    limits = CELL

    def make(self) -> Robot:
        return make(franka_robot)


def test_the_stand_in_of_the_xarm_has_methods_of_the_sdk(real_xarm: Any) -> None:
    for name, method in inspect.getmembers(StandInXarm, inspect.isfunction):
        known = inspect.signature(getattr(real_xarm, name)).parameters
        extra = set(inspect.signature(method).parameters) - set(known)
        assert not extra, f"{name} of the SDK has no {extra}"
    for name in ("connected", "error_code"):
        assert isinstance(inspect.getattr_static(real_xarm, name), property)


def test_an_xarm_gets_millimetres_and_its_stop_ends_the_motion() -> None:
    robot = make(xarm_robot, speed=0.2, acceleration=1.5, home=[0.2] * 6)
    reading, device = robot.reset(), StandInXarm.made[-1]
    np.testing.assert_allclose(reading.joints, [0.2] * 6)
    np.testing.assert_allclose(reading.tool, [0, 0, 0.1])
    # A half turn about x.
    np.testing.assert_allclose(np.abs(reading.quaternion), [0, 1, 0, 0], atol=1e-12)
    robot.execute(Command(np.array([[0.01, 0.02, 0.11]])))
    np.testing.assert_allclose(device.pose, [10, 20, 110, np.pi, 0, 0], atol=1e-9)
    assert device.given == {"speed": 200, "mvacc": 1500, "wait": False}
    device.error_code = 31
    with pytest.raises(RobotError, match="error 31"):
        robot.observe()
    robot.stop()
    assert device.state == 4
    robot.reset()
    assert (device.state, device.mode, device.error_code) == (0, 7, 0)
    robot.close()


def test_a_franka_gets_metres_and_keeps_its_orientation() -> None:
    robot = make(franka_robot, home=[0.3] * 7, dynamics=0.2)
    reading, device = robot.reset(), StandInFranka.made[-1]
    assert device.relative_dynamics_factor == 0.2
    assert isinstance(device.moves[0], sdk("franky").JointMotion)
    np.testing.assert_allclose(reading.quaternion, [0, 1, 0, 0])  # wxyz; the driver has xyzw
    np.testing.assert_allclose(reading.wrench, [0.5] * 6)
    robot.execute(Command(np.array([[0.01, 0.02, 0.11]])))
    np.testing.assert_allclose(robot.observe().tool, [0.01, 0.02, 0.11])
    np.testing.assert_allclose(robot.observe().quaternion, [0, 1, 0, 0])
    robot.hold()
    assert isinstance(device.moves[-1], sdk("franky").CartesianStopMotion)
    device.has_errors = True
    with pytest.raises(RobotError, match="in an error"):
        robot.execute(Command(np.array([[0.01, 0.02, 0.11]])))
    robot.reset()
    assert not device.has_errors
    robot.close()


def test_an_arm_whose_camera_fails_is_disconnected() -> None:
    closed: list[str] = []

    class Connected:
        def __init__(self, host: str) -> None:
            self.close = lambda: closed.append(host)

    def broken() -> Any:
        raise RobotError("no camera")

    with pytest.raises(RobotError, match="no camera"):
        arm_robot(partial(RobotSpec, "stand-in"), Connected, StepMap(0.02), [broken], host="here")  # type: ignore[arg-type]
    assert closed == ["here"]


@pytest.mark.parametrize("kind", [xarm_robot, franka_robot])
def test_an_arm_without_limits_is_not_armed(kind: Any) -> None:
    robot = make(kind)
    with pytest.raises(Exception, match=r"safety\.age"):
        Guard(robot, Limits())
    robot.close()


def test_what_is_not_there_or_does_not_fit_is_named() -> None:
    for arm in (XarmArm, FrankaArm):
        with pytest.raises(RobotError, match="at nowhere"):
            arm("nowhere")
    for wrong, complaint in (
        ({"dynamics": 2}, r"in \(0, 1\]"), ({"dynamics": "x"}, "positive number"), ({"home": [0, 0]}, "7 joint angles"),
        ({"home": 1.0}, "7 joint angles"), ({"home": [float("nan")] * 7}, "7 joint angles"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=complaint):
            FrankaArm("stand-in", **wrong)
    for wrong, complaint in (
        ({"speed": "x"}, "speed"),
        ({"home": [0.0] * 4}, "5 to 7"),
        ({"acceleration": 0}, "got 0"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            XarmArm("stand-in", **wrong)
    for kind in (franka_robot, xarm_robot):
        with pytest.raises(ConfigError, match=r"mean commands of 2 tool points, but robot .* of 1 tool point"):
            kind(AnchorMap(pick_and_place()), [NoisyCamera], host="nowhere")
        with pytest.raises(ConfigError, match="rate"):
            kind(StepMap(0.02), [NoisyCamera], host="nowhere", rate=0)
    with pytest.raises(ConfigError, match="must be an action map, got NoneType"):
        franka_robot(None, [NoisyCamera], host="nowhere")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="width of a robot or camera"):
        RealSenseCamera(width=0)
    robot = make(xarm_robot, proprio=["tool", "wrench"])
    with pytest.raises(RobotError, match="does not measure wrench"):
        robot.observe()
    robot.close()


class StandInPipeline:
    """A depth camera on a plane 0.5 m ahead, half of which is beyond 2 m; its first picture comes at once."""

    def __init__(self) -> None:
        self.unplugged, self.running = False, False

    def start(self, config: Any) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def wait_for_frames(self, timeout_ms: int) -> Any:
        time.sleep(0.01)
        if self.unplugged:
            raise RuntimeError("Frame didn't arrive within 1000")
        stamp = 1000 * (time.monotonic() + 50)  # a clock of its own
        return SimpleNamespace(get_depth_frame=lambda: SimpleNamespace(get_timestamp=lambda: stamp))


class StandInCloud:
    """Vertices as pyrealsense2 gives them: a record of three floats each."""

    def calculate(self, depth: Any) -> Any:
        vertices = np.array([(0.1, 0.2, 0.5), (0.0, 0.0, 0.0), (0.1, 0.2, 3.0)], [(name, "<f4") for name in "xyz"])
        return SimpleNamespace(get_vertices=lambda: vertices)


def test_a_realsense_camera_gives_points_and_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    devices: list[StandInPipeline] = []
    pyrealsense2 = sdk("pyrealsense2")
    monkeypatch.setattr(pyrealsense2, "pipeline", lambda: devices.append(StandInPipeline()) or devices[-1])
    monkeypatch.setattr(pyrealsense2, "pointcloud", StandInCloud)
    monkeypatch.setattr(pyrealsense2, "context", lambda: SimpleNamespace(query_devices=lambda: ["123"]))
    begun, camera = time.monotonic(), RealSenseCamera("123")
    points, at = camera.read()
    np.testing.assert_allclose(points, [[0.1, 0.2, 0.5]])
    assert begun <= at <= time.monotonic()
    devices[0].unplugged = True
    with pytest.raises(RobotError, match="RealSense camera 123 is disconnected: Frame didn't arrive"):
        until(lambda: camera.read() is None)
    camera.close()
    assert not devices[0].running


def test_without_a_realsense_camera_the_true_library_says_so() -> None:
    with pytest.raises(RobotError, match="no RealSense device is connected"):
        RealSenseCamera()


def test_a_ros_topic_is_a_camera() -> None:
    with RosbridgeSimulator(PointRobot) as simulator:
        camera = RosCamera(TOPICS.clouds[0], port=simulator.port, timeout=PATIENCE)
        points, at = camera.read()
        assert points.shape == (32, 3)
        assert 0 <= time.monotonic() - at < PATIENCE
        with pytest.raises(RobotError, match="no message on /nothing"):
            RosCamera("/nothing", port=simulator.port, timeout=2.0)
        simulator.drop()
        until(camera._lost.is_set)
        with pytest.raises(RobotError, match="is disconnected"):
            camera.read()
        camera.close()
