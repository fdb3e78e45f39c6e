"""The labelling server: answers are stored, and nothing else gets in or out."""

import asyncio
import json
import logging
import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from robopref.data.labels.database import LabelDatabase
from robopref.errors import ConfigError, DataError
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.label_server import create_app
from robopref.records import Abstain, Preference
from robopref.web.access import Access
from robopref.web.request_guard import LARGEST_BODY
from robopref.web.serving import listen
from tests.labelers.people.desks import make_desk, mixed_queries, served
from tests.waiting import PATIENCE
from tests.web.requests import HOST, JSON, ask, call


@pytest.fixture
def desk(tmp_path: Path, dataset: Path) -> Desk:
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    desk.assignments.store.add_queries(mixed_queries(12))
    return desk


@pytest.fixture
def app(desk: Desk) -> Any:
    return create_app(desk, Access.alone("ann"))


def submission(state: dict, **changed: Any) -> dict:
    question = state["question"]
    answer = {"type": "preference", "p": 1} if question["kind"] == "pair" else {"type": "abstain", "reason": "skipped"}
    name = f"{question['id'].replace('/', '-')}-0000"
    return {"answer_id": name, "query_id": question["id"], "order": question["order"], "answer": answer, **changed}


def test_an_answer_is_stored_once_and_can_be_taken_back(desk: Desk, app: Any) -> None:
    state = call(app, "POST", "/api/next", body={}).json
    answer = submission(state, seconds=1.25, rationale="<script>")
    after = call(app, "POST", "/api/answer", body=answer)
    assert after.status == 200
    assert call(app, "POST", "/api/answer", body=answer).json == after.json  # the acknowledgement was lost
    (given,) = desk.assignments.store.feedback()
    assert (given.labeler, given.seconds, given.rationale) == ("ann", 1.25, "<script>")
    assert given.answer == Preference(1.0 if answer["order"] == [0, 1] else 0.0)
    assert after.json["question"]["id"] != answer["query_id"]
    assert after.json["progress"]["by_labeler"] == {"ann": 1}
    back = call(app, "POST", "/api/undo", body={"answer_id": after.json["undo"]})
    assert back.json["question"]["id"] == answer["query_id"]
    assert back.json["undo"] is None
    assert desk.assignments.store.feedback() == []
    assert len(desk.assignments.store.retracted()) == 1


def test_when_everything_is_answered_there_is_no_question(desk: Desk, app: Any) -> None:
    state = call(app, "POST", "/api/next", body={}).json
    while state["question"]:
        state = call(app, "POST", "/api/answer", body=submission(state)).json
    assert len(desk.assignments.store.feedback()) == 12
    assert {type(given.answer) for given in desk.assignments.store.feedback()} == {Preference, Abstain}
    assert call(app, "GET", "/api/progress").json["done"] == 3  # the skipped ones wait for someone else


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"query_id": "none"}, 404),
        ({"query_id": "\0"}, 404),
        ({"query_id": "\ud800"}, 422),
        ({"order": [0]}, 409),
        ({"order": []}, 409),
        ({"order": [10**30, 0]}, 422),
        ({"answer_id": "short"}, 422),
        ({"answer_id": 7}, 422),
        ({"answer": {"type": "preference", "p": 2}}, 422),
        ({"answer": {"type": "preference", "p": 10**400}}, 422),
        ({"answer": {"type": "vote"}}, 422),
        ({"answer": {"type": "ranking", "ranks": [[]]}}, 422),
        ({"answer": "left"}, 422),
        ({"seconds": -1}, 422),
        ({"seconds": 10**400}, 422),
        ({"seconds": float("nan")}, 422),
        ({"rationale": "x" * 3000}, 422),
        ({"rationale": "\ud800"}, 422),
        ({"more": 1}, 422),
    ],
)
def test_an_answer_that_is_not_valid_changes_nothing(desk: Desk, app: Any, changed: dict, status: int) -> None:
    state = call(app, "POST", "/api/next", body={}).json
    reply = call(app, "POST", "/api/answer", body=submission(state, **changed))
    assert reply.status == status, reply.body
    assert reply.json["error"]
    assert desk.assignments.store.feedback() == []


