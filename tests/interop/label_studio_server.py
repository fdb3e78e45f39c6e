"""Label Studio's own server on a temporary folder, and people who work at it as their browsers do."""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.ports import reserved_port

OWNER = "ann@example.com"
PASSWORD = "of-the-tests-alone"
# Nothing is reported to anybody, and no newer version is asked for.
QUIET = {
    "COLLECT_ANALYTICS": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false",
    "CONVERTER_DOWNLOAD_RESOURCES": "false", "CI": "false",
}  # fmt: skip
_PATIENCE = 900  # s; a busy machine takes minutes for the migrations of an empty database


class Person:
    """Somebody who is logged in, with cookies of their own.

    Args:
        server: Address of the server.
        name: E-mail address.
    """

    def __init__(self, server: str, name: str) -> None:
        self.server, self.name = server, name
        self.cookies = CookieJar()
        # A proxy of the machine has no business on the loopback address.
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        self._opener = urllib.request.build_opener(*handlers)

    def log_in(self) -> None:
        self._form("/user/login/")

    def sign_up(self, invitation: str) -> None:
        """Make an account, by the link that the owner gives to people."""
        self._form(invitation)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API, with and for JSON."""
        return json.loads(self.send(method, path, json.dumps(body).encode() if body is not None else None) or b"null")

    def upload(self, path: str, file: Path) -> Any:
        """Choose a file in a form."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        parts = (
            head.encode(),
            b"Content-Type: application/json\r\n\r\n",
            file.read_bytes(),
            f"\r\n--{edge}--\r\n".encode(),
        )
        return json.loads(self.send("POST", path, b"".join(parts), f"multipart/form-data; boundary={edge}"))

    def send(self, method: str, path: str, told: bytes | None = None, kind: str = "application/json") -> bytes:
        """One request; an answer that is an error fails the test with what the server says."""
        headers = {"Content-Type": kind, "Referer": self.server, "X-CSRFToken": self._cookie("csrftoken")}
        request = urllib.request.Request(self.server + path, told, headers, method=method)
        try:
            with self._opener.open(request, timeout=_PATIENCE) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:1000]}") from error

    def _form(self, path: str) -> None:
        page = self.send("GET", path).decode()
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert hidden, page[:1000]
        told = {"csrfmiddlewaretoken": hidden[1], "email": self.name, "password": PASSWORD}
        self.send("POST", path, urllib.parse.urlencode(told).encode(), "application/x-www-form-urlencoded")
        assert self.ask("GET", "/api/current-user/whoami")["email"] == self.name

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self.cookies if cookie.name == name), "")


@contextmanager
def label_studio(python: Path, folder: Path) -> Iterator[str]:
    """Start a server with an empty database, and stop it at the end.

    Args:
        python: Of the environment that it is installed in.
        folder: Where it keeps everything.

    Yields:
        Its address, at which `OWNER` has an account.
    """
    with reserved_port() as port:
        yield from _served(python, folder, port)


def _served(python: Path, folder: Path, port: int) -> Iterator[str]:
    server = f"http://127.0.0.1:{port}"
    words = [
        "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", port, "--data-dir", folder / "data",
        "--username", OWNER, "--password", PASSWORD,
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        running = subprocess.Popen(
            [python, "-m", "label_studio.server", *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
            env={**os.environ, **QUIET, "HOME": str(folder)},
        )  # fmt: skip
    try:
        _wait(running, server, folder / "server.log")
        yield server
    finally:
        running.terminate()
        running.wait(30)


def _wait(running: subprocess.Popen, server: str, log: Path) -> None:
    asked = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with asked.open(f"{server}/health", timeout=10):
                return
        except OSError:
            said = log.read_text(errors="replace")[-2000:]
            assert running.poll() is None, f"Label Studio has ended:\n{said}"
            assert time.monotonic() < deadline, f"Label Studio does not answer:\n{said}"
            time.sleep(0.5)
