"""Connections that say nothing, or never the whole of it, keep nobody out."""

import contextlib
import http.client
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from robopref.web import serving, site
from robopref.web.access import Access
from robopref.web.connections import Door
from robopref.web.request_guard import LOOPBACK, RequestGuard
from robopref.web.serving import Background, listen
from robopref.web.site import JSONResponse, Response, Visitor, create_site
from robopref.web.sparing import Sparing
from tests.waiting import PATIENCE


@dataclass(eq=False)
class Guest:
    address: str
    at_work: bool = False
    begun: bool = True
    dropped: list[bool] = field(default_factory=list)

    def drop(self) -> None:
        self.dropped.append(True)


def test_who_waits_longest_makes_room_and_who_is_served_stays() -> None:
    door = Door(each=2, altogether=3)
    served, first, second, other = (Guest(address, address == "a") for address in ("a", "b", "b", "c"))
    for guest in (served, first, second):
        assert door.enter(guest)
    third = Guest("b")
    assert door.enter(third)  # in the place of the first of its address
    assert first.dropped
    assert not second.dropped
    assert door.enter(other)  # in the place of whoever waits longest
    assert second.dropped
    third.at_work = other.at_work = True
    assert not door.enter(Guest("d"))
    assert not any(guest.dropped for guest in (served, third, other))
    door.leave(served)
    assert door.enter(Guest("d"))


def test_who_has_said_nothing_yet_stays_longer_than_who_does_not_finish() -> None:
    door = Door(each=2, altogether=2)
    silent, half, late = Guest("a", begun=False), Guest("a"), Guest("a", begun=False)
    assert all(door.enter(guest) for guest in (silent, half, late))
    assert half.dropped
    assert door.enter(Guest("a"))
    assert silent.dropped
    assert not late.dropped


def test_equal_messages_are_written_once_a_minute_with_their_number() -> None:
    now = [0.0]
    sparing, told = Sparing(within=60, clock=lambda: now[0]), []

    def write(line: int, number: int) -> None:
        record = logging.LogRecord("x", logging.WARNING, "file.py", line, "refused %d", (number,), None)
        if sparing.filter(record):
            told.append(record.getMessage())

    for number in range(1000):
        write(7, number)
    write(8, 0)
    now[0] = 61
    write(7, 1000)
    write(7, 1001)
    assert told == ["refused 0", "refused 0", "refused 1000 (and 999 times more since the last)"]


def _name(who: Visitor) -> Response:
    return JSONResponse({"who": who})


def _echo(body: dict[str, str], who: Visitor) -> Response:
    return JSONResponse({"who": who, **body})


@pytest.fixture
def token() -> str:
    return "a long enough token"


@pytest.fixture
def port(tmp_path: Path, token: str) -> Iterator[int]:
    (tmp_path / "tokens.json").write_text(json.dumps({"ann": token}))
    access = Access.from_file(tmp_path / "tokens.json")
    app = create_site(access, ("robopref.web", "robopref.labelers.people"), "index.html", "session", open_to_all=False)
    app.add_api_route("/api/name", _name, methods=["GET"])
    app.add_api_route("/api/echo", _echo, methods=["POST"])
    bound = listen("127.0.0.1", 0)
    server = Background(RequestGuard(app, LOOPBACK), bound)
    yield bound.getsockname()[1]
    server.close()


def ask(port: int, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/api/name", headers={"authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status


HEADS = [
    b"", b"GET", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: b\r\n",
    b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
]  # fmt: skip


def test_many_half_requests_of_ones_own_address_keep_nobody_out(
    port: int, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(450):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            slow.sendall(HEADS[number % len(HEADS)])
            if number % 90 == 89:
                assert ask(port, token) == 200
    assert len(caplog.records) <= 3


@pytest.mark.slow
def test_those_who_guess_tokens_keep_nobody_out(port: int, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_SECONDS_LATE", 600.0)  # whoever waits would wait through the test
    with contextlib.ExitStack() as stack:
        for number in range(250):
            guess = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            guess.sendall(
                f"GET /api/name HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {number}\r\n\r\n".encode()
            )
            if number < 10:
                assert guess.recv(12) == b"HTTP/1.1 403"
        assert ask(port, token) == 200


def test_what_is_no_request_does_not_fill_the_log(port: int, token: str, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    for number in range(60):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as odd:
            odd.sendall(upgrade if number % 2 else b"\x16\x03\x01\r\n\r\n")
            while odd.recv(65536):
                pass
    assert len(caplog.records) <= 3
    assert ask(port, token) == 200


@pytest.mark.parametrize("head", HEADS)
def test_a_request_that_does_not_come_whole_in_time_is_given_up(
    port: int, token: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_WHOLE", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as slow:
        slow.sendall(head)
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""
    monkeypatch.undo()
    assert ask(port, token) == 200


def test_a_second_request_is_waited_for_no_longer_than_the_first(
    port: int, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_WHOLE", 0.5)
    whole = f"GET /api/name HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as slow:
        slow.sendall(whole + whole + b"GET / HT")
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := slow.recv(65536):
                got += piece
        assert got.count(b"HTTP/1.1 200") == 2


def test_a_reply_that_nobody_takes_is_given_up(port: int, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_TAKEN", 0.2)
    request = b"GET /static/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.settimeout(PATIENCE)
        deaf.connect(("127.0.0.1", port))
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:  # until its requests are no longer taken, because it takes no reply
                deaf.sendall(request)
    monkeypatch.undo()
    assert ask(port, token) == 200
