"""Questions about a feature in a real browser, answered with keys only."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from robopref.asked_features import FeatureRelevance, Threshold
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Abstain, Answer, Query
from robopref.web.access import Access
from tests.labelers.people.desks import candidate, feature_questions, make_desk, served
from tests.labelers.people.test_page import ROOT, opened, wait_for
from tests.web.browser import Page, chromium

MATTERS, CLOSE, BARE, FAR, BARE_CLOSE = feature_questions()
VALUES = (0.25, 0.05, 0.14, 0.1)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def names(page: Page) -> list[str]:
    return page.driver.execute_script("return [...document.querySelectorAll('.panel .name')].map((e) => e.textContent)")


def marks(page: Page) -> list[str]:
    return page.driver.execute_script(
        "return [...document.querySelectorAll('.panel .place')].map((e) => e.textContent)"
    )


@pytest.mark.parametrize(
    ("key", "direction"), [(Keys.LEFT, -1), (Keys.RIGHT, 1), (Keys.DOWN, 0)], ids=["less", "more", "neither"]
)
@pytest.mark.parametrize("query", [MATTERS, BARE], ids=["examples", "bare"])
def test_whether_a_feature_matters_is_one_press(
    page: Page, dataset: Path, tmp_path: Path, query: Query, key: str, direction: int
) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, [query]) as store:
        assert page.task == "Does the distance to the person matter?"
        assert names(page) == (["1: 6.0 cm", "2: 20.0 cm"] if query.items else [])  # from the least on
        page.and_then(lambda: page.press(key))
        (given,) = store.feedback()
        assert given.answer == FeatureRelevance(direction)
        assert given.order == ((1, 0) if query.items else ())
        assert given.seconds is not None
        assert page.errors() == []


def test_a_threshold_is_found_by_stepping_through_examples(page: Page, dataset: Path, tmp_path: Path) -> None:
    """Examples have 5, 10, 14 and 25 of 2 to 30 cm; the slider begins in the middle, and says nothing there."""
    with opened(page, tmp_path / "labels.sqlite", dataset, [CLOSE]) as store:
        assert page.task == "The distance to the person: how little is too little?"
        assert names(page) == ["1: 5.0 cm", "2: 10.0 cm", "3: 14.0 cm", "4: 25.0 cm"]
        page.press(Keys.ENTER)  # nothing is chosen yet
        assert page.question == "close"
        page.press(Keys.DOWN)  # below 16 cm
        assert page.text("#limit") == "Less than 14.0 cm is too little"
        assert marks(page) == ["too little", "too little", "fine", "fine"]
        page.press(Keys.DOWN, Keys.DOWN, Keys.DOWN)  # and stays at the last one
        assert marks(page) == ["fine"] * 4
        page.press("4", Keys.ARROW_LEFT)
        assert page.text("#limit") == "Less than 24.7 cm is too little"  # 81 of 100 steps of 0.28 cm, from 2 cm
        page.press_shift(Keys.LEFT)
        assert page.text("#limit") == "Less than 21.9 cm is too little"  # 71
        page.press("2")
        page.and_then(lambda: page.press(Keys.ENTER))
        assert page.notice == "Saved: less than 10.0 cm is too little. u takes it back."
        assert [given.answer for given in store.feedback()] == [Threshold(0.1)]
        assert page.errors() == []


def test_a_limit_above_which_is_too_much_and_none_at_all(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, [FAR, BARE_CLOSE]) as store:
        assert page.task == "The distance to the person: how much is too much?"
        page.press("3")
        assert marks(page) == ["fine", "fine", "fine", "too much"]
        page.and_then(lambda: page.press("0"))
        assert page.notice.startswith("Saved: nothing from 2.0 cm to 30.0 cm is too much")
        assert not page.driver.execute_script("return document.getElementById('flag').checkVisibility()")
        page.press("f", "9", Keys.UP)  # nothing is shown that could be broken, or stepped through
        assert (page.question, page.text("#limit")) == ("bare-close", "Move the slider to where it begins to be bad")
        page.and_then(lambda: page.press("0"))
        assert [given.answer for given in store.feedback()] == [Threshold(0.3), Threshold(0.02)]


def test_a_key_that_is_held_down_moves_on_and_answers_nothing_more(page: Page, dataset: Path, tmp_path: Path) -> None:
    held = """
        for (let n = 0; n < 20; n += 1) {
          const held = { key: "ArrowRight", repeat: n > 0, bubbles: true };
          document.body.dispatchEvent(new KeyboardEvent("keydown", held));
        }
    """
    with opened(page, tmp_path / "labels.sqlite", dataset, [BARE_CLOSE, BARE]) as store:
        page.driver.execute_script(held)
        assert page.text("#limit") == "Less than 21.6 cm is too little"  # 50 + 20 of 100 steps
        page.and_then(lambda: page.press(Keys.ENTER))
        page.driver.execute_script("""document.body.dispatchEvent(new KeyboardEvent("keydown", {
            key: "ArrowRight", repeat: true, bubbles: true }));""")
        assert page.question == "bare"
        assert len(store.feedback()) == 1


def test_a_focused_slider_takes_the_same_keys_and_can_be_dragged(page: Page, dataset: Path, tmp_path: Path) -> None:
    with opened(page, tmp_path / "labels.sqlite", dataset, [CLOSE]) as store:
        page.drag("#slider", (-100, 0))
        assert page.text("#limit").startswith("Less than")
        assert page.driver.execute_script("return document.activeElement === document.body")
        page.write("#slider", "1", Keys.RIGHT)
        assert page.text("#limit") == "Less than 5.4 cm is too little"  # 12 of 100 steps
        tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        (slider,) = [node for node in tree if node.get("role", {}).get("value") == "slider" and not node["ignored"]]
        assert slider["name"]["value"] == page.task
        page.and_then(lambda: page.write("#slider", Keys.ENTER))
        (given,) = store.feedback()
        assert isinstance(given.answer, Threshold)
        assert given.answer.value == pytest.approx(0.02 + 0.12 * 0.28)


@pytest.mark.parametrize(
    ("width", "height"),
    [(390, 844), *(pytest.param(*size, marks=pytest.mark.slow) for size in [(1280, 720), (820, 1180)])],
)
def test_questions_about_features_fit_on_the_screen(
    page: Page, dataset: Path, tmp_path: Path, width: int, height: int
) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert FAR.feature is not None
    five = replace(FAR, items=(*FAR.items, candidate(2, 0)), feature=replace(FAR.feature, values=(0.2, *VALUES)))
    for number, query in enumerate((five, CLOSE, MATTERS, BARE, BARE_CLOSE)):
        with opened(page, tmp_path / f"{number}.sqlite", dataset, [query]):
            if query is five:
                page.press("1")
                assert marks(page) == ["fine"] + ["too much"] * 4
            outside, small, wide = page.driver.execute_script("""
                const boxes = [...document.querySelectorAll("button, input, .panel, #limit, #notice")]
                  .filter((e) => e.offsetParent !== null)
                  .map((e) => [e.id || e.textContent, e.getBoundingClientRect()]);
                const out = ([, box]) => box.left < 0 || box.right > innerWidth
                  || (innerWidth > 560 && (box.top < 0 || box.bottom > innerHeight));
                const hidden = (part) => part.getBoundingClientRect().right
                  > part.closest(".panel").getBoundingClientRect().right;
                const cut = [...document.querySelectorAll(".panel figcaption > *")].filter(hidden);
                return [[...boxes.filter(out).map(([name]) => name), ...cut.map((part) => part.textContent)],
                  [...document.querySelectorAll("footer :is(button, input)")].filter((e) => e.offsetParent !== null
                    && e.getBoundingClientRect().height < 44).map((e) => e.id),
                  document.documentElement.scrollWidth];
            """)
            assert (outside, small, wide) == ([], [], width)
    size |= {"width": 1280, "height": 720}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.slow
def test_answers_about_features_survive_undo_reload_and_a_server_that_is_killed(
    page: Page, dataset: Path, tmp_path: Path, port: int
) -> None:
    database = tmp_path / "labels.sqlite"
    with FeedbackStore(database) as store:
        store.add_queries(feature_questions())

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.labelers.people.desks", str(database), str(dataset), str(port)]
        return subprocess.Popen(command, cwd=ROOT)

    server = start()
    wait_for(port)
    try:
        page.open(f"http://127.0.0.1:{port}/")
        page.and_then(lambda: page.press(Keys.RIGHT))  # more is better
        page.and_then(lambda: page.press("u"))
        assert page.question == "matters"
        page.and_then(lambda: page.press(Keys.DOWN))  # no: it does not matter
        page.press("2")
        page.driver.refresh()
        page.until(lambda: page.shown == 1)
        assert page.question == "close"
        assert page.text("#limit").startswith("Move the slider")
        page.press("3")
        server.send_signal(signal.SIGKILL)
        server.wait()
        before = page.shown
        page.press(Keys.ENTER)
        page.until(lambda: "Not saved yet" in page.notice)
        server = start()
        page.until(lambda: page.shown > before)
        page.and_then(lambda: page.press("c"))
        page.press("1")
        page.and_then(lambda: page.press(Keys.ENTER))
        page.and_then(lambda: page.press("0"))
        assert page.task == "All done. Thank you!"
        assert page.errors() == []
    finally:
        server.kill()
        server.wait()
    expected: dict[str, Answer] = {
        "matters": FeatureRelevance(0), "close": Threshold(0.14), "bare": Abstain("cannot tell"),
        "far": Threshold(0.05), "bare-close": Threshold(0.02),
    }  # fmt: skip
    with FeedbackStore(database) as store:
        assert {given.query_id: given.answer for given in store.feedback()} == expected
        assert len(store.feedback()) == 5
        assert [given.answer for given in store.retracted()] == [FeatureRelevance(1)]


def test_words_of_others_are_shown_as_text(page: Page, dataset: Path, tmp_path: Path) -> None:
    assert BARE.feature is not None
    feature = replace(BARE.feature, said="<img src=x onerror=alert(1)>", unit="<b>cm</b>")
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    desk.assignments.store.add_queries([replace(BARE_CLOSE, feature=feature)])
    with served(desk, Access.alone("ann")) as port:
        page.open(f"http://127.0.0.1:{port}/")
        assert page.task == "<img src=x onerror=alert(1)>: how little is too little?"
        assert page.text("#ends") == "2.0 <b>cm</b>30.0 <b>cm</b>"
        assert page.driver.execute_script("return document.querySelectorAll('img, #ends b').length") == 0
