"""Colours and marks that mean the same in every drawing and table of a report, and how they follow its theme."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

WORST, NEUTRAL, BEST = "#cc5500", "#9aa0a8", "#1a7fc4"

INK, MUTED, FAINT = "#1f2329", "#60666e", "#d9dce0"
# Okabe and Ito's palette, which people with any colour vision can tell apart; the page darkens or lightens it.
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    "#0072b2": "--blue",
    "#d55e00": "--vermillion",
    "#009e73": "--green",
    "#cc79a7": "--purple",
    "#e69f00": "--orange",
    "#56b4e9": "--sky",
}


@dataclass(frozen=True)
class Style:
    """How one strategy looks wherever it appears.

    Attributes:
        color: Hex colour that the page's theme replaces.
        marker: Marker shape, which tells strategies apart without colour.
        glyph: The same shape as a character.
        outline: The same character, not filled.
        dash: Line style.
    """

    color: str
    marker: str
    glyph: str
    outline: str
    dash: Any = "-"

    @property
    def variable(self) -> str:
        """CSS variable that holds the colour."""
        return _VARIABLES[self.color]


_POLICY = Style(MUTED, "X", "✖", "✕", (0, (5, 2)))
STYLES = {
    "own": _POLICY,
    "policy": _POLICY,
    "random": Style(MUTED, ".", "•", "·", ":"),
    "tuned": Style("#cc79a7", "^", "▲", "△", (0, (3, 1, 1, 1))),
    "explicit": Style("#d55e00", "s", "■", "□", (0, (6, 1.5, 1, 1.5))),
    "implicit": Style("#0072b2", "o", "●", "○"),
    "combined": Style("#009e73", "D", "◆", "◇", (0, (2, 1))),
    "oracle": Style(INK, "*", "★", "☆"),
}
SPARE = (
    Style("#e69f00", "v", "▼", "▽"),
    Style("#56b4e9", "P", "✚", "+"),
    Style(INK, "h", "⬢", "⬡"),
    Style(MUTED, "p", "⬟", "⬠"),
    Style("#cc79a7", "<", "◀", "◁"),
    Style("#009e73", ">", "▶", "▷"),
)


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Choose how strategies look; the usual ones always look the same.

    Args:
        names: Names of the strategies.

    Returns:
        The style of each.
    """
    listed = list(names)
    others = [name for name in listed if name not in STYLES]
    return {n: STYLES[n] if n in STYLES else SPARE[others.index(n) % len(SPARE)] for n in listed}


def inline_svg(svg: str, title: str) -> Markup:
    """Make a stand-alone SVG file part of an HTML page that may hold others.

    Args:
        svg: The file as matplotlib wrote it.
        title: What it shows, for those who cannot see it.

    Returns:
        An SVG element without namespace addresses, in the colours and the font of the page.
    """
    box = re.search(r'viewBox="[^"]*"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    # Names of shapes must differ between the drawings of a page; a drawing is known by what it holds.
    key = f"f{zlib.crc32((title + svg).encode('utf-8', 'replace')):08x}"
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", body)
    body = re.sub(r'style="[^"]*"', lambda style: _themed(style[0]), body)
    return Markup('<svg role="img" aria-label="{}" {}>{}').format(title, Markup(box[0] if box else ""), Markup(body))


def _themed(style: str) -> str:
    style = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", style)
    return re.sub(r"#[0-9a-f]{6}", lambda hue: f"var({_VARIABLES[hue[0]]})" if hue[0] in _VARIABLES else hue[0], style)
