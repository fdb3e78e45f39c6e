"""Pieces of HTML escape whatever is none of them."""

from collections.abc import Callable

import pytest
from markupsafe import Markup

from robopref.reports import template
from robopref.reports.palette import inline_svg

HOSTILE = '<script>alert("\'&")</script>'
PIECES: list[Callable[[str], str]] = [
    lambda text: template.page(text, [text]),  # type: ignore[list-item]
    lambda text: template.header(text, text, text, below=text),  # type: ignore[arg-type]
    lambda text: template.section(text, text),  # type: ignore[arg-type]
    lambda text: template.paragraph(f"a `{text}` {text}", text),
    template.code,
    lambda text: template.block(text, text),
    lambda text: template.missing(text, text),
    lambda text: template.figure(text, text, text),  # type: ignore[arg-type]
    lambda text: template.grid([text], text),  # type: ignore[list-item]
    lambda text: template.mark(text, text, text),
    lambda text: template.key([(text, text)], [text], (text, text)),
    lambda text: template.tiles([(text, text)]),
    lambda text: template.table([[text, text], [text, text]], marks=[text]),  # type: ignore[list-item]
    lambda text: template.pairs([(text, text)]),
    lambda text: template.bar(1, text),
    lambda text: inline_svg('<svg viewBox="0 0 1 1"></svg>', text),
]


@pytest.mark.parametrize("piece", PIECES)
def test_text_is_escaped(piece: Callable[[str], str]) -> None:
    found = str(piece(HOSTILE))
    assert "alert" in found
    assert "<script" not in found
    assert "\"'&" not in found


def test_pieces_within_pieces_are_not() -> None:
    inner = template.paragraph("a < b")
    for outer in (template.section("c", inner), template.grid([inner]), template.pairs([("c", inner)])):
        assert isinstance(outer, Markup)
        assert "<p>a &lt; b</p>" in outer