def test_a_contradicting_answer_is_a_conflict(app: Any) -> None:
    state = call(app, "POST", "/api/next", body={}).json
    answer = submission(state)
    assert call(app, "POST", "/api/answer", body=answer).status == 200
    assert call(app, "POST", "/api/answer", body={**answer, "answer_id": "another-name"}).status == 409
    assert call(app, "POST", "/api/undo", body={"answer_id": "no-such-answer"}).status == 409


def test_only_the_question_that_was_handed_out_can_be_answered(desk: Desk, app: Any) -> None:
    shown = call(app, "POST", "/api/next", body={}).json
    others = [query for query in desk.assignments.store.queries() if query.id != shown["question"]["id"]]
    for query in others:
        reply = call(app, "POST", "/api/answer", body=submission({"question": desk.describe(query, "ann")}))
        assert reply.status == 409
        assert "not handed out to ann" in reply.json["error"]
    assert len(others) == 11
    assert desk.assignments.store.feedback() == []
    assert call(app, "POST", "/api/answer", body=submission(shown)).status == 200


def test_a_database_that_fails_is_no_fault_of_the_annotator(
    desk: Desk, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: LabelDatabase, **_: Any) -> None:
        raise DataError("labels.sqlite: disk full")

    state = call(app, "POST", "/api/next", body={}).json
    monkeypatch.setattr(LabelDatabase, "transaction", fail)
    reply = call(app, "POST", "/api/answer", body=submission(state))
    assert reply.status == 503  # the page keeps the answer and tries again
    assert b"labels.sqlite" not in reply.body
    monkeypatch.undo()
    assert call(app, "POST", "/api/answer", body=submission(state)).status == 200
    assert len(desk.assignments.store.feedback()) == 1


@pytest.fixture
def guarded(desk: Desk, tmp_path: Path) -> tuple[Any, dict[str, str]]:
    access, tokens = Access.generated(["ann", "bob"], tmp_path / "annotators.json")
    return create_app(desk, access, hosts=None), tokens


def test_beyond_this_machine_everything_needs_a_token(guarded: tuple[Any, dict[str, str]]) -> None:
    app, tokens = guarded
    for method, path in (("POST", "/api/next"), ("GET", "/api/progress"), ("GET", "/media/candidates/0-1-0.mp4")):
        body = {} if method == "POST" else None
        assert call(app, method, path, body=body).status == 401
        assert call(app, method, path, [HOST, JSON, ("authorization", "Bearer wrong")], body).status == 403
        assert (
            call(app, method, path, [HOST, JSON, ("cookie", f"robopref_session={tokens['ann']}")], body).status == 401
        )
        assert call(app, method, path, [HOST, JSON, ("authorization", f"Bearer {tokens['ann']}")], body).status == 200
    assert call(app, "GET", "/").status == 200  # the page, which asks for the token


def test_a_proxy_has_to_pass_on_the_host(guarded: tuple[Any, dict[str, str]]) -> None:
    app, tokens = guarded
    headers = [JSON, ("authorization", f"Bearer {tokens['ann']}"), ("origin", "https://label.lab:8443")]
    assert call(app, "POST", "/api/next", [("host", "label.lab:8443"), *headers], {}).status == 200
    refused = call(app, "POST", "/api/next", [HOST, *headers], {})
    assert refused.status == 403
    assert b"pass on the Host" in refused.body


def test_a_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(guarded: tuple[Any, dict[str, str]]) -> None:
    app, tokens = guarded
    assert call(app, "POST", "/api/login", body={"token": "wrong"}).status == 403
    reply = call(app, "POST", "/api/login", body={"token": tokens["bob"]})
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert tokens["bob"] not in cookie
    session = ("cookie", cookie.split(";")[0])
    assert call(app, "POST", "/api/next", [HOST, JSON, session], {}).json["annotator"] == "bob"


