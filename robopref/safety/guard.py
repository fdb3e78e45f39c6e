"""The only way to a robot: states, safety filter and watchdog around it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import RobotError, SafetyError
from robopref.motion import Command, Event, Reading
from robopref.robot_protocols import Robot
from robopref.safety.clock import Clock
from robopref.safety.filter import SafetyFilter, Verdict
from robopref.safety.limits import Limits
from robopref.safety.states import State, StateMachine
from robopref.safety.watchdog import Watchdog
from robopref.threads import start

_log = logging.getLogger(__name__)
Notify = Callable[[Event], None]
_GRACE = 0.05  # s that a halt waits for a command that is being sent
_STOPPING, _FREEING = 1.0, 15.0  # s that a stop and a disconnection may take
_TRIES, _AGAIN = 3, 0.02  # how often a stop that fails is tried, and s in between


class Guard:
    """Lets commands through to a robot while it runs, and holds or stops it at any doubt.

    Args:
        robot: What is guarded; nothing else may command it meanwhile.
        limits: What it may do.
        clock: What everything goes by: the guard, its watchdog and a `Runtime`; the same as that of readings.
        notify: Told of every event; may be called from another thread. A `Runtime` puts its own in its place.

    Raises:
        SafetyError: A real robot lacks limits, or the watchdog would not wait for the next command.
    """

    def __init__(
        self, robot: Robot, limits: Limits, *, clock: Clock | None = None, notify: Notify | None = None
    ) -> None:
        spec = robot.spec
        missing = limits.missing(spec) if spec.real else []
        if missing:
            raise SafetyError(
                f"robot {spec.name} cannot be armed without limits: give safety.{', safety.'.join(missing)}"
            )
        if spec.real and spec.deadman is None:
            raise SafetyError(
                f"robot {spec.name} does not hold by itself when commands cease, so a killed process would leave it "
                "moving; use a driver or controller setting that does"
            )
        name, most = ("hold", limits.hold_after) if spec.real and not spec.primitive else ("stop", limits.stop_after)
        if not spec.period < most:
            raise SafetyError(
                f"safety.{name}_after={most:g} s has to be longer than the {spec.period:g} s between commands of robot "
                f"{spec.name}, or the watchdog would {name} it after every one"
            )
        self.robot, self.limits, self.spec = robot, limits, spec
        self.filter = SafetyFilter(limits, spec)
        self.clock = clock or Clock()
        self.notify: Notify = notify or (lambda event: _log.info("%s: %s", event.kind, event.cause))
        self._states = StateMachine()
        self._lock = threading.RLock()  # of the state and the safety filter; never kept while the robot is called
        self._sending = threading.RLock()  # kept while a command goes to the robot
        self._held = ""  # why, while it is held
        self._trusted = self.clock()  # when a reading could last be trusted
        self._watchdog = Watchdog(limits.hold_after, limits.stop_after, self._overdue, self._lost, self.clock)

    @property
    def state(self) -> State:
        """Whether the robot may move."""
        return self._states.state

    @property
    def cause(self) -> str:
        """Why the robot was halted; empty if it was not."""
        return self._states.cause

    def arm(self, operator: str) -> None:
        """Allow the robot to move; only ever by an explicit act of a person.

        Args:
            operator: Who does it.

        Raises:
            SafetyError: The robot is not disarmed, or nobody is named.
        """
        if not operator.strip():
            raise SafetyError("a robot is armed by somebody; give the operator's name")
        with self._lock:
            self._states.apply("arm")
        self._tell("armed", f"by {operator}")

    def begin(self, *, seed: int | None = None) -> Reading:
        """Bring an armed robot to its start, which may move it, and let it run.

        Args:
            seed: For simulations.

        Returns:
            The first reading.

        Raises:
            SafetyError: The robot is not armed.
            RobotError: The robot failed, and was stopped.
        """
        with self._sending:
            with self._lock:  # a halt waits for what is being sent, and nothing is sent after it
                if self.state is not State.ARMED:
                    raise SafetyError(f"a robot has to be armed before it moves; it is {self.state.value}")
            with self._stopping("reset"):
                reading = self.robot.reset(seed=seed)
        with self._lock:
            if self.state is State.ARMED:
                self.filter.forget()
                self.filter.read(reading, self.clock())
                self._states.apply("run")
                self._held, self._trusted = "", self.clock()
                self._watchdog.feed()
        if self._halted():
            self._stop()  # the reset came after the stop, and may have undone it
        self._running()
        self._tell("running")
        return reading

    def observe(self) -> tuple[Reading, str]:
        """Read the robot.

        Returns:
            The reading, and why it cannot be trusted; empty if it can.

        Raises:
            RobotError: The robot failed, and was stopped.
        """
        with self._stopping("observe"):
            reading = self.robot.observe()
        with self._lock:
            distrust, alarm = self.filter.read(reading, self.clock()), self.filter.alarm
            blind = self.clock() - self._trusted
            if not distrust:
                self._trusted = self.clock()
        if distrust and blind > self.limits.stop_after:
            alarm = alarm or f"nothing that can be trusted was read for {blind:.3f} s: {distrust}"
        if alarm and self.state is State.RUNNING:
            self.halt(alarm)
        return reading, alarm or distrust

    def screen(self, candidates: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What the safety filter would make of (N, H, A) candidates, and (N,) which it would let through."""
        return self.filter.screen(candidates, self.robot.actions, self.clock())

    def execute(self, action: NDArray[Any]) -> tuple[Verdict, NDArray[np.float32] | None]:
        """Send an action, after the safety filter; hold the robot if that refuses it.

        Args:
            action: (A,) in [-1, 1]; anything at all.

        Returns:
            The verdict, and the (A,) action that was executed; None if none was.

        Raises:
            SafetyError: The robot is not running, or was halted.
            RobotError: The robot failed, and was stopped.
        """
        with self._lock:
            self._running()
            origin = self.filter.origin(self.clock())
        command, reason = self._meant(action, origin)
        with self._lock:
            self._running()
            now = self.clock()
            verdict = self.filter.refuse(reason, now) if reason else self.filter.admit(command, now)
            if verdict.command is not None:
                self._watchdog.feed(self.spec.longest)
        executed: NDArray[np.float32] | None = None
        if verdict.command is not None and origin is not None:
            with self._stopping("name an action"):
                executed = self.robot.actions.to_actions(verdict.command, origin)
        if verdict.halt:
            self.halt(verdict.refused)
        elif verdict.command is None:
            self.hold(verdict.refused)
        else:
            with self._sending:
                self._running()  # a halt waits for what is being sent, and nothing is sent after it
                with self._stopping("execute"):
                    self.robot.execute(verdict.command)
            self._held = ""
            if self._halted():
                self._stop()  # it came while the robot was busy with the command
            else:
                self._watchdog.feed()
        return verdict, executed

    def hold(self, cause: str) -> None:
        """Bring the robot to rest, ready for the next command; to be called as long as it shall rest.

        Args:
            cause: Why; while it stays the same the robot is told once.
        """
        with self._lock:
            self.filter.rest()
            if self.state is State.HALTED:
                return  # it is stopped, which a hold might undo
            if self.state is State.RUNNING:
                self._watchdog.feed()
            news, self._held = cause != self._held, cause
        if not news:
            return  # told once, so that whoever took over is not worked against
        with self._stopping("hold"):
            self._hold()
        self._tell("held", cause)

    def halt(self, cause: str) -> None:
        """Stop the robot, and keep it so until `reset`.

        Args:
            cause: Why.
        """
        with self._lock:
            first = self.state is not State.HALTED
            self._states.apply("halt", cause)
            self._watchdog.rest()
        if self._sending.acquire(timeout=_GRACE):  # a command that takes longer is stopped on its way
            self._sending.release()
        # A robot that is stopped twice is as safe; one that is not stopped because of an error is not.
        self._stop()
        if first:
            self._tell("halted", cause)

    def reset(self, operator: str) -> None:
        """Clear a halt; the robot is then disarmed.

        Args:
            operator: Who looked at the cause.

        Raises:
            SafetyError: The robot is not halted, or nobody is named.
        """
        if not operator.strip():
            raise SafetyError("a halt is cleared by somebody; give the operator's name")
        with self._lock:
            self._states.apply("reset")
            self.filter.forget()
        self._tell("reset", f"by {operator}")

    def end(self, cause: str) -> None:
        """Hold the robot and disarm it; a halted one stays halted.

        Args:
            cause: Why.
        """
        with self._lock:
            if self.state is State.HALTED:
                return
            running = self.state is State.RUNNING
            self._watchdog.rest()
            self._states.apply("disarm")
        if running:
            with self._stopping("hold"):
                self._hold()
        self._tell("disarmed", cause)

    def close(self) -> None:
        """End the watchdog, and free the robot.

        Raises:
            RobotError: The robot does not let go.
        """
        self._watchdog.close()
        free(self.robot, self.spec.name)

    def _meant(self, action: Any, origin: Command | None) -> tuple[Command | None, str]:
        """What an action means, and why it means nothing; the robot's own code, so no lock is kept meanwhile."""
        size = self.robot.actions.size
        fits = isinstance(action, np.ndarray) and action.shape == (size,) and action.dtype.kind == "f"
        if not fits or not bool((np.abs(action) <= 1 + 1e-6).all()):
            return None, f"an action must be {size} numbers in [-1, 1], got {action!r:.60}"
        if origin is None:
            return None, "nothing was read yet"
        with self._stopping("understand an action"):
            return self.robot.actions.to_command(action, origin), ""

    def _overdue(self, elapsed: float) -> None:
        """The first call of the watchdog."""
        cause = f"no command for {elapsed:.3f} s"
        with self._lock:
            if self.state is not State.RUNNING:
                return
            self.filter.rest()
        try:
            self._hold()
        except Exception as error:
            self.halt(f"{cause}, and the robot could not be held: {error}")
            return
        if not self._halted():
            self._tell("held", cause)

    def _lost(self, elapsed: float) -> None:
        """The last call of the watchdog."""
        if self.state is State.RUNNING:
            self.halt(f"no command for {elapsed:.3f} s")

    def _halted(self) -> bool:
        return self.state is State.HALTED

    def _running(self) -> None:
        """Refuse unless the robot runs."""
        with self._lock:
            if self.state is not State.RUNNING:
                raise SafetyError(f"the robot is {self.state.value}" + (f": {self.cause}" if self.cause else ""))

    def _hold(self) -> None:
        """Tell the robot to hold in a thread of its own, and wait until it did or was stopped."""
        held, most = start("robopref-hold", self.robot.hold), self.limits.stop_after + _STOPPING
        until = time.monotonic() + most
        while not self._halted():
            try:
                error = held.exception(0.02)
            except TimeoutError as late:
                if time.monotonic() > until:
                    raise TimeoutError(f"it has not held after {most:g} s") from late
                continue
            if error is not None:
                raise error
            break
        if self._halted():  # a hold that came after the stop may have undone it
            held.add_done_callback(lambda _: self._stop())

    def _stop(self) -> None:
        """Stop the robot in a thread of its own, again if that fails, and say so if it always does."""
        for tried in range(1, _TRIES + 1):
            if tried > 1 and not self._halted():
                return None  # somebody has looked, and reset it
            done = start("robopref-stop", self.robot.stop)
            try:
                return _within(_STOPPING, done, "it has not come back")
            except Exception as error:
                if not done.done() or tried == _TRIES:
                    _log.exception("robot %s could not be stopped", self.spec.name)
                    return self._tell("stop failed", f"{type(error).__name__}: {error}")
            time.sleep(_AGAIN)
        return None

    @contextlib.contextmanager
    def _stopping(self, doing: str) -> Any:
        """Stop the robot if it fails."""
        try:
            yield
        except Exception as error:
            cause = f"robot {self.spec.name} failed to {doing}: {type(error).__name__}: {error}"
            self.halt(cause)
            raise RobotError(cause) from error

    def _tell(self, kind: str, cause: str = "") -> None:
        try:
            self.notify(Event(kind, self.clock(), cause))
        except Exception:  # the watchdog has to go on, and a halt to take effect
            _log.exception("an event was not recorded: %s: %s", kind, cause)


def free(robot: Any, name: str) -> None:
    """Close a robot, but do not wait for ever.

    Args:
        robot: The robot; what has nothing to close needs nothing.
        name: What to call it.

    Raises:
        RobotError: It does not let go.
    """
    close: Any = getattr(robot, "close", None)
    if not callable(close):
        return
    try:
        _within(_FREEING, start("robopref-close", close), f"robot {name} is not freed")
    except RobotError:
        raise
    except Exception as error:
        raise RobotError(f"robot {name} failed to close: {type(error).__name__}: {error}") from error


def _within(seconds: float, done: Future[Any], otherwise: str) -> None:
    """Wait for a call of the robot, but not for ever."""
    try:
        error = done.exception(seconds)
    except TimeoutError as late:
        raise RobotError(f"{otherwise} after {seconds:g} s") from late
    if error is not None:
        raise error
