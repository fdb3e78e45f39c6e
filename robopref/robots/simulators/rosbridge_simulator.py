"""A rosbridge server with a simulated robot behind it: a simulator, for trying `RosbridgeRobot` without ROS.

It speaks version 2 of the rosbridge protocol in JSON, the operations advertise, unadvertise, publish, subscribe,
unsubscribe and call_service; as in ROS, what is said right after a topic was advertised is lost. It knows the topics of
`robopref.robots.rosbridge.Topics` and no others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from robopref.errors import DependencyError, RoboprefError
from robopref.motion import Command, Reading, standing
from robopref.robot_protocols import Robot
from robopref.robots import ros_messages as ros_msgs
from robopref.robots.rosbridge import Topics
from robopref.robots.sim import TaskSpec
from robopref.robots.task_robot import TaskRobot

_log = logging.getLogger(__name__)
TOPICS = Topics(proprio="/robopref/proprio")
_DISCOVERY = 0.03  # s until who listens to a topic knows of who speaks on it; what is said before is lost


class RosbridgeSimulator:
    """Publishes what a robot reports, and executes what is published to it.

    Args:
        make: Makes the robot; called in the thread that simulates it.
        topics: Where things are.
        ros: Whether to write as ROS 1 or 2.
        host: Where to listen.
        port: Where to listen; 0 finds one.
        rate: Messages a second on each topic.
        noise: Standard deviation of each point of each cloud, m; a camera never gives the same cloud twice.

    Attributes:
        robot: The robot; None if it could not be made.
        port: Where it listens.
    """

    def __init__(
        self, make: Callable[[], Robot], *, topics: Topics = TOPICS, ros: int = 2, host: str = "127.0.0.1",
        port: int = 0, rate: float = 20.0, noise: float = 1e-4,
    ) -> None:  # fmt: skip
        try:
            from websockets.sync.server import serve
        except ImportError as error:
            raise DependencyError(
                "the simulator of rosbridge needs websockets; install it with: pip install 'robopref[simulators]'"
            ) from error
        self.topics, self._ros, self._period, self._noise = topics, ros, 1 / rate, noise
        self._make, self._rng = make, np.random.default_rng(0)
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._clients: dict[Any, set[str]] = {}
        self._advertised: dict[tuple[Any, str], float] = {}
        self._resets = 0
        self.robot: Robot | None = None
        self._made = threading.Event()
        self._server = serve(self._serve, host, port, max_size=None, compression=None)
        self.port: int = self._server.socket.getsockname()[1]
        self._threads = [
            threading.Thread(target=self._server.serve_forever, daemon=True),
            threading.Thread(target=self._simulate, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._made.wait()

    def drop(self) -> None:
        """Cut all connections, as a failing network does."""
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.socket.close()
            client.close_socket()

    def wait(self) -> None:
        """Serve until it is closed."""
        self._threads[1].join()

    def close(self) -> None:
        """Stop serving, and free the robot."""
        self._jobs.put(None)
        self._threads[1].join(30)
        self._server.shutdown()
        self._threads[0].join(5)

    def __enter__(self) -> RosbridgeSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread of the robot.

    def _simulate(self) -> None:
        try:
            robot = self.robot = self._make()
            robot.reset(seed=0)
        finally:
            self._made.set()
        due = time.monotonic()
        while True:
            try:
                job = self._jobs.get(timeout=max(1e-3, due - time.monotonic()))
                if job is None:
                    break
                job()
            except queue.Empty:
                pass
            if time.monotonic() >= due:
                self._report()
                due = time.monotonic() + self._period
        robot.close()

    def _report(self) -> None:
        if self.robot is None:
            return
        reading = self.robot.observe()
        at = time.time() - (time.monotonic() - reading.time)
        for name, message in self._messages(reading, ros_msgs.header(self._ros, "base", at=at)).items():
            self._send(name, message)

    def _messages(self, reading: Reading, head: dict[str, Any]) -> dict[str, dict[str, Any]]:
        topics, messages = self.topics, dict[str, dict[str, Any]]()
        messages[topics.pose] = {"header": head, "pose": ros_msgs.pose(reading.tool, reading.quaternion)}
        if topics.joints is not None and reading.joints is not None:
            names = [f"joint_{number}" for number in range(len(reading.joints))]
            positions = [float(one) for one in reading.joints]
            messages[topics.joints] = {
                "header": head, "name": names, "position": positions, "velocity": [], "effort": [],
            }  # fmt: skip
        if topics.proprio is not None and reading.observation.proprio is not None:
            layout = {"dim": [], "data_offset": 0}
            data = [float(one) for one in reading.observation.proprio]
            messages[topics.proprio] = {"layout": layout, "data": data}
        if reading.observation.points is not None:
            points = np.asarray(reading.observation.points)
            noise = self._rng.normal(0, self._noise, points.shape)
            messages[topics.clouds[0]] = ros_msgs.cloud((points + noise).astype(np.float32), head)
        return messages

    def _execute(self, head: Any, command: Callable[[Command], Command]) -> None:
        robot = self.robot
        if robot is None:
            return
        try:
            robot.execute(command(standing(robot.observe(), robot.spec)))
        except RoboprefError as error:
            _log.warning("a command was not executed: %s", error)
            return
        if robot.spec.primitive:
            self._report()
            self._send(self.topics.done, head)

    def _reset(self, client: Any, call: dict[str, Any]) -> None:
        if self.robot is not None:
            self.robot.reset(seed=self._resets)
        self._resets += 1
        self._report()
        answer = {"op": "service_response", "service": call["service"], "result": True,
                  "values": {"success": True, "message": ""}}  # fmt: skip
        _send(client, answer | ({"id": call["id"]} if "id" in call else {}))

    # The threads of the connections.

    def _serve(self, client: Any) -> None:
        self._clients[client] = set()
        try:
            for text in client:
                try:
                    self._handle(client, json.loads(text))
                except (ValueError, KeyError, TypeError) as error:
                    _send(client, {"op": "status", "level": "error", "msg": f"{type(error).__name__}: {error}"})
        except Exception as error:  # a connection that breaks is the client's concern
            _log.info("a client left: %s", error)
        finally:
            self._clients.pop(client, None)
            self._advertised = {key: since for key, since in self._advertised.items() if key[0] is not client}

    def _handle(self, client: Any, message: dict[str, Any]) -> None:
        operation, topics = message["op"], self.topics
        kind = str(message.get("type", ""))
        if self._ros == 1 and kind.count("/") > 1:
            raise ValueError(f"{kind} is not a valid type string")
        if operation == "subscribe":
            self._clients[client].add(message["topic"])
        elif operation == "unsubscribe":
            self._clients[client].discard(message["topic"])
        elif operation == "advertise":
            self._advertised.setdefault((client, message["topic"]), time.monotonic())
        elif operation == "unadvertise":
            self._advertised.pop((client, message["topic"]), None)
        elif operation == "call_service":
            if message["service"] != topics.reset:
                raise ValueError(f"there is no service {message['service']}")
            self._jobs.put(lambda: self._reset(client, message))
        elif operation == "publish":
            since = self._advertised.setdefault((client, message["topic"]), time.monotonic())
            if time.monotonic() - since < _DISCOVERY:
                _log.info("nobody knows of %s yet, so a message on it is lost", message["topic"])
            else:
                self._hear(message["topic"], message["msg"])
        else:
            raise ValueError(f"there is no operation {operation}")

    def _hear(self, topic: str, message: dict[str, Any]) -> None:
        robot = self.robot
        if robot is None:
            return
        if topic == self.topics.stop:
            if message["data"]:
                robot.stop()
        elif topic != self.topics.command:
            raise ValueError(f"nobody listens to {topic}")
        elif "poses" in message:
            poses = [ros_msgs.read_pose(one) for one in message["poses"]]
            if not poses:
                robot.hold()
                return
            points = np.stack([point for point, _ in poses])
            quaternion = poses[0][1] if robot.spec.oriented else None
            self._jobs.put(lambda: self._execute(message["header"], lambda _: Command(points, quaternion)))
        elif "pose" in message:
            point, turn = ros_msgs.read_pose(message["pose"])
            wanted = Command(point[None], turn if robot.spec.oriented else None)
            self._jobs.put(lambda: self._execute(None, lambda _: wanted))
        else:
            joints = np.asarray(message["data"], np.float64)
            self._jobs.put(lambda: self._execute(None, lambda origin: Command(origin.points, joints=joints)))

    def _send(self, topic: str, message: Any) -> None:
        for client, wanted in list(self._clients.items()):
            if topic in wanted:
                _send(client, {"op": "publish", "topic": topic, "msg": message})


def _send(client: Any, message: dict[str, Any]) -> None:
    with contextlib.suppress(Exception):  # it left meanwhile
        client.send(json.dumps(message))


def main(words: list[str] | None = None) -> None:
    """Serve a simulated task until interrupted."""
    parser = argparse.ArgumentParser(description="a simulator: a rosbridge server with a simulated task behind it")
    parser.add_argument("--task", default="envs:robopref/RopeShaping-v0", help="gymnasium id")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--ros", type=int, default=2, choices=(1, 2))
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in what a script starts in the background
        signal.signal(number, signal.default_int_handler)
    with RosbridgeSimulator(
        lambda: TaskRobot(TaskSpec(given.task)), ros=given.ros, host=given.host, port=given.port
    ) as simulator, contextlib.suppress(KeyboardInterrupt):  # fmt: skip
        _log.info("simulating %s as a ROS %d robot at ws://%s:%d", given.task, given.ros, given.host, simulator.port)
        simulator.wait()


if __name__ == "__main__":
    main()
