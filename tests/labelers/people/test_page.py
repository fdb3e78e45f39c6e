"""The page in a real browser, with a server of its own that can be killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.films import film_items
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.questions import of_items, shown_order
from robopref.labelers.people.scenes import Scenes
from robopref.labelers.subject import Session, Subject
from robopref.records import Abstain, Answer, Item, Preference, Query, Ranking, Rating, SimilarityTriplet
from robopref.web.access import Access
from tests.labelers.people.desks import make_desk, mixed_queries, segment, segment_store, served
from tests.waiting import until
from tests.web.browser import Page, chromium

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def start_server(database: Path, dataset: Path, port: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.labelers.people.desks", str(database), str(dataset), str(port)]
    return subprocess.Popen(command, cwd=ROOT)


@contextmanager
def opened(page: Page, database: Path, dataset: Path, queries: list[Query], **settings: int) -> Iterator[FeedbackStore]:
    """The page on a server in this process."""
    desk = make_desk(database, dataset, **settings)
    store = desk.assignments.store
    store.add_queries(queries)
    with served(desk, Access.alone("ann")) as port:
        page.open(f"http://127.0.0.1:{port}/")
        yield store
    store.close()


def answer_with_keys(page: Page, query: Query, turn: int) -> Answer:
    """Answer the question that is shown, in a way that depends on the turn; returns what was said of the places."""
    if turn % 7 == 6:
        key, reason = [("c", "cannot tell"), ("s", "skipped"), ("f", "bad episode")][turn // 7 % 3]
        page.press(key)
        return Abstain(reason)
    if query.kind == "pair":
        way = turn // 4 % 5
        (page.press_shift if way > 2 else page.press)([Keys.LEFT, Keys.RIGHT, Keys.DOWN, Keys.LEFT, Keys.RIGHT][way])
        return Preference([0.75, 0.25, 0.5, 1.0, 0.0][way])
    if query.kind == "ranking":
        if turn % 8 < 4:
            page.press("3", "1", Keys.BACKSPACE, "4", "1", Keys.ENTER)  # the one left over is last
            return Ranking((2, 3, 0, 1))
        page.press("2", "=", "4", "1", Keys.ENTER)
        return Ranking((1, 0, 2, 0))
    place = turn // 4 % 3
    page.press(str(place + 1))
    return SimilarityTriplet(place) if query.kind == "similarity" else Rating(place / 4)


@pytest.mark.slow
def test_thirty_questions_of_every_kind_with_keys_only(page: Page, dataset: Path, tmp_path: Path, port: int) -> None:
    """Three answers are taken back, the page is reloaded, the server is killed: every answer is there, once."""
    database = tmp_path / "labels.sqlite"
    queries = {query.id: query for query in mixed_queries(30)}
    with FeedbackStore(database) as store:
        store.add_queries(queries.values())
    server = start_server(database, dataset, port)
    expected: dict[str, Answer] = {}
    wait_for(port)
    try:
        page.open(f"http://127.0.0.1:{port}/")
        turn, undone = 0, 0
        while page.question:
            query = queries[page.question]
            assert query.id not in expected
            before = page.shown
            said = answer_with_keys(page, query, turn)
            page.until(lambda before=before: page.shown > before)
            expected[query.id] = of_items(said, shown_order(query, "ann"))
            turn += 1
            if turn in (6, 13, 25):
                page.and_then(lambda: page.press("u"))
                assert page.question == query.id
                assert "Taken back" in page.notice
                del expected[query.id]
                undone += 1
            if turn == 10:
                shown = page.question
                page.driver.refresh()
                page.until(lambda: page.shown == 1)
                assert page.question == shown
            if turn == 17:
                server.send_signal(signal.SIGKILL)
                server.wait()
                query, before = queries[page.question], page.shown
                said = answer_with_keys(page, query, turn)
                page.until(lambda: "Not saved yet" in page.notice)
                server = start_server(database, dataset, port)
                page.until(lambda before=before: page.shown > before)
                expected[query.id] = of_items(said, shown_order(query, "ann"))
                turn += 1
        assert page.task == "All done. Thank you!"
        assert page.errors() == []
    finally:
        server.kill()
        server.wait()
    with FeedbackStore(database) as store:
        found = store.feedback()
        assert {given.query_id: given.answer for given in found} == expected
        assert len(found) == len(expected) == 30
        assert len(store.retracted()) == undone == 3
    for given in found:
        assert given.order == shown_order(queries[given.query_id], "ann")
        assert given.seconds is not None


def wait_for(port: int) -> None:
    """Wait until a server listens."""

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(listens)


@pytest.mark.slow
def test_an_answer_that_could_not_be_sent_is_sent_when_the_page_comes_back(
    page: Page, dataset: Path, tmp_path: Path
) -> None:
    """The acknowledgement is lost, and so is the page; the answer is in the database once."""
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(4)) as store:
        first = page.question
        page.driver.execute_script("""
            const send = window.fetch;
            window.fetch = async (...request) => { await send(...request); throw new TypeError("connection lost"); };
        """)
        page.press(Keys.LEFT)
        page.until(lambda: "Not saved yet" in page.notice)
        page.driver.refresh()
        page.until(lambda: page.shown == 1)
        assert page.question != first
        assert [given.query_id for given in store.feedback()] == [first]


def test_what_people_write_is_kept_as_it_is_and_shown_as_text(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(2)) as store:
        assert page.text("#instruction").startswith("Straighten <b>the rope</b>.")
        page.press("n")
        page.wait("#note:focus")
        page.press("it's <b>left</b>, s", Keys.ENTER)  # keys mean letters here
        page.wait("#note:not(:focus)")
        page.and_then(lambda: page.press(Keys.LEFT))
        assert [given.rationale for given in store.feedback()] == ["it's <b>left</b>, s"]


def test_keys_can_be_changed_and_stay_changed(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(5)[::4]) as store:
        page.press("?")
        page.click("#keys[open] #key-left")
        page.wait("#keys[data-changing=left]")
        page.press("a")
        assert page.text("#keys[data-changing=''] #key-left") == "a"
        page.click("#keys-close")
        page.wait("#keys:not([open])")
        assert page.text("#answer-left kbd") == "a"
        page.driver.refresh()
        page.until(lambda: page.shown == 1)
        page.press(Keys.LEFT)  # means nothing now
        page.and_then(lambda: page.press("a"))
        page.press("?")
        page.click("#keys[open] #keys-reset")
        page.click("#keys-close")
        page.wait("#keys:not([open])")
        page.and_then(lambda: page.press(Keys.LEFT))
        answers = [of_items(given.answer, given.order) for given in store.feedback()]
        assert answers == [Preference(0.75), Preference(0.75)]


def test_a_ranking_can_be_dragged(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(2)[1:]) as store:
        (query,) = store.queries()

        def drag(place: int, before: int, then: str) -> None:
            page.drag(f"[data-place='{place}']", (-15, 0), onto=f"[data-place='{before}']")
            page.wait(f"#ranking[data-order='{then}']")

        drag(2, 0, "3 1 2 4, 1 placed")  # the third to the front
        drag(0, 3, "3 1 2 4, 2 placed")  # the first behind it, among those that wait: it is placed next
        drag(1, 2, "2 3 1 4, 4 placed")  # the second before the third; then all have their place
        page.and_then(lambda: page.click("#answer-submit"))
        (given,) = store.feedback()
        assert given.answer == of_items(Ranking((2, 0, 1, 3)), shown_order(query, "ann"))


def test_points_are_drawn_and_turn_together(page: Page, dataset: Path, tmp_path: Path) -> None:
    """Both canvases change when one of them is dragged, and nothing but a drag changes them."""
    pixels = """
        return [...document.querySelectorAll("canvas")].map((canvas) => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const blue = [], orange = [];
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 2] > 200 && data[i] < 240) blue.push(i);
            if (data[i] > 230 && data[i + 2] < 60) orange.push(i);
          }
          return [blue.length, orange.length, blue.reduce((a, b) => (a * 31 + b) % 1000003, 7)];
        });
    """
    state_without_video = mixed_queries(8)[4:5]
    with opened(page, tmp_path / "labels.sqlite", dataset, state_without_video):
        page.drawn()
        assert all(min(counts[:2]) > 50 for counts in page.driver.execute_script(pixels))
        before = page.driver.execute_script(pixels)
        assert len(before) == 2
        page.drag("canvas", (80, 10))
        page.until(
            lambda: all(now[2] != old[2] for now, old in zip(page.driver.execute_script(pixels), before, strict=True))
        )
        assert page.errors() == []


@pytest.mark.parametrize("kind", range(4))
def test_outcomes_are_drawn_over_what_was_before_and_actions_are_one_key_away(
    page: Page, dataset: Path, tmp_path: Path, kind: int
) -> None:
    """Of every kind of question; the answer says that outcomes were shown."""
    colours = """
        return [...document.querySelectorAll("canvas:not([hidden])")].map((canvas) => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let grey = 0, orange = 0;
          for (let i = 0; i < data.length; i += 4) {
            if (Math.abs(data[i] - 128) < 8 && Math.abs(data[i + 2] - 140) < 8) grey += 1;
            if (data[i] > 230 && data[i + 2] < 60) orange += 1;
          }
          return [grey, orange];
        });
    """
    store = FeedbackStore(tmp_path / "labels.sqlite")
    query = mixed_queries(4)[kind]
    store.add_queries([query])
    candidates = EpisodeStore.open(dataset / "candidates.zarr")
    scenes = Scenes(candidates, after=lambda item: candidates.array("points", item.start, item.stop)[0] * [-1, 1, 1])
    with served(Desk(Assignments(store), scenes={"candidates": scenes}), Access.alone("ann")) as port:
        page.open(f"http://127.0.0.1:{port}/")
        page.drawn()
        seen = page.driver.execute_script(colours)
        assert len(seen) == len(query.items)
        assert all(grey > 20 and not orange for grey, orange in seen)
        assert "what came of it" in page.text("#signs")
        assert page.text("#view").startswith("Outcome or action")
        page.press("v")
        page.drawn()
        done = page.driver.execute_script(colours)
        assert len(done) == len(query.items)
        assert all(orange > 20 for _, orange in done)
        assert "pick" in page.text("#signs")
        size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.click("#view")
        page.drawn()
        assert "what came of it" in page.text("#signs")
        assert page.driver.execute_script("return document.documentElement.scrollWidth") == 390
        size |= {"width": 1280, "height": 720}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.and_then(lambda: answer_with_keys(page, query, 0))
        assert page.errors() == []
    (given,) = store.feedback("ann")
    assert given.labeler_version == "1 of outcomes"
    store.close()


def test_videos_play_in_a_loop_and_can_be_held_scrubbed_and_replayed(page: Page, dataset: Path, tmp_path: Path) -> None:
    videos = (
        'return [...document.querySelectorAll("video")].map((v) => [v.paused, v.currentTime, v.playbackRate, v.loop])'
    )
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(1)):
        page.until(lambda: all(time > 0.05 for _, time, _, _ in page.driver.execute_script(videos)))
        assert [loop for *_, loop in page.driver.execute_script(videos)] == [True, True]
        page.press(" ")
        page.until(lambda: all(paused for paused, *_ in page.driver.execute_script(videos)))
        page.driver.execute_script("""
            const set = (id, value, event) => {
              document.getElementById(id).value = value;
              document.getElementById(id).dispatchEvent(new Event(event));
            };
            set("scrubber", "500", "input");
            set("speed", "0.25", "change");
        """)
        # Twelve pictures at 24 a second last half a second.
        page.until(lambda: all(abs(time - 0.25) < 0.06 for _, time, _, _ in page.driver.execute_script(videos)))
        assert [rate for _, _, rate, _ in page.driver.execute_script(videos)] == [0.25, 0.25]
        page.press("r")
        page.until(lambda: not any(paused for paused, *_ in page.driver.execute_script(videos)))
        shown = "return [...document.querySelectorAll('canvas')].map((canvas) => canvas.hidden)"
        assert page.driver.execute_script(shown) == [True, True]
        page.press("v")
        page.until(lambda: page.driver.execute_script(shown) == [False, False])
        page.drawn()


@pytest.mark.slow
def test_a_person_with_a_token_logs_in_and_sees_the_others_progress(page: Page, dataset: Path, tmp_path: Path) -> None:
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    desk.assignments.store.add_queries(mixed_queries(8))
    access, tokens = Access.generated(["bob", "cleo"], tmp_path / "annotators.json")
    with served(desk, access) as port:
        page.driver.get(f"http://127.0.0.1:{port}/")
        page.write("body[data-state=login] #token", "wrong", Keys.ENTER)
        page.wait("#login-error:not(:empty)")
        page.write("#token", tokens["bob"], Keys.ENTER)  # in place of what was wrong
        page.wait("body[data-state=asking]")
        query = desk.assignments.claim("cleo")
        assert query is not None
        assert query.id != page.question
        desk.assignments.submit(desk.read(query, "cleo", {"type": "abstain", "reason": "cannot tell"}), "cleos-first")
        page.until(lambda: page.text("#people") == "Answers by cleo 1")
        assert tokens["bob"] not in page.driver.current_url
        assert page.driver.execute_script("return document.cookie") == ""


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180), (1180, 820)])
def test_everything_fits_on_the_screen(page: Page, dataset: Path, tmp_path: Path, width: int, height: int) -> None:
    """Laptop and tablet: nothing is cut off, and what is to be pressed is large enough for a finger."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for number in (1, 0):
        queries = mixed_queries(2)[number : number + 1]
        with opened(page, tmp_path / f"{number}.sqlite", dataset, queries):
            outside, small, panels = page.driver.execute_script("""
                const boxes = (selector) => [...document.querySelectorAll(selector)]
                  .filter((e) => e.offsetParent !== null)
                  .map((e) => [e.id || e.textContent, e.getBoundingClientRect()]);
                const out = ([, box]) => Math.min(box.left, box.top) < 0 || box.right > innerWidth
                  || box.bottom > innerHeight;
                return [
                  boxes("button, input, select, .panel, #notice").filter(out).map(([name]) => name),
                  boxes("footer button:not(.between)").filter(([, box]) => box.height < 44),
                  boxes(".panel").map(([, box]) => [box.width, box.height]),
                ];
            """)
            assert outside == []
            assert small == []
            assert all(min(panel) > 150 for panel in panels)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
    )


