"""A Universal Robots arm, through RTDE."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from robopref.errors import ConfigError, RobotError
from robopref.motion import Command, RobotSpec, Vector
from robopref.robots import demands
from robopref.robots.arm import ArmRobot, ArmState, arm_robot
from robopref.robots.process import ProcessRobot
from robopref.robots.sdk import sdk
from robopref.rotations import from_rotation, to_rotation

_READ = ["timestamp", "actual_q", "actual_TCP_pose", "actual_TCP_force", "target_TCP_pose", "safety_status_bits"]
_LOOKAHEAD, _GAIN = 0.1, 300.0  # s, and the driver's default, of servoL
# Speeds that servoL is given, m/s. Controllers ignore them; the simulator knows by them where a line ends.
MOVING, ARRIVED = 0.5, 0.25
_HOMEWARD = 60.0  # longest time that going home may take, s
_SLOWING, _STOPPING = 2.0, 10.0  # m/s² of a hold and of a stop


@dataclass
class _Way:
    """A straight line between tool poses (6,) with rotation vectors, from one moment to another."""

    begin: Vector
    end: Vector
    since: float
    until: float
    following: tuple[Vector, float] | None = None  # the next end, and until when

    def share(self, now: float) -> float:
        """How much of it should be behind."""
        return min(1.0, (now - self.since) / (self.until - self.since))


class UrArm:
    """Moves the tool on straight lines from command to command with ``servoL``.

    The controller holds by itself when nothing was heard for `deadman`, by a watchdog of its own that the driver's
    program sets.

    Args:
        host: Of the controller; it has to be in remote control.
        rate: Commands a second.
        home: Joint angles (6,), rad, where `start` goes; None stays where it is.
        home_speed: Joint speed of that, rad/s.
        frequency: Messages to and from the controller a second.
        deadman: Seconds without messages after which the controller stops its program.
        timeout: Longest wait for the controller, s.

    Raises:
        ConfigError: Settings do not fit together.
        DependencyError: ur-rtde is not installed.
        RobotError: There is no controller, or it refuses.
    """

    def __init__(
        self, host: str, *, rate: float = 10.0, home: Sequence[float] | None = None, home_speed: float = 0.3,
        frequency: float = 125.0, deadman: float = 0.2, timeout: float = 10.0,
    ) -> None:  # fmt: skip
        demands.text(host=host)
        demands.positive(rate=rate, home_speed=home_speed, frequency=frequency, deadman=deadman, timeout=timeout)
        demands.angles("home", home, range(6, 7))
        if not 2 / frequency < deadman:
            raise ConfigError(f"a robot needs a deadman longer than two periods of {frequency:g} Hz, got {deadman} s")
        self._home, self._home_speed = home, home_speed
        self._connect: Callable[[], _Link] = lambda: _Link(host, frequency, deadman, 1 / rate, timeout)
        self._stopped = threading.Event()
        self._link = self._connect()

    def start(self) -> None:
        """Take commands again, and go to the home position if there is one."""
        self._stopped.clear()
        if self._link.failed:
            self._link.close()
            self._link = self._connect()
        self._link.start(None if self._home is None else [*self._home], self._home_speed, self._stopped)

    def read(self) -> ArmState:
        """Joints, tool pose and the force that the robot measures."""
        at, joints, pose, wrench = self._link.read()
        return ArmState(at, joints, pose[:3], from_rotation(pose[3:]), wrench)

    def move(self, command: Command) -> None:
        """Make a command the target of the next period."""
        if command.quaternion is None:
            raise RobotError("the robot was not reset yet")
        target = np.concatenate([command.points[0], to_rotation(command.quaternion)])
        self._link.check()
        self._link.ask("servo", (target, time.monotonic()))

    def hold(self) -> None:
        """Come to rest along the path, without waiting for it."""
        self._link.check()
        self._link.ask("hold")

    def stop(self) -> None:
        """Come to rest fast, and end the program on the controller."""
        self._stopped.set()
        self._link.ask("stop")

    def close(self) -> None:
        """Stop, and disconnect."""
        self._stopped.set()
        self._link.close()


def ur_robot(*given: Any, rate: float = 10.0, deadman: float = 0.2, **settings: Any) -> ArmRobot:
    """A Universal Robots arm with cameras.

    Args:
        *given: Of `arm_robot`: actions and cameras.
        rate: Commands a second.
        deadman: Seconds without messages after which the controller stops its program.
        **settings: Of `arm_robot` and `UrArm`.
    """
    demands.positive(deadman=deadman)
    kind = partial(RobotSpec, "universal-robots", wrench=True, real=True, deadman=deadman)
    return arm_robot(kind, partial(UrArm, rate=rate, deadman=deadman), *given, rate=rate, **settings)


def ur_process(**settings: Any) -> ProcessRobot:
    """The same in a process of its own, which ur-rtde may crash and whose interpreter it may hold.

    Args:
        **settings: Of `ur_robot`; cameras as what makes them, for a device cannot be handed to another process.
    """
    return ProcessRobot(partial(ur_robot, **settings))


class _Link:
    """The driver, which one thread alone commands: it streams the way to the target, and keeps the watchdog quiet."""

    def __init__(self, host: str, frequency: float, deadman: float, period: float, timeout: float) -> None:
        control, receive = sdk("rtde_control"), sdk("rtde_receive")
        self._period, self._tick, self._deadman, self._timeout = period, 1 / frequency, deadman, timeout
        try:
            self._receive: Any = receive.RTDEReceiveInterface(host, frequency, _READ)
            self._control: Any = control.RTDEControlInterface(host, frequency)
        except (RuntimeError, ValueError) as error:  # what the driver's C++ exceptions become
            raise RobotError(f"no connection to the controller at {host}: {error}") from error
        self.failed = ""
        self._wanted: tuple[str, Any] = ("idle", None)
        self._news, self._started = threading.Condition(), threading.Event()
        self._offset, self._stamp, self._heard = np.inf, -np.inf, time.monotonic()
        self._thread = threading.Thread(target=self._command, name="robopref-ur", daemon=True)
        self._thread.start()

    def start(self, home: list[float] | None, speed: float, stopped: threading.Event) -> None:
        """Run the driver's program if it does not, go home, and wait for it; `stopped` breaks it off."""
        self._started.clear()
        self.ask("start", (home, speed))
        until = time.monotonic() + self._timeout + (_HOMEWARD if home is not None else 0.0)
        while not self._started.wait(0.01):
            self.check()
            if stopped.is_set() or time.monotonic() > until:
                raise RobotError(
                    "the robot was stopped" if stopped.is_set() else "the controller did not start in time"
                )

    def ask(self, kind: str, value: Any = None) -> None:
        """Say what to do next; nothing overtakes a stop but a start."""
        with self._news:
            if self._wanted[0] not in ("stop", "close") or kind in ("start", "close"):
                self._wanted = (kind, value)
            self._news.notify()

    def check(self) -> None:
        """Raise what went wrong."""
        if self.failed:
            raise RobotError(self.failed)

    def read(self) -> tuple[float, Vector, Vector, Vector]:
        """When, joints (6,), tool pose (6,) with a rotation vector, and wrench (6,)."""
        self.check()
        receive, now = self._receive, time.monotonic()
        stamp = float(receive.getTimestamp())
        if stamp < self._stamp:  # the controller was started anew
            self._offset = np.inf
        if stamp != self._stamp:
            self._stamp, self._heard = stamp, now
            # The quickest message is nearest to the difference of the clocks.
            self._offset = min(self._offset, now - stamp)
        if not receive.isConnected() or now - self._heard > max(0.5, 2 * self._deadman):
            self.failed = "the controller is disconnected"
        elif receive.isEmergencyStopped() or receive.isProtectiveStopped():
            self.failed = "the controller is in an emergency or protective stop"
        self.check()
        parts = (receive.getActualQ(), receive.getActualTCPPose(), receive.getActualTCPForce())
        joints, pose, wrench = (np.asarray(part, np.float64) for part in parts)
        return stamp + self._offset, joints, pose, wrench

    def close(self) -> None:
        """Stop the program, and disconnect."""
        self.ask("close")
        self._thread.join(self._timeout)
        # Either waits half a second.
        ends = [threading.Thread(target=side.disconnect) for side in (self._control, self._receive)]
        for end in ends:
            end.start()
        for end in ends:
            end.join()

    # The thread that commands.

    def _command(self) -> None:
        way: _Way | None = None
        while True:
            kind, value = self._next()
            try:
                way = self._obey(kind, value, way)
                if kind == "stop":
                    with self._news:
                        self._news.wait_for(lambda: self._wanted[0] != "stop")
                elif kind != "close":
                    way = self._stream(way)
            except Exception as error:
                self.failed = self.failed or f"the controller failed to {kind}: {error}"
                way = None
            if kind == "close":
                return

    def _next(self) -> tuple[str, Any]:
        with self._news:
            if self._wanted[0] == "idle":
                self._news.wait(self._tick)
            wanted = self._wanted
            if wanted[0] not in ("stop", "close"):
                self._wanted = ("idle", None)
            return wanted

    def _obey(self, kind: str, value: Any, way: _Way | None) -> _Way | None:
        """Do what was asked for; returns the way to go from now on."""
        if kind == "idle":
            return way
        if kind == "servo":
            target, since = value
            until = since + self._period
            if way is not None and way.share(since) > 0.5:  # it is nearly there, and goes on from its end
                way.following = target, until
                return way
            begin = self._receive.getTargetTCPPose() if way is None else _between(way, way.share(since))
            return _Way(np.asarray(begin, np.float64), target, since, until)
        if kind == "hold" and way is not None:
            self._done(self._control.servoStop(_SLOWING), "hold")
        elif kind == "start":
            self._begin(*value)
        elif kind in ("stop", "close"):
            self._end(moving=way is not None)
        return None

    def _stream(self, way: _Way | None) -> _Way | None:
        """Send the next message, without which the controller's watchdog ends the program: so after any failure."""
        if self.failed:
            time.sleep(self._tick)
            return None
        # The driver connects again by itself, and is not to be used while it does.
        if not (self._control.isConnected() and self._receive.isConnected()):
            raise RobotError("the controller is disconnected")
        if way is None:
            if self._control.isProgramRunning():
                self._control.kickWatchdog()
            return None
        share = way.share(time.monotonic() + self._tick)  # where it has to be when the next message comes
        speed = ARRIVED if share == 1.0 else MOVING
        self._done(self._control.servoL(list(_between(way, share)), speed, 0.5, self._tick, _LOOKAHEAD, _GAIN), "move")
        if share == 1.0 and way.following is not None:
            (end, until), now = way.following, time.monotonic()
            way = _Way(way.end, end, now, max(until, now + self._period / 2))
        time.sleep(self._tick)
        return way

    def _begin(self, home: list[float] | None, speed: float) -> None:
        if not self._control.isProgramRunning():
            self._done(self._control.reuploadScript(), "start its program")
            until = time.monotonic() + self._timeout
            while not self._control.isProgramRunning():
                if time.monotonic() > until:
                    raise RobotError("its program does not run; is it in remote control?")
                time.sleep(0.01)
        if home is not None:
            self._go(np.asarray(home), speed)
        self._done(self._control.setWatchdog(1 / self._deadman), "set its watchdog")
        self._started.set()

    def _go(self, home: Vector, speed: float) -> None:
        """Move to joint angles, unless a stop comes in between."""
        self._done(self._control.moveJ(list(home), speed, 0.5, True), "go home")
        until = time.monotonic() + _HOMEWARD
        while np.abs(np.asarray(self._receive.getActualQ()) - home).max() > 0.01:
            if self._wanted[0] in ("stop", "close") or time.monotonic() > until:
                self._control.stopJ(_SLOWING)
                raise RobotError("it did not reach its home")
            time.sleep(0.01)

    def _end(self, *, moving: bool) -> None:
        if self.failed:  # the controller's watchdog does it
            return
        with contextlib.suppress(Exception):  # the program ends below in any case
            if moving:
                self._control.servoStop(_STOPPING)
        if self._control.isProgramRunning():
            self._control.stopScript()

    def _done(self, succeeded: bool, doing: str) -> None:
        if not succeeded:
            raise RobotError(f"it did not {doing}; see the teach pendant")


def _between(way: _Way, share: float) -> Vector:
    """Tool pose (6,) on the way."""
    turned = from_rotation(way.begin[3:]) * (1 - share)
    other = from_rotation(way.end[3:])
    turned = turned + share * other * (1.0 if float(turned @ other) >= 0 else -1.0)
    point = way.begin[:3] + share * (way.end[:3] - way.begin[:3])
    return np.concatenate([point, to_rotation(turned / np.linalg.norm(turned))])
