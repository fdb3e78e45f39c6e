"""Requests that no page makes, and clients that hold on, against every page that robopref serves.

The label server is a program of its own, with tokens; the pages of a run and of cameras are served in this one. While
they are attacked, a person labels, and what the server acknowledged is compared with what it stored. As the page does,
a person asks again when a connection was dropped, three times at the most.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.label_load import wait_for
from benchmarks.records import Record, exactly
from robopref.cameras import Alignment, Calibration
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.recording.timing import Timing
from robopref.records import Item, Query
from robopref.runtime.control_loop import ControlPace
from robopref.views import camera_page as cameras
from robopref.views import run_server as server
from robopref.views.camera_page import CellView
from robopref.views.run import RunView
from robopref.web.access import Access
from robopref.web.request_guard import App
from robopref.web.serving import Background, listen
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT

REQUESTS = {"labels": 6000, "run": 2500, "cameras": 1500}
HOLDING, GUESSING, ENTRIES, TRIES = 500, 8, 200, 4
PATIENCE = 20.0  # s for a reply, or for the server to end the connection
PATHS = {
    "labels": ["/api/answer"] * 6 + ["/api/next", "/api/undo", "/api/login", "/api/progress", "/media/x/0-1-0.mp4"],
    "run": ["/api/press"] * 3 + ["/api/run", "/api/login"],
    "cameras": ["/api/cameras"] * 3 + ["/api/login"],
}
ODD_PATHS = [
    "/", "/static/app.js", "/static/../site.py", "/static/%2e%2e%2fsite.py", "/media/%00", "//", "/%", "/%ff%fe", "*",
    "/media/" + "a/" * 2000, "/api/answer/", "/api//next", "/docs", "/openapi.json", "http://evil.example/", "/\x7f",
    "/api/next?" + "a=b&" * 500, "/static/é", "/.git/config",
]  # fmt: skip
VALUES = [
    None, True, -1, 0, 1e308, 10**40, "", "x", "\0", "\ud800", "x" * 3000, [], [[]], {}, {"type": "preference"}, "q1",
    {"type": "preference", "p": 1e999}, {"type": "ranking", "ranks": [0, -1]}, [0, 1], {"type": "rating"},
    {"type": "similarity", "odd": 99}, {"type": "abstain", "reason": 5}, [10**30], {"a": {"b": [1]}},
]  # fmt: skip
FIELDS = ("answer_id", "query_id", "order", "answer", "seconds", "rationale", "token", "key", "more")
HEADERS = [
    b"Content-Length: -5", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked",
    b"Expect: 100-continue", b"Content-Encoding: gzip", b"Range: bytes=9-1", b"Range: bytes=0-,0-,0-",
    b"Cookie: =;=", b"Origin: null",
    b"Authorization: Bearer \xff\xfe", b"Authorization: Basic x", b"Host: evil", b"Upgrade: websocket", b"Bad Name: x",
    b"If-Modified-Since: never", b"Accept: \x00", b"X: " + b"y" * 9000, b"Connection: upgrade", b"Forwarded: for=x",
    b"X-Forwarded-For: 1.2.3.4, \xe9", b"Content-Type: application/json; charset=utf-7", b": x", b"Host:",
]  # fmt: skip


@dataclass
class Served:
    """A server under attack.

    Attributes:
        port: Where.
        token: That it takes.
    """

    port: int
    token: str


@dataclass
class Found:
    """What came back.

    Attributes:
        sent: Requests.
        failed: First bytes of each reply of 500 or above, but the refusal of a fifth watcher.
        hung: Requests that were neither answered nor ended.
    """

    sent: int = 0
    failed: list[bytes] = field(default_factory=list)
    hung: int = 0


class Person:
    """Labels over one connection a request, and keeps what was acknowledged."""

    def __init__(self, served: Served) -> None:
        self.served, self.acknowledged, self.state = served, dict[str, str](), {}

    def answer(self) -> None:
        """Answer one question."""
        question = (self.state or self._ask("next", {}))["question"]
        name = uuid.uuid4().hex
        body = {"answer_id": name, "query_id": question["id"], "order": question["order"]}
        self.state = self._ask("answer", body | {"answer": {"type": "preference", "p": 1}})
        self.acknowledged[question["id"]] = name

    def _ask(self, what: str, body: dict) -> dict:
        content = json.dumps(body).encode()
        head = (
            f"POST /api/{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.served.token}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        reply = persistent(self.served.port, head.encode() + content)
        status, _, rest = (reply or b"").partition(b"\r\n")
        if not status.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"a person who labels was refused: {status!r}")
        return json.loads(rest.partition(b"\r\n\r\n")[2])


def measure(share: float) -> list[Record]:
    """Attack every page.

    Args:
        share: Of the attack; 1 is all of it.

    Returns:
        The records.
    """
    with tempfile.TemporaryDirectory() as folder, _labelling(Path(folder)) as labels:
        person, found = Person(labels), {"labels": Found()}
        with _watching() as run, _looking() as look:
            for seed, (name, served) in enumerate({"labels": labels, "run": run, "cameras": look}.items()):
                found[name] = _malformed(name, served, int(share * REQUESTS[name]), seed, person)
        entered = _knocking(labels, person, max(3, int(share * ENTRIES)))
        with FeedbackStore(Path(folder) / "labels.sqlite") as store:
            stored = {given.query_id for given in store.feedback()}
        log = len((Path(folder) / "log").read_bytes())
    sent = sum(one.sent for one in found.values())
    for name, one in found.items():
        print(f"{name}: {one.sent} requests, failed {one.failed[:3]}, hung {one.hung}", flush=True)
    refused = len(entered) - sum(entered)
    failed, hung = sum(len(one.failed) for one in found.values()), sum(one.hung for one in found.values())
    given = set(person.acknowledged)
    siege = f"{HOLDING} connections hold on and {GUESSING} clients of the same address guess"
    return [
        exactly("requests: malformed requests answered with 5xx", failed, "replies", sent),
        exactly(f"requests: malformed requests not answered or ended within {PATIENCE:.0f} s", hung, "requests", sent),
        exactly("requests: acknowledged answers lost under attack", len(given - stored), "answers", len(given)),
        exactly("requests: stored answers that nobody gave", len(stored - given), "answers", len(stored)),
        exactly(f"requests: right tokens refused while {siege}", refused, "entries", len(entered)),
        exactly("requests: whole 100 kB that the attacked label server logged", log // 100_000, "100 kB", 1),
    ]


def exchange(port: int, content: bytes, *, most: int = 1 << 20) -> bytes | None:
    """Send bytes and read the reply to its end.

    Returns:
        The reply, empty if the connection was ended without one; None if neither came in time.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            reply = b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(content)
            with contextlib.suppress(ConnectionError):
                while len(reply) < most and (piece := connection.recv(65536)):
                    reply += piece
            return reply
    except TimeoutError:
        return None


