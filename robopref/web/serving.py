"""Listening, and serving until told to end."""

from __future__ import annotations

import socket
import threading

from robopref.errors import ConfigError, DependencyError
from robopref.web.guard import App

try:
    import uvicorn
except ImportError as error:  # pragma: no cover
    raise DependencyError(
        f"pages in a browser need the package {error.name}; install it with: pip install 'robopref[label]'"
    ) from error

_PATIENCE = 3  # s for connections to end


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


def _server(app: App) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=_PATIENCE, ws="none", http="h11", lifespan="off",
    ))  # fmt: skip
