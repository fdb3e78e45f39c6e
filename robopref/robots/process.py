"""A robot whose driver runs in a process of its own, so that its crash is an error here and not the end."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from robopref.errors import ConfigError, RoboprefError, RobotError
from robopref.motion import Command, Reading, RobotSpec
from robopref.robot_protocols import ActionMap, Robot


class ProcessRobot:
    """Hands every call to a robot in another process.

    What is read and commanded goes over one pipe and is waited for; `hold` and `stop` go over another, which a thread
    of the other process serves, and are not. The process ends when this one does, and closes its robot.

    Args:
        make: Makes the robot, in the other process: a function of a module, a class, or a `functools.partial` of one
            with arguments that can be pickled.
        answer: Longest wait for what is read or commanded, beyond what a motion may take, s.
        start: Longest wait for the robot to be made or reset, s.

    Raises:
        ConfigError: `make` cannot be sent to another process.
        RoboprefError: The robot could not be made.
    """

    def __init__(self, make: Callable[[], Robot], *, answer: float = 1.0, start: float = 120.0) -> None:
        self._make, self._answer, self._start = make, answer, start
        self._stopped, self._closed = threading.Event(), False
        self._calling, self._urging = threading.Lock(), threading.Lock()
        self._failed = ""
        made: tuple[RobotSpec, ActionMap] = self._spawn()
        self.spec, self.actions = made

    @property
    def pid(self) -> int | None:
        """Number of the process."""
        return self._process.pid

    def reset(self, *, seed: int | None = None) -> Reading:
        """Reset the robot; a process that ended is started anew."""
        if self._closed:
            raise RobotError("the connection to the robot was closed")
        self._stopped.clear()
        if self._failed or not self._process.is_alive():
            self._end()
            self._spawn()
        return self._call("reset", seed, within=self._start)

    def observe(self) -> Reading:
        """The newest reading."""
        return self._call("observe", within=self._answer)

    def execute(self, command: Command) -> None:
        """Hand a command over, and wait until it was taken.

        Raises:
            RobotError: The robot is stopped or failed, or its process ended or does not answer.
        """
        if self._stopped.is_set():
            raise RobotError("the robot is stopped; reset it")
        self._call("execute", command, within=self._answer + self.spec.longest)

    def hold(self) -> None:
        """Tell the robot to hold, without waiting for it; an error of it shows in the next call."""
        if not self._stopped.is_set():
            self._urge("hold")

    def stop(self) -> None:
        """Tell the robot to stop, without waiting for it."""
        self._stopped.set()
        self._urge("stop")

    def close(self) -> None:
        """Stop the robot, and end the process."""
        self._stopped.set()
        if not self._closed:
            self._closed = True
            self._end()

    def _spawn(self) -> Any:
        # A server that has the imports behind it makes a process in a fraction of a second, where there is one.
        quick = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if quick else "spawn")
        if quick:
            context.set_forkserver_preload([__name__])
        self._main, main = context.Pipe()
        self._urgent, urgent = context.Pipe()
        self._urged, self._failed = 0, ""
        self._process = context.Process(target=_serve, args=(self._make, main, urgent), name="robopref-driver")
        self._process.daemon = True
        try:
            self._process.start()
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"the robot's settings cannot be sent to its process: {error}; give cameras and the like as what makes "
                "them, in a config with _partial_: true"
            ) from error
        main.close()
        urgent.close()
        try:
            return self._receive(self._start)
        except RoboprefError:
            self._end()
            raise

    def _call(self, name: str, *given: Any, within: float) -> Any:
        with self._calling:
            self._check()
            try:
                self._main.send((name, given, self._urged))
            except OSError as error:
                raise self._dead() from error
            return self._receive(within)

    def _receive(self, within: float) -> Any:
        try:
            if not self._main.poll(within):
                # What it answers later would be taken for the answer to another call.
                self._failed = f"the driver's process does not answer within {within:g} s"
                raise RobotError(self._failed)
            error, answer = self._main.recv()
        except (OSError, EOFError) as lost:
            raise self._dead() from lost
        if error is not None:
            raise error
        return answer

    def _urge(self, name: str) -> None:
        with self._urging:
            self._check()
            self._urged += 1
            try:
                self._urgent.send(name)
            except OSError as error:
                raise self._dead() from error

    def _check(self) -> None:
        if self._closed or self._failed:
            raise RobotError(self._failed or "the connection to the robot was closed")

    def _dead(self) -> RobotError:
        self._process.join(0.5)
        code = self._process.exitcode
        how = f"with status {code}" if code is None or code >= 0 else f"by {signal.Signals(-code).name}"
        self._failed = f"the driver is disconnected: its process ended {how}"
        return RobotError(self._failed)

    def _end(self) -> None:
        """Let the process close its robot, or kill it."""
        for pipe in (self._main, self._urgent):
            pipe.close()
        self._process.join(1 if self._failed else 5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class _Urgent:
    """The thread that holds and stops, whatever else goes on."""

    def __init__(self, robot: Robot, pipe: Connection) -> None:
        self._robot, self._pipe = robot, pipe
        self._done, self._news = 0, threading.Condition()
        self.failed: RoboprefError | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def await_all(self, count: int) -> None:
        """Wait until as many calls were carried out: those that were made before what comes next."""
        with self._news:
            self._news.wait_for(lambda: self._done >= count, timeout=1.0)

    def _serve(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                name = self._pipe.recv()
                try:
                    getattr(self._robot, name)()
                except Exception as error:
                    self.failed = _sendable(error)
                with self._news:
                    self._done += 1
                    self._news.notify_all()


def _serve(make: Callable[[], Robot], main: Connection, urgent: Connection) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interrupt means
    try:
        robot = make()
    except Exception as error:
        main.send((_sendable(error), None))
        return
    try:
        main.send((None, (robot.spec, robot.actions)))
        urging = _Urgent(robot, urgent)
        while True:
            name, given, before = main.recv()
            urging.await_all(before)
            if name == "reset":
                urging.failed = None
            error, answer = urging.failed, None
            if error is None:
                try:
                    answer = robot.reset(seed=given[0]) if name == "reset" else getattr(robot, name)(*given)
                except Exception as caught:
                    error = _sendable(caught)
            main.send((error, answer))
    except (EOFError, OSError):  # the first process closed the robot, or is gone
        pass
    finally:
        _leave(robot)


def _leave(robot: Robot) -> None:
    """Close the robot, but never wait for a driver that hangs: it would outlive the process that started it."""
    closing = threading.Thread(target=robot.close, daemon=True)
    closing.start()
    closing.join(4.0)


def _sendable(error: Exception) -> RoboprefError:
    return error if isinstance(error, RoboprefError) else RobotError(f"{type(error).__name__}: {error}")