def test_a_right_token_is_let_in_whatever_wrong_ones_were_tried(
    guarded: tuple[Any, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, tokens = guarded
    late: list[float] = []

    async def sleep(seconds: float) -> None:
        late.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for attempt in range(40):
        login = call(app, "POST", "/api/login", body={"token": f"wrong {attempt}"})
        by_header = call(app, "POST", "/api/next", [HOST, JSON, ("authorization", f"Bearer wrong {attempt}")], {})
        assert [login.status, by_header.status] == ([403, 403] if attempt < 5 else [429, 429])
        if attempt >= 5:
            assert 50 <= int(by_header.headers["retry-after"]) <= 60
    assert late == [1.0] * 70  # of those beyond ten, each waits
    reply = call(app, "POST", "/api/login", body={"token": f" {tokens['bob']}\n"})  # copied with what was around it
    assert reply.status == 200
    session = ("cookie", reply.headers["set-cookie"].split(";")[0])
    for header in (session, ("authorization", f"Bearer {tokens['ann']}")):
        assert call(app, "POST", "/api/next", [HOST, JSON, header], {}).status == 200
    assert len(late) == 70


def test_two_people_get_different_questions(guarded: tuple[Any, dict[str, str]]) -> None:
    app, tokens = guarded
    states = [
        call(app, "POST", "/api/next", [HOST, JSON, ("authorization", f"Bearer {tokens[name]}")], {}).json
        for name in ("ann", "bob", "ann")
    ]
    assert states[0]["question"] == states[2]["question"]
    assert states[0]["question"]["id"] != states[1]["question"]["id"]


def test_a_server_without_tokens_goes_by_its_own_names_only(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="needs a token for everyone"):
        create_app(desk, Access.alone("ann"), hosts=None)
    app = create_app(desk, Access.alone("ann"))
    for name in ("127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"):
        assert call(app, "GET", "/", [("host", name)]).status == 200
    for name in ("evil.example", "127.0.0.1.evil.example:8765", "localhost.", "2130706433"):
        assert call(app, "GET", "/", [("host", name)]).status == 421
    for headers in ([], [("host", "")], [HOST, HOST], [("host", "a@127.0.0.1")], [("host", "127.0.0.1:x")]):
        assert call(app, "GET", "/", headers).status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", "http://evil.example")], 403),
        ([("origin", "http://127.0.0.1:9999")], 403),
        ([("origin", "null")], 403),
        ([("sec-fetch-site", "cross-site")], 403),
        ([("sec-fetch-site", "same-site")], 403),
        ([("origin", "http://127.0.0.1:8765"), ("sec-fetch-site", "same-origin")], 200),
    ],
)
def test_pages_of_other_sites_cannot_act(app: Any, headers: list, status: int) -> None:
    assert call(app, "POST", "/api/next", [HOST, JSON, *headers], {}).status == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_forms_cannot_act(app: Any, kind: str) -> None:
    assert call(app, "POST", "/api/next", [HOST, ("content-type", kind)], {}).status == 415
    assert call(app, "POST", "/api/next", [HOST], {}).status == 415


def test_bodies_are_bounded(app: Any) -> None:
    assert call(app, "POST", "/api/next", body=b" " * (LARGEST_BODY + 1)).status == 413
    declared = [HOST, JSON, ("content-length", str(10**15))]
    assert call(app, "POST", "/api/next", declared, b"{}").status == 413


