"""Requests to an ASGI application of this process."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

HOST = ("host", "127.0.0.1:8765")
JSON = ("content-type", "application/json")
Headers = Iterable[tuple[str, str]]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any, method: str, path: str, headers: Headers = (HOST, JSON), body: bytes = b"", query: bytes = b""
) -> Reply:
    """One request; `path` is as a server hands it on, decoded."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": query, "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    asked, messages = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> dict[str, Any]:
        return asked.pop() if asked else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    head = messages[0]
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head["headers"]}
    return Reply(head["status"], found, b"".join(message.get("body", b"") for message in messages[1:]))


def call(app: Any, method: str, path: str, headers: Headers = (HOST, JSON), body: Any = None) -> Reply:
    """One request with JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return asyncio.run(ask(app, method, path, headers, content))
