"""The page of a run: in a real browser, to clients that hang, and to those who may not see it."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.labels.operator_acts import read_events
from robopref.errors import ConfigError
from robopref.motion import Event, RobotSpec
from robopref.recording.event_log import EventLog
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.recording.timing import Timing
from robopref.robots.maps import AnchorMap, StepMap
from robopref.runtime.control_loop import ControlPace
from robopref.runtime.served_person import ServedPerson
from robopref.runtime.served_principle import ServedPrinciple
from robopref.safety.states import State
from robopref.views.run import RunView, tool_paths
from robopref.views.run_server import Audience, create_app
from robopref.web.access import Access
from robopref.web.serving import Background, listen
from tests.geometry import pick_and_place
from tests.robots.toy import PointRobot
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT
from tests.waiting import PATIENCE
from tests.web.browser import chromium
from tests.web.requests import HOST, JSON, call


class Shown:
    """A point robot whose run is on a page."""

    def __init__(self) -> None:
        self.bench, timing = Bench(ControlPace(4, 0.1), limits=PATIENT, real=True), Timing()
        self.view = RunView(self.bench.runtime, timing)
        self.bench.runtime.subscribers += [timing, self.view]
        self.audience = Audience(self.view)
        self.access, self.token = Access.once("ann")

    @contextmanager
    def served(self) -> Iterator[int]:
        bound = listen("127.0.0.1", 0)
        port = bound.getsockname()[1]
        server = Background(create_app(self.audience, self.access, port), bound)
        try:
            yield port
        finally:
            self.audience.closing = True
            server.close()

    @contextmanager
    def running(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=self.bench.run, kwargs={"seconds": 1e9})
        thread.start()
        try:
            yield thread
        finally:
            self.bench.guard.halt("the test is over")
            thread.join(PATIENCE)


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    made.bench.close()


@pytest.mark.slow
def test_a_click_on_stop_in_a_browser_halts_the_run_and_is_recorded(shown: Shown, tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    shown.bench.runtime.subscribers.append(log)
    with chromium(tmp_path / "profile") as page:
        with shown.served() as port, shown.running() as run:
            page.driver.get(f"http://127.0.0.1:{port}/#{shown.token}")
            page.wait("body[data-state=running][data-drawn='4']")
            page.until(lambda: "Hz" in page.text("#figures"))
            assert shown.token not in page.driver.current_url
            assert "candidate" in page.text("#choice")
            for stage in ("observe", "sample", "rank"):
                page.until(lambda stage=stage: stage in page.text("#stages"))
            page.press("t")
            page.until(lambda: "operator took over" in page.text("#cause"))
            page.press("g")
            page.until(lambda: "resume" in page.text("#events"))
            assert shown.bench.guard.state is State.RUNNING
            page.click("#stop")
            assert page.text("body[data-state=halted] #cause") == "stopped by the operator"
            run.join(PATIENCE)
            # A person who looks at the page goes on.
            with ThreadPoolExecutor(1) as waiting:
                recovered = waiting.submit(shown.view.recovery.wait, lambda: shown.audience.present)
                page.click("body[data-recovery=true] #reset")
                assert recovered.result(PATIENCE)
            page.wait("body[data-state=disarmed] #after[hidden]")
        page.until(lambda: "has ended" in page.text("#notice"))
        assert page.errors() == []
    log.close()
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    causes = [(line["kind"], line.get("cause")) for line in told]
    assert ("halted", "stopped by the operator") in causes
    assert ("takeover", "on the page, by ann") in causes
    assert ("reset", "by ann") in causes
    assert shown.bench.runtime.tally.halted
    (took,) = [line for line in told if line["kind"] == "takeover"]
    assert (took["by"], sorted(took["shown"])) == ("ann", [0, 1, 2, 3])


@pytest.mark.slow
def test_a_plan_is_accepted_and_corrected_as_it_was_seen(shown: Shown, tmp_path: Path) -> None:
    """The page asks, says which candidates it draws, offers those that exist, and the label says what was seen."""
    shown.bench.runtime.pace = ControlPace(4, 0.1, ask=True)
    feedback = OperatorFeedback(tmp_path / "feedback.jsonl", "somebody")
    shown.bench.runtime.subscribers.append(feedback)
    with chromium(tmp_path / "profile") as page, shown.served() as port, shown.running():
        page.driver.get(f"http://127.0.0.1:{port}/#{shown.token}")
        page.wait("body[data-asking=true][data-drawn='4']")
        visible = "return [...document.querySelectorAll('#places button')].filter((b) => b.checkVisibility()).length"
        assert page.driver.execute_script(visible) == 3  # the second to the fourth best
        page.press("9")
        page.until(lambda: "no candidate number 9" in page.text("#notice"))
        assert shown.bench.runtime.waiting[0]
        page.click("#places [data-key='3']")
        page.until(lambda: shown.bench.witness.steps)
        assert page.errors() == []
    feedback.close()
    (event,) = read_events(tmp_path / "feedback.jsonl")
    plan = shown.bench.witness.plans[0]
    third = int(np.argsort(-plan.scores)[2])
    assert (event.kind, event.operator, sorted(event.shown)) == ("correct", "ann", [0, 1, 2, 3])
    assert (event.executed, event.step) == (plan.index, 0)
    np.testing.assert_array_equal(event.corrected, plan.candidates[third])


def test_a_page_changes_for_whom_plans_are_made(shown: Shown) -> None:
    app = create_app(shown.audience, shown.access, 8765)
    right = [HOST, JSON, ("authorization", f"Bearer {shown.token}")]
    assert shown.view.state()["persons"] == []
    assert call(app, "POST", "/api/person", right, {"name": "ann"}).status == 422
    person = shown.bench.runtime.planner.person = ServedPerson(["all", "ann"], lambda _: None, "all")
    assert (shown.view.state()["persons"], shown.view.state()["person"]) == (["all", "ann"], "all")
    assert call(app, "POST", "/api/person", [HOST, JSON], {"name": "ann"}).status == 401
    for name in ("eve", "", 7, "a" * 1001):
        assert call(app, "POST", "/api/person", right, {"name": name}).status == 422
    assert call(app, "POST", "/api/person", right, {"name": "ann"}).json == {"told": True}
    person.settle()
    assert shown.view.state()["person"] == "ann"
    shown.bench.run(commands=3)
    assert ("person", "ann, on the page, by ann") in [tuple(event) for event in shown.view.state()["events"]]


@pytest.mark.slow
def test_a_person_is_chosen_in_a_browser(shown: Shown, tmp_path: Path) -> None:
    scored_for = list[str]()
    shown.bench.runtime.planner.person = ServedPerson(["all", "ann", "<b>bob"], scored_for.append, "all")
    with chromium(tmp_path / "profile") as page, shown.served() as port, shown.running():
        page.driver.get(f"http://127.0.0.1:{port}/#{shown.token}")
        page.wait("body[data-state=running] #person")
        page.until(lambda: page.driver.execute_script("return document.getElementById('person').value") == "all")
        page.driver.execute_script(
            "const list = document.getElementById('person'); list.value = '<b>bob';"
            "list.dispatchEvent(new Event('change', {bubbles: true}))"
        )
        page.until(lambda: "<b>bob" in page.text("#notice"))
        page.until(lambda: scored_for == ["<b>bob"])
        page.until(lambda: "<b>bob, on the page, by ann" in page.text("#events"))
        page.until(lambda: page.driver.execute_script("return document.getElementById('person').value") == "<b>bob")
        style = "const { color, backgroundColor } = getComputedStyle(document.getElementById('person'));"
        assert len(set(page.driver.execute_script(f"{style} return [color, backgroundColor]"))) == 2, (
            "a name can be told from what is behind it"
        )
        assert page.errors() == []


def test_a_press_about_a_plan_that_is_gone_or_that_has_no_such_candidates_does_nothing(shown: Shown) -> None:
    shown.bench.run(commands=5)
    shown.bench.guard.arm("ann")
    app = create_app(shown.audience, shown.access, 8765)
    right = [HOST, JSON, ("authorization", f"Bearer {shown.token}")]
    number = shown.view.state()["plan"]["number"]
    reply = call(app, "POST", "/api/press", right, {"key": "y", "plan": number - 1, "shown": [0]})
    assert reply.json == {"told": False, "error": "that plan was gone already; look at this one"}
    assert call(app, "POST", "/api/press", right, {"key": "y", "plan": number, "shown": [4]}).status == 422
    assert call(app, "POST", "/api/press", right, {"key": "y", "plan": number, "shown": [-1]}).status == 422
    assert call(app, "POST", "/api/press", right, {"key": "y", "plan": number, "shown": [0, 3]}).json == {"told": True}
    # To stop it does not matter what was seen.
    assert call(app, "POST", "/api/press", right, {"key": " ", "plan": number - 1, "shown": [0]}).json["told"]
    assert shown.bench.guard.state is State.HALTED


def test_a_client_that_takes_nothing_holds_up_neither_the_run_nor_the_others(shown: Shown) -> None:
    cookie = f"robopref_run_{{}}={shown.access.session('ann')}"
    with shown.served() as port, socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        stuck.connect(("127.0.0.1", port))
        ask = f"GET /api/run HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie.format(port)}\r\n\r\n"
        stuck.sendall(ask.encode())  # and never reads
        tally = shown.bench.run(commands=20)
        assert tally.cause == "20 commands"
        assert len(shown.bench.witness.steps) == 20


def test_what_is_kept_does_not_grow(shown: Shown) -> None:
    shown.bench.run(commands=5)
    plan = shown.bench.witness.plans[-1]
    for number in range(1000):
        shown.view.on_plan(plan)
        shown.view.on_step(shown.bench.witness.steps[0])
        shown.view.on_event(Event("held", float(number), str(number)))
    state = shown.view.state()
    assert [cause for _, cause in state["events"]] == [str(number) for number in range(992, 1000)]


def test_only_what_is_new_is_drawn_again(shown: Shown) -> None:
    shown.bench.run(commands=5)
    told, seen = shown.view.tell()
    assert "event: state" in told
    assert "event: scene" in told
    again, seen = shown.view.tell(seen)
    assert "event: state" in again
    assert "event: scene" not in again
    assert "event: scene" in shown.view.tell(None)[0]


def test_scores_of_refused_candidates_are_unknown_and_values_are_those_of_the_run(shown: Shown) -> None:
    from dataclasses import replace

    shown.bench.run(commands=5)
    plan = shown.bench.witness.plans[-1]
    shown.bench.runtime._course.plan = replace(plan, scores=np.array([0.5, np.nan, 1.5, 1.0], np.float32), index=2)
    state, scene = shown.view.state(), shown.view.scene()
    assert scene is not None
    assert scene["scores"] == [0.5, None, 1.5, 1.0]
    assert (state["plan"]["score"], state["plan"]["margin"]) == (1.5, 0.5)
    assert (state["commands"], state["state"], state["ended"]) == (5, "disarmed", "5 commands")
    assert np.shape(scene["paths"]) == (4, 8, 1, 3)


def test_steps_are_drawn_as_a_path_and_points_where_they_are() -> None:
    reading = PointRobot().reset(seed=0)  # at (0, 0, 0.1)
    chunk = np.array([[[1, 0, 0], [1, 0, -1]]], np.float32)
    # Steps of 0.02: (0.02, 0, 0.1), then (0.04, 0, 0.08).
    paths = tool_paths(chunk, reading, StepMap(0.02), RobotSpec("r", rate=10))
    np.testing.assert_allclose(paths, [[[[0.02, 0, 0.1]], [[0.04, 0, 0.08]]]], atol=1e-9)
    geometry = pick_and_place()
    chunk = np.array([[[0.5, -0.5, 1, 0]]], np.float32)
    paths = tool_paths(chunk, reading, AnchorMap(geometry), RobotSpec("r", rate=10, points=2, primitive=True))
    np.testing.assert_allclose(paths[0], geometry.anchors(chunk[0]), atol=1e-6)
    assert (tool_paths(np.full((1, 1, 4), np.nan, np.float32), reading, AnchorMap(geometry),
                       RobotSpec("r", rate=10, points=2, primitive=True)) == geometry.offset).all()  # fmt: skip


def test_nobody_watches_or_presses_without_the_token(shown: Shown) -> None:
    app = create_app(shown.audience, shown.access, 8765)
    wrong = ("authorization", "Bearer wrong")
    assert call(app, "GET", "/").status == 200  # the page, which asks for the token
    assert call(app, "GET", "/api/run").status == 401
    assert call(app, "GET", "/api/run", [HOST, wrong]).status == 403
    assert call(app, "POST", "/api/press", [HOST, JSON], {"key": " "}).status == 401
    assert call(app, "POST", "/api/press", [HOST, JSON, wrong], {"key": " "}).status == 403
    assert call(app, "POST", "/api/login", [HOST, JSON], {"token": "wrong"}).status == 403
    assert call(app, "GET", "/", [("host", "evil.example")]).status == 421
    right = ("authorization", f"Bearer {shown.token}")
    foreign = ("origin", "http://evil.example")
    assert call(app, "POST", "/api/press", [HOST, JSON, right, foreign], {"key": " "}).status == 403
    reply: Any = call(app, "POST", "/api/press", [HOST, JSON, right], {"key": " "})
    assert (reply.status, reply.json) == (200, {"told": False})  # nothing runs
    assert call(app, "POST", "/api/press", [HOST, JSON, right], {"key": "stop"}).status == 422
    assert shown.bench.guard.state is State.DISARMED


def test_of_ten_pages_that_come_at_once_four_watch_and_a_seat_is_given_up(shown: Shown) -> None:
    with shown.served() as port, contextlib.ExitStack() as stack:
        head = f"GET /api/run HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {shown.token}\r\n\r\n"

        def ask() -> socket.socket:
            page = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            page.sendall(head.encode())
            return page

        pages = [ask() for _ in range(10)]
        status = [page.recv(12).decode()[-3:] for page in pages]
        assert sorted(status) == ["200"] * 4 + ["503"] * 6
        pages[status.index("200")].close()
        while ask().recv(12) != b"HTTP/1.1 200":  # it is noticed soon that a page has left
            pass
    assert shown.audience.seats == 4


def test_a_port_that_is_taken_names_the_setting() -> None:
    first = listen("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=r"cannot listen at .* choose another deploy\.page\.port"):
        listen("127.0.0.1", first.getsockname()[1], "deploy.page.port")
    first.close()


def test_a_page_says_by_which_principle_plans_are_made(shown: Shown) -> None:
    app = create_app(shown.audience, shown.access, 8765)
    right = [HOST, JSON, ("authorization", f"Bearer {shown.token}")]
    assert shown.view.state()["principles"] is None
    assert call(app, "POST", "/api/principle", right, {"text": "be fast"}).status == 422
    principle = shown.bench.runtime.planner.principle = ServedPrinciple(["be fast"], lambda _: None)
    assert (shown.view.state()["principles"], shown.view.state()["principle"]) == (["be fast"], "")
    assert call(app, "POST", "/api/principle", [HOST, JSON], {"text": "be fast"}).status == 401
    for text in (";", 7, "a" * 1001, "a" * 600):
        assert call(app, "POST", "/api/principle", right, {"text": text}).status == 422
    assert call(app, "POST", "/api/principle", right, {"text": "be slow; then gentle"}).json == {"told": True}
    principle.settle()
    assert shown.view.state()["principle"] == "be slow; then gentle"
    shown.bench.run(commands=3)
    events = [tuple(event) for event in shown.view.state()["events"]]
    assert ("principle", "be slow; then gentle, on the page, by ann") in events


@pytest.mark.slow
def test_a_principle_is_typed_in_a_browser(shown: Shown, tmp_path: Path) -> None:
    scored_by = list[str | None]()
    shown.bench.runtime.planner.principle = ServedPrinciple(["be fast", "<b>be slow"], scored_by.append, "be fast")
    with chromium(tmp_path / "profile") as page, shown.served() as port, shown.running():
        page.driver.get(f"http://127.0.0.1:{port}/#{shown.token}")
        page.wait("body[data-state=running] #principle")
        read = "return document.getElementById('principle').value"
        page.until(lambda: page.driver.execute_script(read) == "be fast")
        page.driver.execute_script(
            "const box = document.getElementById('principle'); box.focus(); "
            "box.value = 'keep it upright; then be fast';"
            "box.dispatchEvent(new Event('change', {bubbles: true}))"
        )
        page.until(lambda: scored_by == ["keep it upright; then be fast"])
        page.until(lambda: "keep it upright; then be fast, on the page, by ann" in page.text("#events"))
        page.until(lambda: page.driver.execute_script(read) == "keep it upright; then be fast")
        page.driver.save_screenshot(str(tmp_path / "principle.png"))
        assert page.errors() == []
