"""A SIMULATOR of a vision-language model: an HTTP server that measures pictures and errs as often as it is told.

No model is involved. The server speaks OpenAI's chat completions protocol on loopback, decodes the pictures of a
request, compares them by a number that is computed from their pixels, and names the worse one with a given
probability. It can also fail in the ways in which real servers and models fail. Labels that come from it show that the
path from pixels to labels works, and what a given share of wrong labels does to learning; they say nothing about what
any real model can see.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import imageio.v3 as imageio
import numpy as np

Score = Callable[[Sequence[np.ndarray]], float]
TRANSIENT = ("429", "500", "timeout", "broken")
SPOILT = ("cut", "enum", "prose", "refusal", "refusal in prose", "language", "unsure")
FAULTS = (*TRANSIENT, *SPOILT)
_ERRORS = {"429": (429, "Rate limit reached"), "500": (500, "The server had an error")}
_PROSE = "The second picture seems to show a better result, although it is hard to be certain about it."
_DECLINED = "I'm sorry, but I can't help with comparing these pictures."


class PixelJudge:
    """Which of two items is better, by their pixels.

    Whether it errs depends on the two items and the seed, not on their order: it misjudges a pair, however it is shown.

    Args:
        score: Number of the frames (h, w, 3) of an item; larger is better.
        error: Probability of the wrong answer to a pair that differs.
        equal: Items whose numbers are nearer than this are called equal.
        seed: Seed of the errors.
    """

    def __init__(self, score: Score, *, error: float = 0.2, equal: float = 0.0, seed: int = 0) -> None:
        self.score, self.error, self.equal, self.seed = score, error, equal, seed

    def errs(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
        """Whether it misjudges this pair."""
        names = sorted(hashlib.sha256(b"".join(frame.tobytes() for frame in item)).digest() for item in (first, second))
        return uniform(self.seed, *names) < self.error

    def decide(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> str:
        """``first``, ``second`` or ``tie``."""
        difference = self.score(first) - self.score(second)
        if difference == 0 or abs(difference) < self.equal:
            return "tie"
        return "first" if (difference > 0) != self.errs(first, second) else "second"


class JudgeServer:
    """Serves a `PixelJudge` at a loopback address, as a context manager.

    Args:
        judge: Who decides.
        faults: Probability of each of `FAULTS`. Those of `TRANSIENT` are drawn anew when a request is repeated, the
            others depend on what is asked.
        stall: Seconds until a request that is to time out is answered after all.
        schemas: Whether it takes a JSON schema; some servers answer 400 to one.
        seed: Seed of the faults.
    """

    def __init__(
        self,
        judge: PixelJudge,
        faults: Mapping[str, float] | None = None,
        *,
        stall: float = 1.0,
        schemas: bool = True,
        seed: int = 0,
    ) -> None:
        self.judge, self.stall, self.schemas, self.seed = judge, stall, schemas, seed
        self.faults = dict(faults or {})
        unknown = set(self.faults) - set(FAULTS)
        if unknown or sum(self.faults.values()) > 1:
            raise ValueError(f"faults must be of {FAULTS} and sum to 1 at most, got {self.faults}")
        self.turn = threading.Lock()
        self.seen: Counter[str] = Counter()  # requests by content
        self.replied: Counter[str] = Counter()  # whole replies with status 200, by content
        self.injected: Counter[str] = Counter()
        self.usage = [0, 0]  # tokens read and written, as reported in whole replies
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The ``base_url`` of clients."""
        if self._server is None:
            raise RuntimeError("the server has an address only within its context")
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> JudgeServer:
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": self}))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, texts: str, pictures: list[np.ndarray], *, structured: bool) -> str:
        """What is replied if nothing goes wrong."""
        return _reply(self.verdict(texts, pictures), {} if structured else None, None, pictures)[0]

    def verdict(self, texts: str, pictures: list[np.ndarray]) -> str:
        """From pictures, or in the second of two stages from what was said of them in the first."""
        if not pictures:
            said = re.search(r"by the goal: (first|second|tie)", texts)
            return said.group(1) if said else "cannot tell"
        if len(pictures) == 1:  # a grid of two rows
            half = pictures[0].shape[0] // 2
            return self.judge.decide([pictures[0][:half]], [pictures[0][-half:]])
        half = len(pictures) // 2
        return self.judge.decide(pictures[:half], pictures[half:])

    def fault(self, key: str) -> str | None:
        """Which fault a request meets, if any."""
        with self.turn:
            times = self.seen[key]
            self.seen[key] += 1
        for kinds, chance in (
            (TRANSIENT, uniform(self.seed, key, times)),
            (SPOILT, uniform(self.seed, key, "spoilt")),
        ):
            ends = np.cumsum([self.faults.get(kind, 0.0) for kind in kinds])
            if chance < ends[-1]:
                return kinds[int(np.searchsorted(ends, chance, side="right"))]
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    served: JudgeServer
    protocol_version = "HTTP/1.1"
    # A reply is written in two parts, and the second one would wait for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        served, key = self.served, hashlib.sha256(body).hexdigest()
        fault = served.fault(key)
        if fault is not None:
            with served.turn:
                served.injected[fault] += 1
        if fault == "timeout":
            time.sleep(served.stall)
        request = json.loads(body)
        try:
            if "response_format" in request and not served.schemas:
                self._send(400, {"error": {"message": "response_format is not supported", "type": "invalid_request"}})
            elif fault in _ERRORS:
                status, message = _ERRORS[fault]
                self._send(status, {"error": {"message": message, "type": "server_error"}})
            elif fault in ("timeout", "broken"):
                self._send(200, {"choices": []}, broken=True)
            else:
                reply = self._completion(request, fault)
                with served.turn:
                    served.replied[key] += 1
                    served.usage[0] += reply["usage"]["prompt_tokens"]
                    served.usage[1] += reply["usage"]["completion_tokens"]
                self._send(200, reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, status: int, reply: dict[str, Any], *, broken: bool = False) -> None:
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if broken else data)
        self.close_connection = broken or self.close_connection

    def _completion(self, request: dict[str, Any], fault: str | None) -> dict[str, Any]:
        texts, pictures = read_request(request["messages"])
        structured = bool({"response_format", "tools"} & request.keys()) or "JSON schema" in texts
        given = request.get("response_format", {}).get("json_schema", {}).get("schema", {})
        fields = given.get("properties", {}) if structured else None
        verdict = self.served.verdict(texts, pictures)
        text, refusal, finish = _reply(verdict, fields, fault, pictures)
        message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        if request.get("tools") and not refusal:
            call = {"id": "call", "type": "function", "function": {"name": "answer", "arguments": text}}
            message |= {"content": None, "tool_calls": [call]}
            finish = "tool_calls"
        used = {"prompt_tokens": len(texts) // 4 + 85 * len(pictures), "completion_tokens": len(text) // 4 + 1}
        return {
            "id": "simulated", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}],
            "usage": used | {"total_tokens": sum(used.values())},
        }  # fmt: skip