def test_every_reply_tells_the_browser_to_load_nothing_from_elsewhere(app: Any) -> None:
    for path in ("/", "/static/app.js", "/nothing"):
        policy = call(app, "GET", path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    page = call(app, "GET", "/").body.decode()
    assert "//" not in page.replace("<!doctype html>", "")  # no address of another server
    assert "style=" not in page


def test_videos_are_served_in_ranges_and_only_from_their_folder(desk: Desk, app: Any, dataset: Path) -> None:
    assert desk.media is not None
    (desk.media.folder.parent / "secret.mp4").write_bytes(b"secret")
    os.symlink("../secret.mp4", desk.media.folder / "link.mp4")
    whole = call(app, "GET", "/media/candidates/0-1-0.mp4")
    assert (whole.status, whole.headers["content-type"]) == (200, "video/mp4")
    part = call(app, "GET", "/media/candidates/0-1-0.mp4", [HOST, ("range", "bytes=4-7")])
    assert (part.status, part.body) == (206, whole.body[4:8])
    for path in ("../secret.mp4", "..%2fsecret.mp4", "%2e%2e/secret.mp4", "link.mp4", f"/{dataset}/secret.mp4",
                 "candidates/../../secret.mp4", "candidates", "..\\secret.mp4", "secret.mp4\0"):  # fmt: skip
        reply = call(app, "GET", f"/media/{path}")
        assert reply.status == 404
        assert b"secret" not in reply.body.replace(b"secret.mp4", b"")
    for name in ("../server.py", "app.js/", "%2e%2e/server.py", "none.js", "__init__.py"):
        assert call(app, "GET", f"/static/{name}").status == 404


VALUES: list[Any] = [
    None, True, -1, 0, 1e308, 10**40, "", "x", "\0", "\ud800", "x" * 3000, [], [[]], {}, {"type": "preference"},
    {"type": "preference", "p": "1"}, {"type": "ranking", "ranks": [0, -1]}, {"type": []}, [0, 1], "0/pair",
    float("nan"), {"type": "abstain", "reason": 5},
    {"type": "similarity", "odd": 99}, {"type": "rating", "value": float("inf")},
]  # fmt: skip
PATHS = (
    ["/api/answer"] * 6 + ["/api/undo"] * 3 + ["/api/login", "/api/next", "/api/none", "/", "/media/../x", "/static/x"]
)
FIELDS = ("answer_id", "query_id", "order", "answer", "seconds", "rationale", "token", "more")


def malformed(rng: random.Random, good: dict) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """A request that no page would make."""
    path = rng.choice(PATHS)
    body = {**good, rng.choice(FIELDS[:6]): rng.choice(VALUES), "answer_id": rng.choice(["?", 5, None, "x" * 65])}
    for field in rng.sample(FIELDS, rng.randrange(4)):
        body[field] = rng.choice(VALUES)
    content = json.dumps(body).encode()
    way = rng.randrange(8)
    if way == 0:
        content = content[: rng.randrange(len(content))]
    elif way == 1:
        content = rng.randbytes(rng.randrange(300))
    elif way == 2:
        content = b"[" * rng.choice([1, 100, 60_000])
    elif way == 3:
        content = bytes(rng.randrange(256) if rng.random() < 0.03 else byte for byte in content)
    headers = [HOST, JSON]
    if rng.random() < 0.2:
        strange = [
            ("host", "evil"),
            ("content-type", "text/html"),
            ("content-length", "-5"),
            ("origin", "]["),
            ("cookie", "=;="),
        ]
        headers.append(rng.choice([*strange, ("authorization", "Bearer \xff"), ("range", "bytes=9-1")]))
    method = rng.choice(["POST"] * 8 + ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
    if method == "POST" and path in ("/api/next",):
        content = b"[1]"
    return method, path, headers, content


@pytest.mark.slow
def test_ten_thousand_malformed_requests_are_all_refused(
    desk: Desk, app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(0)
    good = submission(call(app, "POST", "/api/next", body={}).json)

    async def attack() -> None:
        for _ in range(10_000):
            method, path, headers, content = malformed(rng, good)
            reply = await ask(app, method, path, headers, content)
            assert 400 <= reply.status < 500, (method, path, headers, content, reply)
            assert b"Traceback" not in reply.body
            assert b".py" not in reply.body

    with caplog.at_level(logging.ERROR):
        asyncio.run(attack())
    assert not caplog.records
    assert desk.assignments.store.feedback() == []
    assert call(app, "POST", "/api/answer", body=good).status == 200


def test_what_is_no_http_is_refused_over_a_real_connection(desk: Desk) -> None:
    rng = random.Random(1)
    start = b"POST /api/next HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    raw = [
        b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n",
        start + b"Content-Length: -1\r\n\r\n", start + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        start + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        start + b"Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n",
        b"GET /media/%2e%2e%2fsecret.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /media/../../secret.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        *(rng.randbytes(200) + b"\r\n\r\n" for _ in range(40)),
    ]  # fmt: skip
    with served(desk, Access.alone("ann")) as port:
        for content in raw:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                reply = b""
                while piece := connection.recv(65536):
                    reply += piece
            # An empty request is none, and gets no reply.
            assert reply == b"" or reply.startswith(b"HTTP/1.1 4"), (content[:80], reply[:200])
            assert b"Traceback" not in reply
            assert b"secret" not in reply
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_port_that_is_taken_is_named() -> None:
    first = listen("127.0.0.1", 0)
    with pytest.raises(ConfigError, match="cannot listen at"):
        listen("127.0.0.1", first.getsockname()[1])
    first.close()
    with pytest.raises(ConfigError, match="cannot listen at"):
        listen("no.such.host.invalid", 0)
