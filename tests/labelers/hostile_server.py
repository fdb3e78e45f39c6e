"""An HTTP server on loopback that replies whatever a test says, whole and in OpenAI's protocol or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = json.dumps({"reasoning": "the first is nearer", "answer": "first", "confidence": 0.9})
DRAFT = json.dumps({"reasoning": "draft", "answer": "second", "confidence": 0.5})
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chat(content: Any, finish: str | None = "stop", message: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """A completion."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": content, **(message or {})},
    }
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": USAGE,
        **more,
    }


class HostileServer:
    """Replies what a function says.

    Args:
        reply: Takes the body and the headers of a request; gives a completion, or status, headers and body.
    """

    def __init__(self, reply: Callable[[dict[str, Any], Mapping[str, str]], Any]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                served.bodies.append(body)
                given = served.reply(body, dict(self.headers))
                status, headers, raw = given if isinstance(given, tuple) else (200, {}, json.dumps(given).encode())
                self.send_response(status)
                for name, value in (
                    {"content-type": "application/json", "content-length": str(len(raw))} | headers
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address for ``base_url``."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"