def persistent(port: int, content: bytes) -> bytes:
    """A reply, asked for again where the connection is dropped, as pages do."""
    return next((reply for _ in range(TRIES) if (reply := exchange(port, content))), b"")


def request(rng: random.Random, name: str, token: str) -> bytes:
    """A request that no page makes."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 400)) + rng.choice([b"", b"\r\n\r\n"])
    method = rng.choice(["POST"] * 8 + ["GET"] * 4 + ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "P\x01ST"])
    path = rng.choice(PATHS[name] * 3 + ODD_PATHS)
    if path == "/api/run" and method == "GET":
        method = "HEAD"  # a stream without end is no malformed request
    head = [f"{method} {path} HTTP/{rng.choice(['1.1'] * 20 + ['1.0', '2.0', '9'])}".encode("utf-8", "replace")]
    head += [b"Host: 127.0.0.1", b"Connection: close"]
    if rng.random() < 0.7:
        head.append(f"Authorization: Bearer {rng.choice([token] * 12 + ['wrong'])}".encode())
    content = _content(rng) if rng.random() < 0.9 else b""
    if rng.random() < 0.9:
        head.append(b"Content-Type: application/json")
    if rng.random() < 0.95:
        head.append(f"Content-Length: {max(0, len(content) + rng.choice([0] * 20 + [1, -1, 5]))}".encode())
    head += rng.sample(HEADERS, rng.choice([0] * 4 + [1, 2]))
    whole = b"\r\n".join(head) + b"\r\n\r\n" + content
    return whole[: rng.randrange(1, len(whole))] if rng.random() < 0.05 else whole


def _content(rng: random.Random) -> bytes:
    body = {name: rng.choice(VALUES) for name in rng.sample(FIELDS, rng.randrange(len(FIELDS)))}
    body["answer_id"] = rng.choice(["?", 5, None, "x" * 65])  # so that none of them can be taken
    body["token"] = rng.choice([*VALUES, "wrong"])
    text = json.dumps(body)
    ways = {
        0: lambda: text.encode()[: rng.randrange(len(text))],
        1: lambda: b"[" * rng.choice([1, 1000, 60_000]),
        2: lambda: text.encode(rng.choice(["utf-16", "utf-32", "utf-7"])),
        3: lambda: bytes(rng.randrange(256) if rng.random() < 0.03 else byte for byte in text.encode()),
        4: lambda: text.encode() + b" " * rng.choice([60_000, 65_536, 70_000, 300_000]),
        5: lambda: rng.randbytes(rng.randrange(300)),
    }
    return ways.get(rng.randrange(12), text.encode)()


def _malformed(name: str, served: Served, count: int, seed: int, person: Person) -> Found:
    rng, found = random.Random(seed), Found()
    for number in range(count):
        content = request(rng, name, served.token)
        with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as connection:
            reply = b""
            try:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(content)
                with contextlib.suppress(OSError):  # it may have ended meanwhile
                    connection.shutdown(socket.SHUT_WR)  # what is promised beyond this never comes
                with contextlib.suppress(ConnectionError):
                    while len(reply) < 4096 and (piece := connection.recv(4096)):
                        reply += piece
            except TimeoutError:
                found.hung += 1
        found.sent += 1
        if reply[:10].endswith(b" 5") and b"watch already" not in reply:
            found.failed.append(content[:60] + b" -> " + reply[:60])
        if number % 50 == 0:
            person.answer()
    return found


def _knocking(served: Served, person: Person, entries: int) -> list[bool]:
    """Whether a right token was let in, each time, while others of its address hold on and guess."""
    words = [sys.executable, "-c", f"from benchmarks.attacks.requests import besiege; besiege({served.port})"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as others:
        assert others.stdout is not None
        others.stdout.readline()  # they hold what they can
        entered = []
        right = "GET /api/progress HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer "
        for number in range(entries):
            reply = persistent(served.port, f"{right}{served.token}\r\n\r\n".encode())
            entered.append(reply.startswith(b"HTTP/1.1 200"))
            if number % 20 == 0:
                person.answer()
        others.kill()
    return entered


def besiege(port: int) -> None:
    """Hold connections open with half requests, and guess tokens, until killed."""

    def hold() -> None:
        held: list[socket.socket] = []
        while True:
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                held[-1].sendall(b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\nX: ")
            if len(held) > HOLDING:
                held.pop(0).close()
            if len(held) == HOLDING:
                print("held", flush=True)

    def guess() -> None:
        while True:
            wrong = f"GET /api/progress HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {uuid.uuid4()}\r\n\r\n"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=3) as one:
                one.sendall(wrong.encode())
                one.recv(4096)

    for _ in range(GUESSING):
        threading.Thread(target=guess, daemon=True).start()
    hold()


@contextmanager
def _labelling(folder: Path) -> Iterator[Served]:
    with FeedbackStore(folder / "labels.sqlite") as store:
        items = (Item("load", 0, 1, 0), Item("load", 0, 1, 1))
        store.add_queries(Query(f"q{number}", "pair", items, "Which is better?") for number in range(2000))
    token = "a token that is long enough"
    (folder / "tokens.json").write_text(json.dumps({"ann": token}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "benchmarks.label_load", str(folder / "labels.sqlite"), str(folder / "tokens.json")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*words, str(port)], stdout=log, stderr=log)
        try:
            wait_for(port)
            yield Served(port, token)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _watching() -> Iterator[Served]:
    bench, timing = Bench(ControlPace(4, 0.1), limits=dataclasses.replace(PATIENT)), Timing()
    audience = server.Audience(RunView(bench.runtime, timing))
    with _page(lambda access, port: server.create_app(audience, access, port)) as served:
        yield served
    audience.closing = True
    bench.close()


@contextmanager
def _looking() -> Iterator[Served]:
    place = Calibration(np.eye(4), "front")
    view = CellView(
        [np.random.default_rng(0).normal(size=(500, 3))], [Alignment(place, place)], [["camera"], ["front"]]
    )
    with _page(lambda access, port: cameras.create_app(view, access, port)) as served:
        yield served


@contextmanager
def _page(make: object) -> Iterator[Served]:
    access, token = Access.once("ann")
    bound = listen("127.0.0.1", 0)
    port = int(bound.getsockname()[1])
    app: App = make(access, port)  # type: ignore[operator]
    background = Background(app, bound)
    try:
        yield Served(port, token)
    finally:
        background.close()
