"""Reports on a telephone, in a real browser."""

from pathlib import Path

import pytest

from robopref.reports.template import code, header, page, pairs, paragraph, section, table, tiles
from tests.web.browser import chromium

LONG = "a_name_that_nobody_would_break_" * 4


@pytest.mark.slow
def test_nothing_of_a_report_is_wider_than_a_telephone(tmp_path: Path) -> None:
    rows = [["episode", "why"], ["7", "return -0.06983 stands out from all others (11.1 from the median of episodes)"]]
    named = [["name", "value"], [LONG, "1.5 (0.5 to 2.5)"]]
    content = [
        header("robopref", LONG, tiles([("12", "episodes")])),
        section(LONG, table(rows), table(named, strong=[0]), pairs([("folder", code(LONG)), (LONG, "x")])),
        paragraph(f"`{LONG}` makes it"),
    ]  # fmt: skip
    report = tmp_path / "report.html"
    report.write_text(page("Test", content), encoding="utf-8")
    with chromium(tmp_path / "profile", 390, 844) as browser:
        browser.driver.get(report.as_uri())
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") == 390