def test_everything_has_a_name_for_screen_readers(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, mixed_queries(2)[1:]):
        tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        named = {"button", "textbox", "slider", "combobox", "progressbar", "image"}
        nodes = [node for node in tree if not node["ignored"] and node.get("role", {}).get("value") in named]
        assert len(nodes) > 10
        assert [node["role"]["value"] for node in nodes if not node.get("name", {}).get("value")] == []
        page.press(Keys.TAB)
        outline = page.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


@pytest.mark.slow
def test_segments_play_in_a_loop_and_stop_where_they_are_put(page: Page, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "labels.sqlite")
    query = Query("q", "pair", (segment(0, 3), segment(5, 10)), "Tidy.")
    store.add_queries([query])
    desk = Desk(Assignments(store), scenes={"demos": Scenes(segment_store(tmp_path))})

    def panels(step: int) -> list[str]:
        """Pictures of both panels at a step; the shorter one stays at its end."""
        left, right = (min(step, item.stop - item.start - 1) for item in shown)
        page.wait(f".panel:nth-child(1) canvas[data-time='{left}'][data-state=drawn]")
        page.wait(f".panel:nth-child(2) canvas[data-time='{right}'][data-state=drawn]")
        return page.driver.execute_script(
            "return [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL())"
        )

    def put(name: str, value: str, event: str) -> None:
        page.driver.execute_script(
            "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event(arguments[2]));", name, value, event
        )  # fmt: skip

    with served(desk, Access.alone("ann")) as port:
        page.open(f"http://127.0.0.1:{port}/")
        shown = [query.items[index] for index in shown_order(query, "ann")]
        put("speed", "4", "change")
        longer = [item.stop - item.start for item in shown].index(5) + 1
        for step in (1, 2, 0):  # it goes on, and begins again
            page.wait(f".panel:nth-child({longer}) canvas[data-time='{step}']")
        put("scrubber", "0", "input")
        first = panels(0)
        assert page.text("#play").startswith("Play")
        put("scrubber", "999", "input")
        last = panels(4)
        assert all(one != other for one, other in zip(first, last, strict=True))
        put("scrubber", "0", "input")
        assert panels(0) == first
        page.press(Keys.SPACE)
        page.wait(f".panel:nth-child({longer}) canvas[data-time='2']")
        assert page.text("#play").startswith("Pause")
        page.and_then(lambda: page.press(Keys.LEFT))
        assert page.errors() == []
    assert len(store.feedback("ann")) == 1
    store.close()


