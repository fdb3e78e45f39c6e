"""A Universal Robots controller with a simulated robot behind it: a simulator, for trying `ur_robot` without an arm.

It speaks what the ur-rtde client needs of the three protocols of a PolyScope 5 controller: version 2 of RTDE (port
30004), the dashboard (29999) and the socket that takes programs (30003). It runs no URScript; a program that arrives
counts as ur-rtde's own, whose registers it answers as that program does, for the commands `SERVOL`, `SERVO_STOP`,
`MOVEJ`, `STOPJ`, `SET_WATCHDOG` and `STOP_SCRIPT`. The robot takes targets of its tool point, and carries out each
command once, when the line that `UrArm` streams to it has ended; its joints are imagined.
It has to run in a process of its own,

    python -m robopref.robots.simulators.rtde my_module:MyRobot

because ur-rtde holds Python's interpreter lock while it connects.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import signal
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from robopref.errors import RoboprefError
from robopref.motion import Command, Vector
from robopref.robot_protocols import Robot
from robopref.robots.universal_robots import MOVING
from robopref.rotations import from_rotation, to_rotation

_log = logging.getLogger(__name__)
_VERSION = (5, 11, 0, 0)
_STOPPED, _PLAYING = 1, 2  # runtime_state
_READY, _DONE = 1, 2  # output_int_register_0 of ur-rtde's program
_MOVEJ, _SERVO_STOP, _SERVOL, _STOPJ, _SET_WATCHDOG, _STOP_SCRIPT = 1, 16, 24, 34, 35, 255
_TYPES = {
    "timestamp": ("DOUBLE", "d"), "actual_q": ("VECTOR6D", "6d"), "actual_TCP_pose": ("VECTOR6D", "6d"),
    "target_TCP_pose": ("VECTOR6D", "6d"), "actual_TCP_force": ("VECTOR6D", "6d"), "runtime_state": ("UINT32", "I"),
    "robot_status_bits": ("UINT32", "I"), "safety_status_bits": ("UINT32", "I"),
    "external_force_torque": ("VECTOR6D", "6d"),
}  # fmt: skip


def _type(name: str) -> tuple[str, str]:
    """Name and layout of the type of a variable."""
    if "_double_register_" in name:
        return "DOUBLE", "d"
    if "_int_register_" in name:
        return "INT32", "i"
    return _TYPES.get(name, ("NOT_FOUND", ""))


class RtdeSimulator:
    """Serves a robot of this project as a UR controller.

    Args:
        make: Makes the robot; called in the thread that simulates it.
        host: Where to listen; the ports are fixed by the protocols.
        rate: Of the simulation, Hz.

    Attributes:
        robot: The robot, once it was made.
        program: Whether a program runs.
        protective: Whether the controller is in a protective stop.
        stream: The newest targets of the tool that arrived, (6,) each.
    """

    def __init__(self, make: Callable[[], Robot], host: str = "127.0.0.1", *, rate: float = 100.0) -> None:
        self.robot: Robot | None = None
        self.program = self.protective = False
        self._make, self._tick, self._begun = make, 1 / rate, time.monotonic()
        self._lock = threading.Lock()
        self._registers: dict[str, float] = {}
        self._ready, self._deadman, self._fed = _READY, 0.0, 0.0
        self.stream: deque[Vector] = deque(maxlen=1000)
        self._wanted: deque[Vector] = deque()  # ends of lines that are still to be carried out
        self._under_way = False
        self._end: Vector = np.empty(0)  # of the newest line
        self._joints: Vector = np.zeros(6)
        self._resets, self._reset = 0, False
        self._state: dict[str, Any] = {}
        self._closed, self._made = threading.Event(), threading.Event()
        self._peers: set[socket.socket] = set()
        self._listeners = [socket.create_server((host, port)) for port in (30004, 29999, 30003)]
        handlers = (self._rtde, self._dashboard, self._script)
        self._threads = [threading.Thread(target=self._simulate, daemon=True)] + [
            threading.Thread(target=self._accept, args=pair, daemon=True)
            for pair in zip(self._listeners, handlers, strict=True)
        ]
        for thread in self._threads:
            thread.start()
        self._made.wait(60)

    def drop(self) -> None:
        """Cut all connections, as a failing network does."""
        for peer in list(self._peers):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def wait(self) -> None:
        """Serve until it is closed."""
        self._threads[0].join()

    def close(self) -> None:
        """Stop serving, and free the robot."""
        self._closed.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()
        self._threads[0].join(10)

    def __enter__(self) -> RtdeSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread of the robot.

    def _simulate(self) -> None:
        robot = self.robot = self._make()
        robot.reset(seed=0)
        while not self._closed.is_set():
            with self._lock:
                if self.program and 0 < self._deadman < time.monotonic() - self._fed:
                    _log.info("nothing was heard for %.3f s: the program ends", self._deadman)
                    self._halt()
                target = self._wanted.popleft() if self._wanted else None
                reset, self._reset = self._reset, False
            if reset:
                robot.reset(seed=self._resets)
                self._resets += 1
            if target is not None:
                turn = from_rotation(target[3:]) if robot.spec.oriented else None
                with contextlib.suppress(RoboprefError):  # one that was stopped meanwhile
                    robot.execute(Command(target[None, :3], turn))
            self._measure(robot)
            self._made.set()
            time.sleep(self._tick)
        robot.close()

    def _measure(self, robot: Robot) -> None:
        reading = robot.observe()
        turn = np.zeros(3) if reading.quaternion is None else to_rotation(reading.quaternion)
        pose = np.concatenate([reading.tool, turn])
        wrench = np.zeros(6) if reading.wrench is None else reading.wrench
        self._state = {
            "timestamp": reading.time - self._begun, "actual_q": self._joints, "actual_TCP_pose": pose,
            "target_TCP_pose": pose, "actual_TCP_force": wrench, "robot_status_bits": 3,
        }  # fmt: skip

    def _halt(self) -> None:
        """End the program; a controller then brings the arm to rest."""
        self.program, self._deadman = False, 0.0
        self._rest()

    def _rest(self) -> None:
        """Forget the line, and come to rest."""
        self._wanted.clear()
        self._under_way, self._end = False, np.empty(0)
        if self.robot is not None:
            self.robot.hold()

    def _heed(self) -> None:
        """What ur-rtde's program does about its registers."""
        command = int(self._registers.get("input_int_register_0", 0))
        values = np.array([self._registers.get(f"input_double_register_{number}", 0.0) for number in range(6)])
        self._fed = time.monotonic()
        if not self.program:
            return
        if command == 0:
            self._ready = _READY
        elif command == _SERVOL:
            self._ready = _READY
            self.stream.append(values)
            arrived = self._registers.get("input_double_register_6", 0.0) < MOVING
            # A client that was kept waiting sends no more of a line than its end.
            if arrived and (self._under_way or not np.array_equal(values, self._end)):
                self._wanted.append(values)
            if arrived:
                self._end = values
            self._under_way = not arrived
        elif command == _STOP_SCRIPT:
            self._halt()
        elif self._ready == _READY:
            self._ready = _DONE
            if command in (_SERVO_STOP, _STOPJ):
                self._rest()
            elif command == _MOVEJ:
                self._joints, self._reset = values, True
            elif command == _SET_WATCHDOG:
                self._deadman = 1 / values[0]

    # The threads of the connections.

    def _accept(self, listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        while not self._closed.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer, handle), daemon=True).start()

    def _serve(self, peer: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        self._peers.add(peer)
        try:
            handle(peer)
        except (OSError, EOFError, struct.error) as error:
            _log.info("a client left: %s", error)
        finally:
            self._peers.discard(peer)
            peer.close()

    def _dashboard(self, peer: socket.socket) -> None:
        peer.sendall(b"Connected: Universal Robots Dashboard Server\n")
        answers = {
            "PolyscopeVersion": "URSoftware {}.{}.{}.{} (a simulator)".format(*_VERSION),
            "get serial number": "20200000000", "is in remote control": "true", "stop": "Stopped",
        }  # fmt: skip
        with peer.makefile("r", encoding="ascii") as lines:
            for line in lines:
                if line.strip() == "stop":
                    with self._lock:
                        self._halt()
                peer.sendall((answers.get(line.strip(), "could not understand: " + line.strip()) + "\n").encode())

    def _script(self, peer: socket.socket) -> None:
        program = b""
        while data := peer.recv(1 << 16):
            program += data
            if program.rstrip().endswith(b"\nend"):
                with self._lock:
                    self.program, self._ready, program = not self.protective, _READY, b""
                    self._fed = time.monotonic()

    def _rtde(self, peer: socket.socket) -> None:
        inputs: list[list[str]] = []
        outputs: list[str] = []
        period, writing = 0.002, threading.Lock()
        running = threading.Event()

        def answer(kind: str, payload: bytes) -> None:
            with writing:
                peer.sendall(struct.pack(">HB", 3 + len(payload), ord(kind)) + payload)

        def report() -> None:
            with contextlib.suppress(OSError):
                while running.is_set() and not self._closed.is_set():
                    answer("U", b"\x01" + self._package(outputs))
                    time.sleep(period)

        try:
            while True:
                size, kind = struct.unpack(">HB", _exactly(peer, 3))
                payload = _exactly(peer, size - 3)
                if chr(kind) == "V":  # protocol version
                    answer("V", struct.pack(">B", struct.unpack(">H", payload)[0] == 2))
                elif chr(kind) == "v":
                    answer("v", struct.pack(">4I", *_VERSION))
                elif chr(kind) == "O":
                    period = 1 / struct.unpack(">d", payload[:8])[0]
                    outputs = [name for name in payload[8:].decode().split(",") if name]
                    answer("O", b"\x01" + ",".join(_type(name)[0] for name in outputs).encode())
                elif chr(kind) == "I":
                    inputs.append([name for name in payload.decode().split(",") if name])
                    answer("I", bytes([len(inputs)]) + ",".join(_type(name)[0] for name in inputs[-1]).encode())
                elif chr(kind) == "S":
                    answer("S", b"\x01")
                    running.set()
                    threading.Thread(target=report, daemon=True).start()
                elif chr(kind) == "P":
                    running.clear()
                    answer("P", b"\x01")
                elif chr(kind) == "U":
                    names = inputs[payload[0] - 1]
                    layout = ">" + "".join(_type(name)[1] for name in names)
                    flat = struct.unpack(layout, payload[1 : 1 + struct.calcsize(layout)])
                    with self._lock:
                        # The only vector among inputs is the last, and not heeded.
                        self._registers.update(zip(names, flat, strict=False))
                        self._heed()
        finally:
            running.clear()

    def _package(self, names: list[str]) -> bytes:
        with self._lock:
            state = self._state | {
                "runtime_state": _PLAYING if self.program else _STOPPED,
                "safety_status_bits": 0b100 if self.protective else 1,
                "output_int_register_0": self._ready,
            }  # fmt: skip
        return b"".join(
            struct.pack(">" + _type(name)[1], *np.ravel(state.get(name, np.zeros(6) if _type(name)[1] == "6d" else 0)))
            if _type(name)[1] != "i" and _type(name)[1] != "I"
            else struct.pack(">" + _type(name)[1], int(state.get(name, 0)))
            for name in names
        )


def _exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise EOFError("the connection ended")
        data += more
    return data


def main(words: list[str] | None = None) -> None:
    """Serve a robot until interrupted."""
    parser = argparse.ArgumentParser(description="a simulator: a UR controller with a simulated robot behind it")
    parser.add_argument("robot", help="what makes the robot, as module:name")
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in what a script starts in the background
        signal.signal(number, signal.default_int_handler)
    module, _, name = str(given.robot).partition(":")
    with RtdeSimulator(getattr(importlib.import_module(module), name), given.host) as simulator:
        _log.info("simulating %s as a UR controller at %s", given.robot, given.host)
        with contextlib.suppress(KeyboardInterrupt):
            simulator.wait()


if __name__ == "__main__":
    main()
