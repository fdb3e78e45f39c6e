"""Listening, and serving until told to end."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from typing import Any

from robopref.errors import ConfigError, DependencyError
from robopref.web.connections import LATE, Door
from robopref.web.request_guard import App
from robopref.web.sparing import Sparing

try:
    import h11
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:  # pragma: no cover
    raise DependencyError(
        f"pages in a browser need the package {error.name}; install it with: pip install 'robopref[label]'"
    ) from error

_PATIENCE = 3  # s for connections to end
_WHOLE = 10.0  # s for a request to come whole, and for a connection to have one
_TAKEN = 30.0  # s for a reply to be taken
# Files that the process may have open, of which connections may take a part.
_MOST = max(20, min(400, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
_sparing = Sparing()


def listen(host: str, port: int, setting: str = "labeler.port") -> socket.socket:
    """Take a port.

    Args:
        host: Address.
        port: Port; 0 takes a free one.
        setting: What says which port, for the error.

    Returns:
        A socket that listens.

    Raises:
        ConfigError: The address does not exist, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()  # a browser that is opened before the server runs waits
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen at {host}:{port} ({reason}); choose another {setting}") from error
    return bound


def serve(app: App, bound: socket.socket) -> None:
    """Serve until interrupted.

    Args:
        app: The application.
        bound: Socket from `listen`.
    """
    _server(app).run(sockets=[bound])


class Background:
    """Serves in a thread until closed; whatever happens to it, nobody else notices.

    Args:
        app: The application.
        bound: Socket from `listen`.
    """

    def __init__(self, app: App, bound: socket.socket) -> None:
        self._server, self._bound = _server(app), bound
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="robopref-page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End the connections and the thread, and free the port."""
        self._server.should_exit = True
        self._thread.join(2 * _PATIENCE)
        self._bound.close()


class _Connection(H11Protocol):
    """A connection that ends when a request does not come whole, or a reply is not taken, in time."""

    door: Door
    begun = False
    _awaited = ""
    _limit: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Who is at the other end."""
        return self.client[0] if self.client else ""

    @property
    def at_work(self) -> bool:
        """Whether a request that came whole is being answered, and not late on purpose."""
        cycle: Any = self.cycle
        whole = cycle is not None and not cycle.response_complete and self.conn.their_state is not h11.SEND_BODY
        return whole and not self.scope.get(LATE, False)

    def drop(self) -> None:
        """End it at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.door.enter(self):
            self._watch()
        else:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_in(None)
        self.door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.begun = True
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self.begun = False
        super().on_response_complete()
        self._awaited = ""  # the next request has as long as this one had
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch()

    def _watch(self) -> None:
        """Wait for what the other end has to do, for as long as that may take since it became its turn."""
        awaited = "taking" if self.flow.write_paused else "nothing" if self.at_work else "asking"
        if awaited != self._awaited:
            self._awaited = awaited
            self._end_in({"taking": _TAKEN, "asking": _WHOLE, "nothing": None}[awaited])

    def _end_in(self, seconds: float | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = None if seconds is None else self.loop.call_later(seconds, self.drop)


def _server(app: App) -> uvicorn.Server:
    own = type("_OwnConnection", (_Connection,), {"door": Door(each=_MOST // 2, altogether=_MOST)})
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=_PATIENCE, ws="none", http=own, lifespan="off",
    )  # fmt: skip
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_sparing)
    return uvicorn.Server(config)