def test_recordings_of_pictures_alone_are_films_and_nothing_else(
    page: Page, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = EpisodeStore.create(tmp_path / "arm.zarr", {})
    for brightness in (60, 180):
        film = np.full((6, 33, 49, 3), brightness, np.uint8)  # of odd sides, as cameras may have
        recorded.append({"image": film, "action": np.zeros((6, 2), np.float32)})
    queries = [Query("q", "pair", (Item("arm", 0, 5), Item("arm", 6, 11)), "Tidy."),
               Query("r", "rating", (Item("arm", 3, 4),), "Tidy.")]  # fmt: skip
    store = FeedbackStore(tmp_path / "labels.sqlite")
    store.add_queries(queries)
    subject = Subject("arm", recorded, queries, dict, folder=tmp_path)
    film_items(tmp_path / "clips", subject, [item for query in queries for item in query.items], Session(), camera=True)
    assert caplog.messages == []
    desk = Desk(Assignments(store), scenes={}, media=MediaFolder(tmp_path / "clips"))
    shown = """
        return [[...document.querySelectorAll("video")].map((v) => [v.readyState >= 2, v.videoWidth, v.hidden]),
                document.querySelectorAll("canvas").length, document.getElementById("view").checkVisibility()]
    """
    with served(desk, Access.alone("ann")) as port:
        page.open(f"http://127.0.0.1:{port}/")
        page.until(lambda: page.driver.execute_script(shown) == [[[True, 50, False]] * 2, 0, False])
        page.press("v")  # there is nothing else to see
        assert page.driver.execute_script(shown) == [[[True, 50, False]] * 2, 0, False]
        page.and_then(lambda: page.press(Keys.LEFT))
        page.until(lambda: page.driver.execute_script(shown) == [[[True, 50, False]], 0, False])
        page.and_then(lambda: page.press("4"))
        assert page.question == ""
        assert page.errors() == []
    given = {one.query_id: one.answer for one in store.feedback()}
    assert given["r"] == Rating(0.75)
    assert given["q"] == of_items(Preference(0.75), shown_order(queries[0], "ann"))
    store.close()
