"""A model's server that fails in every way, repeats keys, and keeps a bill of its own."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

FINAL, DRAFT = "first", "second"  # what every model concludes, and what it thinks of on the way
FAULTS = (
    "none", "no usage", "huge usage", "negative usage", "usage in words", "usage that is no number", "usage of zero",
    "no choice", "error after work", "status 502", "status 429", "status 400", "timeout", "slow body", "cut body",
    "hung up", "bomb", "deep", "half a character", "no JSON", "redirect", "key in reply", "key in error",
    "thinking ended", "still thinking", "cut off", "two answers", "two choices", "called twice",
)  # fmt: skip
_USAGE: dict[str, Any] = {
    "no usage": None,
    "huge usage": 10**30,
    "negative usage": -500,
    "usage in words": "many",
    "usage that is no number": float("nan"),
    "usage of zero": 0,
}


def _bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()


BOMB = _bomb()


class FaultyJudge:
    """Serves OpenAI's protocol on loopback.

    Args:
        seed: Of the mixture of faults, of the price and of everything else.
        faults: Chance of each fault; the rest of the time nothing goes wrong.
        stall: Seconds of a timeout, longer than who asks waits.

    Attributes:
        cost: Tokens read and written of the dearest request.
        bill: Tokens read and written of all requests that were worked on, whatever was sent back.
        worked: How many those are.
        injected: Faults so far.
    """

    def __init__(self, seed: int, faults: Mapping[str, float], stall: float) -> None:
        self._random = random.Random(seed)
        self.faults, self.stall = faults, stall
        self.cost = self._random.randint(200, 12_000), self._random.randint(20, 200)
        self.spread = self._random.choice([0.0, 0.2])
        self.bill, self.worked, self.injected = [0, 0], 0, Counter[str]()
        self._turn = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": self}))

    def __enter__(self) -> FaultyJudge:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address for ``base_url``."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def meet(self) -> tuple[str, tuple[int, int]]:
        """The fault of a request, and its tokens, which are on the bill from here on unless it is turned away."""
        with self._turn:
            kinds, chances = list(self.faults), list(self.faults.values())
            fault = self._random.choices([*kinds, "none"], [*chances, max(0.0, 1 - sum(chances))])[0]
            self.injected[fault] += 1
            share = 1 - self.spread * self._random.random()
            used = int(self.cost[0] * share), int(self.cost[1] * share)
            if fault != "status 429":
                self.bill = [self.bill[0] + used[0], self.bill[1] + used[1]]
                self.worked += 1
            return fault, used


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Say nothing of who went away in the middle of a request: what is printed is searched for other things."""


class _Handler(BaseHTTPRequestHandler):
    served: FaultyJudge
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one request."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault, used = self.served.meet()
        if fault in ("timeout", "hung up"):
            time.sleep(self.served.stall if fault == "timeout" else 0.0)
            self.close_connection = True
            return
        headers = {str(name): str(value) for name, value in self.headers.items()}
        status, more, body = reply(fault, used, headers, structured="response_format" in request)
        try:
            self._send(status, more, body, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, status: int, more: Mapping[str, str], body: bytes, fault: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if fault == "slow body":
            for k in range(20):
                self.wfile.write(body[k : k + 1])
                self.wfile.flush()
                time.sleep(self.served.stall / 20)
        else:
            self.wfile.write(body[: len(body) // 2] if fault == "cut body" else body)
        self.close_connection = fault in ("cut body", "slow body")


def reply(
    fault: str, used: tuple[int, int], headers: Mapping[str, str], *, structured: bool
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a reply.

    Args:
        fault: What goes wrong.
        used: Tokens read and written.
        headers: Of the request, which hold the key.
        structured: Whether JSON is asked for.
    """
    told = _keys(headers)
    statuses = {"error after work": 500, "status 502": 502, "status 429": 429, "status 400": 400, "key in error": 503}
    if fault in statuses:
        message = told if fault in ("key in error", "status 400") else fault
        return (
            statuses[fault],
            {"retry-after": "nan", "x-echo": told},
            json.dumps({"error": {"message": message}}).encode(),
        )
    if fault == "redirect":
        return 307, {"location": f"http://127.0.0.1:9/{quote(told)}"}, b""
    if fault == "bomb":
        return 200, {"content-encoding": "gzip"}, BOMB
    raw = {"deep": b'{"choices":' * 100_000, "no JSON": b"<html>gateway</html>"}
    if fault in raw:
        return 200, {}, raw[fault]
    usage = {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}
    if fault in _USAGE:
        usage = dict.fromkeys(usage, _USAGE[fault]) if fault != "no usage" else None
    return 200, {}, json.dumps(_completion(fault, usage, told, structured)).encode()


def _completion(fault: str, usage: Any, told: str, structured: bool) -> dict[str, Any]:
    final, draft = _said(FINAL, structured), _said(DRAFT, structured)
    texts = {
        "half a character": final.replace("nearer", "near\ud800er\0"),
        "key in reply": final.replace("nearer", json.dumps(told)[1:-1]),
        "thinking ended": f"I could say {draft} but no.\n</think>\n{final}",
        "still thinking": f"<think>Perhaps {draft} or",
        "cut off": f"Perhaps {draft}",
        "two answers": f"{draft}\nNo: {final}",
    }
    message: dict[str, Any] = {"role": "assistant", "content": texts.get(fault, final)}
    if fault == "called twice" and structured:
        calls = [
            {"id": "c", "type": "function", "function": {"name": "answer", "arguments": text}}
            for text in (draft, final)
        ]
        message |= {"content": None, "tool_calls": calls}
    choices = [{"index": 0, "finish_reason": "length" if fault == "cut off" else "stop", "message": message}]
    if fault == "two choices":
        choices.append({"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": draft}})
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [] if fault == "no choice" else choices, "usage": usage,
    }  # fmt: skip


def _said(answer: str, structured: bool) -> str:
    if not structured:
        return f"The {answer} item is nearer to the goal."
    return json.dumps({"reasoning": "It is nearer.", "answer": answer, "confidence": 0.9})


def _keys(headers: Mapping[str, str]) -> str:
    """All headers, and the key in other ways of writing."""
    key = {name.lower(): value for name, value in headers.items()}.get("authorization", "").removeprefix("Bearer ")
    raw = key.encode()
    forms = [key, key[:20], key[-20:], key.upper(), quote(key, safe=""), raw.hex()]
    forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(b"user:" + raw).decode()]
    return f"{dict(headers)} {' '.join(forms)}"
