"""A SIMULATOR of a model that scores two pictures and tells how probable other scores were, on loopback.

No model is involved, and its noise is ours: of each picture it believes a score that is linear in the brightness, with
an error that is drawn for each question, and with half a point more for whatever is shown first; it writes the score
that is nearest, and gives the others of its scale the probabilities of a normal density about its belief. It shows what
is gained by reading these probabilities if a model's are such; nothing of what those of any real model are like.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import NormalDist
from typing import Any

import numpy as np

from benchmarks.worlds.pixel_judge import read_request, uniform

LEAST, MOST = 1, 9
WIDTH, FIRST_GAIN = 1.0, 0.5  # points


class ScoringServer:
    """Serves scores at a loopback address, as a context manager.

    Args:
        error: Standard deviation of what it believes of a picture in one question, points.
        seed: Of the errors.
    """

    def __init__(self, error: float, seed: int) -> None:
        self.error, self.seed, self.asked = error, seed, 0
        self._turn = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The ``base_url`` of clients."""
        if self._server is None:
            raise RuntimeError("the server has an address only within its context")
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ScoringServer:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                data = json.dumps(served.reply(json.loads(body))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """A completion with scores, and with log-probabilities if they are asked for."""
        with self._turn:
            self.asked += 1
        _, pictures = read_request(request["messages"])
        tokens: list[dict[str, Any]] = []
        for name, field in request["response_format"]["json_schema"]["schema"]["properties"].items():
            tokens += [_token(", " if tokens else "{"), _token(f'"{name}": ')]
            if field["type"] == "integer":
                tokens.append(self._score(pictures, second=name.endswith("second"), what=name))
            else:
                tokens.append(_token(json.dumps(field.get("enum", ["seen"])[0])))
        tokens.append(_token("}"))
        text = "".join(one["token"] for one in tokens)
        told = {"content": tokens, "refusal": None} if request.get("logprobs") else None
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "id": "simulated", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message, "logprobs": told}],
            "usage": {"prompt_tokens": 100, "completion_tokens": len(tokens), "total_tokens": 100 + len(tokens)},
        }  # fmt: skip

    def _score(self, pictures: Sequence[np.ndarray], *, second: bool, what: str) -> dict[str, Any]:
        shown = [hashlib.sha256(one.tobytes()).hexdigest() for one in pictures]
        error = self.error * NormalDist().inv_cdf(min(max(uniform(self.seed, what, *shown), 1e-9), 1 - 1e-9))
        believed = LEAST + (MOST - LEAST) * float(pictures[second].mean()) / 255 + error + FIRST_GAIN * (not second)
        weights = {value: math.exp(-0.5 * ((value - believed) / WIDTH) ** 2) for value in range(LEAST, MOST + 1)}
        total = sum(weights.values())
        others = [
            {"token": str(value), "logprob": math.log(max(weight / total, 1e-9))} for value, weight in weights.items()
        ]
        return _token(max(others, key=lambda one: one["logprob"])["token"]) | {"top_logprobs": others}


def _token(text: str) -> dict[str, Any]:
    return {"token": text, "logprob": 0.0, "top_logprobs": []}
