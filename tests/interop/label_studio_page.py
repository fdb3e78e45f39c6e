"""Label Studio's own pages in a real browser, on which somebody answers with the mouse."""

import time
from collections.abc import Mapping

from tests.interop.label_studio_server import PASSWORD
from tests.web.browser import Page

_ITEM = ".lsf-main-view__annotation .cursor-pointer"
_ITEMS = {"left": f"{_ITEM}:has(+ .cursor-pointer)", "right": f"{_ITEM} + .cursor-pointer"}
_CHOSEN = "bg-primary-background"  # of the item that is selected
# What is asked, both items, and which of them is selected.
_STATE = """
const [item, chosen] = arguments, items = [...document.querySelectorAll(item)];
return [
  document.querySelector(".lsf-main-view__annotation h3")?.textContent ?? "",
  ...items.map((one) => one.textContent),
  ["left", "right"].filter((_, place) => items[place]?.classList.contains(chosen)).join(),
];
"""


class LabellingPage:
    """The page of a task.

    Args:
        page: A browser.
        server: Address of the server.
    """

    def __init__(self, page: Page, server: str) -> None:
        self.page, self.server = page, server

    def log_in(self, name: str) -> None:
        self.page.driver.get(f"{self.server}/user/login/")
        self.page.write("input[name=email]", name)
        self.page.write("input[name=password]", PASSWORD, "\n")
        self.page.until(lambda: "login" not in self.page.driver.current_url)

    def label(self, project: int) -> None:
        """Begin with the first task that has no answer."""
        self.page.driver.get(f"{self.server}/projects/{project}/data?labeling=1")

    def open(self, project: int, task: int) -> None:
        """Look at one task and what was answered."""
        self.page.driver.get(f"{self.server}/projects/{project}/data?task={task}")

    def shows(self, data: Mapping[str, str], side: str = "") -> None:
        """Wait for a task, on which this side is selected."""
        expected = [data["instruction"], data["left"], data["right"], side]
        self.page.until(lambda: self.page.driver.execute_script(_STATE, _ITEM, _CHOSEN) == expected)

    def submit(self, side: str) -> None:
        self._choose(side)
        self.page.click("[data-testid=bottombar-submit-button]")

    def update(self, side: str) -> None:
        self._choose(side)
        self.page.click("[data-testid=bottombar-update-button]:not([disabled])")
        self.page.wait("[data-testid=bottombar-update-button][data-waiting=false][disabled]")

    def skip(self) -> None:
        self.page.click("[data-testid=bottombar-skip-button]")

    def _choose(self, side: str) -> None:
        if side:
            self.page.until(lambda: self._chooses(side))

    def _chooses(self, side: str) -> bool:
        """Click, and say whether it took: a click that comes while the page still loads the answer is lost."""
        self.page.click(_ITEMS[side])
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.page.driver.execute_script(_STATE, _ITEM, _CHOSEN)[-1] == side:
                return True
            time.sleep(0.1)
        return False
