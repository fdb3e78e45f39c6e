"""A connection to a rosbridge server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from robopref.errors import RobotError
from robopref.robots import ros_messages as ros_msgs
from robopref.robots.sdk import sdk


class Link:
    """A connection that is never taken up again.

    Args:
        host: Of the server.
        port: Of the server.
        ros: 1 or 2.
        timeout: s.
        lost: Set when the connection is gone.

    Attributes:
        trouble: The first error that the server reported; empty if there was none.
    """

    def __init__(self, host: str, port: int, ros: int, timeout: float, lost: threading.Event) -> None:
        roslibpy = self._lib = sdk("roslibpy")
        self._version, self._topics, self._lost = ros, dict[str, Any](), lost
        self._client: Any = roslibpy.Ros(host, port, transport="asyncio")
        # A message that waits for a new connection would be an old command by then.
        self._client.factory.maxRetries = 0
        self._client.on("close", self._lose)
        self.trouble = ""
        self._client.factory.on_ready(self._listen)
        try:
            self._client.run(timeout)
        except Exception as error:
            raise RobotError(f"no rosbridge server at {host}:{port} within {timeout:g} s; is it running?") from error

    def _lose(self, _connection: Any) -> None:
        self._lost.set()

    def _listen(self, protocol: Any) -> None:
        # The library knows the operation, and has nothing that handles it.
        protocol._message_handlers["status"] = self._hear_status

    def _hear_status(self, status: Any) -> None:
        if status.get("level") == "error" and not self.trouble:
            self.trouble = (
                f"rosbridge reports: {status.get('msg', '')!s:.300}{ros_msgs.other_version(status, self._version)}"
            )

    def subscribe(self, name: str, kind: str, callback: Callable[[Any], None]) -> None:
        """Hear a topic; the callback runs in another thread."""
        # queue_length 1: the server keeps only the newest when the line is slow.
        topic = self._lib.Topic(self._client, name, ros_msgs.type_name(kind, self._version), queue_length=1,
                                reconnect_on_close=False)  # fmt: skip
        topic.subscribe(callback)

    def advertise(self, name: str, kind: str) -> None:
        """Say that something will be said on a topic."""
        if name not in self._topics:
            kind = ros_msgs.type_name(kind, self._version)
            self._topics[name] = self._lib.Topic(self._client, name, kind, reconnect_on_close=False)
            self._topics[name].advertise()

    def publish(self, name: str, kind: str, message: dict[str, Any]) -> None:
        """Say something on a topic."""
        self.advertise(name, kind)
        self._topics[name].publish(self._lib.Message(message))

    def call(self, name: str, timeout: float) -> None:
        """Call a service and wait for its success."""
        service = self._lib.Service(self._client, name, ros_msgs.type_name("std_srvs/Trigger", self._version))
        try:
            answer = service.call(self._lib.ServiceRequest(), timeout=timeout)
        except Exception as error:
            raise RobotError(f"service {name} failed: {type(error).__name__}: {error}") from error
        if not answer.get("success", False):
            raise RobotError(f"service {name} did not succeed: {answer.get('message', '')}")

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
