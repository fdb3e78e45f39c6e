"""A real Chromium without a window."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.keys import Keys

FLAGS = (
    "--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
PATIENCE = 90  # s until a state that does not come fails the test
# The name of the state that a page is in: which question it shows, how often it was shown, and what it tells.
STATE = """
return [document.body.dataset.question, document.body.dataset.shown, document.getElementById("task").textContent,
        document.getElementById("notice").textContent]
"""
# Waits for an element, and reads or clicks it before anything else can happen on the page.
DO = """
const [act, selector, patience, done] = arguments, begun = performance.now();
const middle = (e) => {
  const box = e.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
};
const onTop = (e) => {
  e.scrollIntoView({ block: "nearest", behavior: "instant" });
  return e.contains(document.elementFromPoint(...middle(e)));
};
const acts = {
  read: (e) => [e.textContent],
  place: (e) => e.checkVisibility() && onTop(e) && [middle(e)],
  focus: (e) => e.checkVisibility() && (e.focus(), document.activeElement === e) && [],
  click: (e) => e.checkVisibility() && !e.disabled && onTop(e)
    && [e.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, composed: true, detail: 1 }))],
};
(function attempt() {
  const found = document.querySelector(selector), result = found && acts[act](found);
  if (result) return done(result);
  if (performance.now() - begun < 1000 * patience) return setTimeout(attempt, 10);
  done(null);
})();
"""


class Page:
    """A page in a browser, worked with keys.

    Pages draw themselves anew at any time, so nothing here hands out an element: what is read or clicked is found,
    awaited and used in one go. What to wait for is a state that the page states itself, as part of the selector, such
    as ``body[data-state=asking] #task``.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(180)  # s; a script ends by its own patience

    def text(self, selector: str) -> str:
        """What an element says, once there is one."""
        return self._do("read", selector)[0]

    def wait(self, selector: str) -> None:
        """Wait for an element."""
        self._do("read", selector)

    def click(self, selector: str) -> None:
        """Click an element, once it is there, enabled and not covered by another."""
        self._do("click", selector)

    def write(self, selector: str, *keys: str) -> None:
        """Press keys in a field."""
        self._do("focus", selector)
        self.press(*keys)

    def drag(self, selector: str, by: tuple[int, int], onto: str = "") -> None:
        """Drag an element by some pixels, or to so many pixels from the middle of another."""
        start = self._do("place", selector)[0]
        end = self._do("place", onto or selector)[0]
        chain = ActionBuilder(self.driver, duration=50)
        chain.pointer_action.move_to_location(*map(round, start)).pointer_down()
        chain.pointer_action.move_to_location(*(round(at + far) for at, far in zip(end, by, strict=True)))
        chain.pointer_action.pointer_up()
        chain.perform()

    def _do(self, act: str, selector: str) -> list[Any]:
        result = self.driver.execute_async_script(DO, act, selector, PATIENCE)
        if result is None:
            body = self.driver.execute_script("return document.body.cloneNode().outerHTML + document.body.innerText")
            raise AssertionError(f"cannot {act} {selector}: {body}")
        return result

    def drawn(self) -> None:
        """Wait until every canvas that is in sight shows what it should."""
        self.until(
            lambda: self.driver.execute_script("""
            const seen = [...document.querySelectorAll("canvas")].filter((canvas) => canvas.checkVisibility());
            return seen.length && seen.every((canvas) => canvas.dataset.state === "drawn");
        """)
        )

    def open(self, address: str) -> None:
        self.driver.get(address)
        self.until(lambda: self.shown > 0)

    @property
    def question(self) -> str:
        """Id of the question that is shown; empty if all are answered."""
        return self.driver.execute_script(STATE)[0]

    @property
    def shown(self) -> int:
        """How many times the page has shown a question or the end since it was loaded."""
        return int(self.driver.execute_script(STATE)[1] or 0)

    @property
    def task(self) -> str:
        return self.driver.execute_script(STATE)[2]

    @property
    def notice(self) -> str:
        return self.driver.execute_script(STATE)[3]

    def press(self, *keys: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def press_shift(self, key: str) -> None:
        ActionChains(self.driver, duration=0).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def and_then(self, action: Callable[[], None]) -> None:
        """Do something that brings the next question, and wait for it."""
        before = self.shown
        action()
        self.until(lambda: self.shown > before)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.driver.execute_script("return document.body.innerText")
            time.sleep(0.02)

    def errors(self) -> list[str]:
        """What scripts of the page have failed at; an answer that is retried is no failure of a script."""
        severe = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [message for message in severe if "Failed to load resource" not in message]


@contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 720) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Crash reports and settings of the desktop go to the home folder.
    service = Service(shutil.which("chromedriver"), env={**os.environ, "HOME": str(profile)})
    driver = webdriver.Chrome(options=options, service=service)
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield Page(driver)
    finally:
        driver.quit()
