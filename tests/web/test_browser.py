"""The driver of the browser tests, and that nothing goes past it."""

import re
from pathlib import Path

import pytest

from tests.web.browser import chromium

TESTS = Path(__file__).parents[1]
# It redraws its button over and over, and enables it late.
PAGE = """data:text/html,<body><p id="said"></p><script>
let count = 0;
const draw = () => {
  document.getElementById("old")?.remove();
  const made = Object.assign(document.createElement("button"), { id: "old", disabled: count < 30, textContent: count });
  made.addEventListener("click", () => { document.getElementById("said").textContent = "clicked"; });
  document.body.append(made);
  count += 1;
};
setInterval(draw, 1);
draw();
</script>"""


@pytest.mark.slow
def test_what_is_drawn_anew_all_the_time_can_be_read_and_clicked(tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as page:
        page.driver.get(PAGE)
        assert [page.text("#old").isdigit() for _ in range(20)] == [True] * 20
        page.click("#old")
        assert page.text("#said") == "clicked"


@pytest.mark.slow
def test_what_does_not_come_or_is_covered_fails_and_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.web.browser.PATIENCE", 0.2)
    with chromium(tmp_path / "profile") as page:
        page.driver.get("data:text/html,<button id=a>A</button><div style='position:fixed;inset:0'>over it</div>")
        with pytest.raises(AssertionError, match=r"cannot click #a: [\s\S]*over it"):
            page.click("#a")
        with pytest.raises(AssertionError, match="cannot read #b"):
            page.text("#b")


def test_no_test_holds_an_element_of_a_page() -> None:
    """It might be replaced before it is used."""
    held = re.compile(r"find_element|By\.|WebElement")
    found = [path for path in TESTS.rglob("*.py") if path != Path(__file__) and held.search(path.read_text())]
    assert found == []
