"""A loopback server that speaks OpenAI's chat completions protocol; a function, and no model, says what it replies."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import imageio.v3 as imageio
import numpy as np


class ScriptedServer:
    """Serves at a loopback address, as a context manager.

    Args:
        reply: From the text of a request and its pictures to the text of the reply.
    """

    def __init__(self, reply: Callable[[str, list[np.ndarray]], str]) -> None:
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_POST(handler) -> None:  # noqa: N805  the server is `self`
                request = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                text, pictures = _read(request["messages"])
                self.asked.append(text)
                message = {"role": "assistant", "content": reply(text, pictures)}
                data = json.dumps({
                    "id": "scripted", "object": "chat.completion", "created": 1, "model": request["model"],
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
                }).encode()  # fmt: skip
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The ``base_url`` of clients."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read(messages: list[dict[str, Any]]) -> tuple[str, list[np.ndarray]]:
    texts, pictures = [], []
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                data = part["image_url"]["url"].partition("base64,")[2]
                pictures.append(imageio.imread(base64.b64decode(data), extension=".png"))
    return "\n".join(texts), pictures
