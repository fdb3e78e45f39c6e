"""A real Chromium without a window."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

FLAGS = (
    "--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
# The name of the state that a page is in: which question it shows, how often it was shown, and what it tells.
STATE = """
return [document.body.dataset.question, document.body.dataset.shown, document.getElementById("task").textContent,
        document.getElementById("notice").textContent]
"""


class Page:
    """A page in a browser, worked with keys; the first few are about the labelling page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

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
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, self.driver.execute_script("return document.body.innerText")
            time.sleep(0.02)

    def text(self, name: str) -> str:
        """What an element of the page says."""
        return self.driver.execute_script("return document.getElementById(arguments[0]).textContent", name)

    def errors(self) -> list[str]:
        """What scripts of the page have failed at; an answer that is retried is no failure of a script."""
        severe = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [message for message in severe if "Failed to load resource" not in message]


@contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 720) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield Page(driver)
    finally:
        driver.quit()
