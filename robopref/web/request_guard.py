"""What every request has to pass before a server looks at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_BODY = 64 * 1024
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class RequestGuard:
    """ASGI middleware against requests that no page of the server makes.

    It refuses names of the server that it does not go by (a foreign name that resolves to this machine), requests that
    another site's page makes, bodies that are too large or no JSON, and tells browsers to load nothing from elsewhere.

    Args:
        app: What is guarded.
        hosts: Names that the server goes by; None for any, which needs tokens.
    """

    def __init__(self, app: App, hosts: Iterable[str] | None) -> None:
        self.app = app
        self.hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                if not any(name.lower() == b"cache-control" for name, _ in message.get("headers", [])):
                    extra.append((b"cache-control", b"no-store"))
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        status, reason = self._refusal(scope["method"], headers)
        if not status and scope["method"] not in ("GET", "HEAD"):
            try:
                body = await _body(receive, headers)
            except ConnectionError:
                return  # nobody waits for a reply
            if body is None:
                status, reason = 413, f"requests are limited to {LARGEST_BODY} bytes"
            else:
                receive = _replay(body, receive)
        if status:
            await _refuse(send_guarded, status, reason)
            return
        await self.app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: dict[str, list[str]]) -> tuple[int, str]:
        """Status and reason of a refusal; 0 lets the request pass."""
        host = headers.get("host", [])
        name = _hostname(host[0]) if len(host) == 1 else None
        if name is None:
            return 400, "exactly one valid Host header is needed"
        if self.hosts is not None and name not in self.hosts:
            return 421, "this server does not go by that name"
        return (0, "") if method in ("GET", "HEAD") else _refusal_of_write(host[0], headers)


def _refusal_of_write(host: str, headers: dict[str, list[str]]) -> tuple[int, str]:
    strange = any(site not in ("same-origin", "none") for site in headers.get("sec-fetch-site", []))
    if strange or any(_netloc(origin) != host.lower() for origin in headers.get("origin", [])):
        return 403, "requests of other sites are refused; a proxy has to pass on the Host that it was asked for"
    kinds = headers.get("content-type", [])
    if len(kinds) != 1 or kinds[0].split(";")[0].strip().lower() != "application/json":
        return 415, "the body has to be application/json"
    return 0, ""


def _hostname(host: str) -> str | None:
    if not host or any(sign in host for sign in "/@?#\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises if it is no number
    except ValueError:
        return None
    return parts.hostname


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


async def _body(receive: Receive, headers: dict[str, list[str]]) -> bytes | None:
    """The whole body, or None if it is too large; raises ConnectionError if it did not come whole."""
    declared = headers.get("content-length", ["0"])[0]
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > LARGEST_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionAbortedError
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = f'{{"error": "{reason}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