def read_request(messages: list[dict[str, Any]]) -> tuple[str, list[np.ndarray]]:
    """The text and the pictures of a request."""
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


def _reply(
    verdict: str, fields: Mapping[str, Any] | None, fault: str | None, pictures: Sequence[np.ndarray]
) -> tuple[str, str | None, str]:
    """Text, refusal and finish reason; without fields of a reply, prose."""
    if fault == "refusal":
        return "", _DECLINED, "stop"
    if fault == "refusal in prose":
        return _DECLINED, None, "stop"
    if fault == "prose":
        return _PROSE, None, "stop"
    if fault == "unsure":
        verdict = "cannot tell"
    if fields is None:
        seen = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()[:8]
        return f"I compared the items (seen as {seen}). Better by the goal: {verdict}.", None, "stop"
    answer = _reasons(fields, verdict) | {"reasoning": f"Measured: {verdict}.", "answer": verdict, "confidence": 0.8}
    if fault == "enum":
        answer["answer"] = "Z"
    if fault == "language":
        answer |= {"reasoning": "第二张图片更接近目标。", "answer": "第二个"}
    text = json.dumps(answer, ensure_ascii=False)
    if fault == "cut":
        return text[: len(text) // 2], None, "length"
    return text, None, "stop"


def _reasons(fields: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    """Findings and scores of a schema that wants some, all as the verdict."""
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name.endswith("_finding"):
            found[name] = f"Measured: {verdict}."
        elif field.get("type") == "integer":
            found[name] = 8 if name.endswith(verdict) else 3
    return found


def uniform(*what: object) -> float:
    """A number in [0, 1) that depends on `what` and on nothing else."""
    digest = hashlib.sha256("\n".join(map(repr, what)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
