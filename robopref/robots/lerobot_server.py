"""Serves a LeRobot robot to `robopref.robots.lerobot`; runs in an environment where LeRobot is installed.

LeRobot wants other versions of torch than robopref does, so this file needs neither: only the standard library and what
makes your robot, any object with LeRobot's ``connect``, ``get_observation``, ``send_action`` and ``disconnect``.

    python lerobot_server.py my_module:make_robot --port 5555

The module is looked for in the current folder first.

One client at a time sends lines of JSON over TCP, each answered by one line:

    {"do": "start"}                       -> {"names": [...]}   take commands
    {"do": "read"}                        -> {"joints": [...], "time": ...}   positions, and monotonic seconds
    {"do": "move", "joints": [...]}       -> {}   the next positions
    {"do": "hold"}, {"do": "stop"}        -> {}   stay; after a stop moves are refused until the next start
    anything that fails                   -> {"error": "..."}

Positions are in the unit of the robot's own ``<joint>.pos``. When the client leaves, or says nothing for ``--deadman``
seconds while it moves, the robot is told to stay where it is.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import socket
import sys
import time
from typing import Any

_SUFFIX = ".pos"


class Server:
    """Serves one robot.

    Args:
        robot: LeRobot's, connected.
        port: Where to listen, on this machine only; 0 finds one.
        deadman: Seconds without a message after which the robot is told to stay.
    """

    def __init__(self, robot: Any, port: int = 0, deadman: float = 0.3) -> None:
        self._robot, self._deadman = robot, deadman
        self._moving = self._ready = False
        self._names = [name for name in robot.get_observation() if name.endswith(_SUFFIX)]
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Serve one client after the other, until the listener is closed."""
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._attend(peer)
            self._stay()

    def close(self) -> None:
        """End serving."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _attend(self, peer: socket.socket) -> None:
        waiting = b""
        peer.settimeout(self._deadman)
        while True:
            try:
                data = peer.recv(1 << 16)
            except TimeoutError:
                self._stay()
                continue
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                try:
                    answer = self._answer(json.loads(line))
                except Exception as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                peer.sendall(json.dumps(answer).encode() + b"\n")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        do = asked["do"]
        if do == "start":
            self._ready = True
            return {"names": [name.removesuffix(_SUFFIX) for name in self._names]}
        if do == "read":
            begun, joints = time.monotonic(), self._positions()
            return {"joints": joints, "time": begun}
        if do == "move":
            if not self._ready:
                raise RuntimeError("the robot was stopped")
            self._moving = True
            self._send(asked["joints"])
        elif do in ("hold", "stop"):
            self._ready = self._ready and do == "hold"
            self._moving = True
            self._stay()
        else:
            raise ValueError(f"there is no {do}")
        return {}

    def _positions(self) -> list[float]:
        seen = self._robot.get_observation()
        return [float(seen[name]) for name in self._names]

    def _send(self, joints: list[float]) -> None:
        self._robot.send_action(dict(zip(self._names, map(float, joints), strict=True)))

    def _stay(self) -> None:
        if self._moving:
            self._moving = False
            self._send(self._positions())


def main(words: list[str] | None = None) -> None:
    """Serve a robot until interrupted."""
    parser = argparse.ArgumentParser(description="serves a LeRobot robot to robopref")
    parser.add_argument("robot", help="what makes the robot, as module:function")
    parser.add_argument("--port", type=int, default=5555)
    parser.add_argument("--deadman", type=float, default=0.3)
    given = parser.parse_args(words)
    module, _, name = str(given.robot).partition(":")
    if not module or not name:
        parser.error(f"robot must be module:function, got {given.robot}")
    if not 0 <= given.port < 1 << 16 or not 0 < given.deadman < 3600:
        parser.error(f"port must be in 0 to 65535 and deadman in (0, 3600) s, got {given.port} and {given.deadman}")
    try:
        make: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        parser.error(f"cannot import {given.robot}: {error}")
    robot: Any = make()
    if not getattr(robot, "is_connected", True):
        robot.connect()
    try:
        server = Server(robot, given.port, given.deadman)
        print(f"serving the robot on port {server.port}", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            server.serve()
    finally:
        robot.disconnect()


def _elsewhere(paths: list[str]) -> list[str]:
    """Where a script looks for modules, when it is here but does not mean its neighbours: `lerobot` is LeRobot's."""
    here = os.path.dirname(os.path.abspath(__file__))
    return [os.getcwd(), *(path for path in paths if os.path.abspath(path) != here)]


if __name__ == "__main__":
    sys.path[:] = _elsewhere(sys.path)
    main()
