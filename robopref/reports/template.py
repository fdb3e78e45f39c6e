"""The page of a report, and the pieces of HTML that fill it; the templates escape whatever is none of these."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray


@cache
def _templates() -> Environment:
    loader = PackageLoader("robopref.reports", "page")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip


@cache
def _pieces() -> Any:
    return _templates().get_template("pieces.html").module


def page(title: str, content: Iterable[Markup]) -> str:
    """Put sections on a page.

    Args:
        title: Text of the browser tab.
        content: The sections.

    Returns:
        A whole HTML file.
    """
    return _templates().get_template("page.html").render(title=title, content=content)


def header(name: str, title: str, *content: Markup, below: str = "") -> Markup:
    """The head of a page.

    Args:
        name: Text above the title.
        title: Text.
        *content: What follows.
        below: Text of a second line.
    """
    return _pieces().header(name, title, below, content)


def section(title: str, *content: Markup) -> Markup:
    """A titled part of the page."""
    return _pieces().section(title, content)


def paragraph(text: str, kind: str = "") -> Markup:
    """A paragraph.

    Args:
        text: Text; what is between backticks becomes code.
        kind: CSS class.
    """
    return _pieces().paragraph(text, kind)


def code(text: str) -> Markup:
    """Text in a line that is code."""
    return _pieces().code(text)


def block(title: str, text: str) -> Markup:
    """A text with a title that stands beside figures."""
    return _pieces().block(title, text)


def missing(what: str, command: str) -> Markup:
    """Say what a section cannot show, and what would make it.

    Args:
        what: Path within the run folder.
        command: Command that writes it.
    """
    return paragraph(f"Not in this run folder: `{what}`. `{command}` makes it.", "missing")


def figure(title: str, drawing: Markup, caption: str = "") -> Markup:
    """A drawing with its title and caption."""
    return _pieces().figure(title, drawing, caption)


def grid(figures: Iterable[Markup], kind: str = "") -> Markup:
    """Figures side by side where there is room; `kind` is a further CSS class."""
    return _pieces().grid(figures, kind)


def video(path: Path) -> Markup:
    """A video held by the page itself.

    Args:
        path: An mp4 file.
    """
    return _pieces().video(base64.b64encode(path.read_bytes()).decode("ascii"))


def picture(frame: NDArray[np.uint8], said: str) -> Markup:
    """A picture held by the page itself.

    Args:
        frame: (h, w, 3).
        said: What it shows, for those who cannot see it.
    """
    drawn = io.BytesIO()
    imageio.imwrite(drawn, frame, extension=".png")
    return _pieces().picture(base64.b64encode(drawn.getvalue()).decode("ascii"), said)


def mark(name: str, glyph: str, variable: str) -> Markup:
    """The mark of a strategy, in its colour, to be put before its name.

    Args:
        name: Name of the strategy, for those who cannot see the mark.
        glyph: The mark.
        variable: CSS variable of the colour.
    """
    return _pieces().mark(name, glyph, variable)


def key(entries: Iterable[tuple[str, str]], colors: Sequence[str], ends: tuple[str, str]) -> Markup:
    """What the marks and colours of pictures mean.

    Args:
        entries: Mark and meaning.
        colors: CSS colours of the scale, from its low end to its high end.
        ends: Text at both ends of the scale.
    """
    return _pieces().key(entries, colors, ends)


def folded(title: str, *content: Markup) -> Markup:
    """What is shown once its title is clicked."""
    return _pieces().folded(title, content)


def tiles(content: Iterable[tuple[str, str]]) -> Markup:
    """A few numbers to be seen first.

    Args:
        content: Number and what it means, as text.
    """
    return _pieces().tiles(content)


def table(rows: Sequence[Sequence[str]], *, marks: Sequence[Markup] = (), strong: Sequence[int] = ()) -> Markup:
    """A table that turns into a list of cards on a phone.

    Args:
        rows: Text of the cells, the header first; what a cell has in brackets is set smaller.
        marks: What to put before the first cell of each row behind the header.
        strong: Which rows behind the header to emphasise.
    """
    head, *body = rows
    cells = [[(row[0], ""), *map(_parted, row[1:])] for row in body]
    return _pieces().table(head, cells, marks, strong)


def pairs(rows: Iterable[tuple[str, str]]) -> Markup:
    """A table of names and values."""
    return _pieces().pairs(rows)


def bar(percent: float, text: str) -> Markup:
    """A bar with a text behind it.

    Args:
        percent: Its length, of the room for both.
        text: Text.
    """
    return _pieces().bar(percent, text)


def typeset(text: str) -> str:
    """Turn the hyphens before numbers into minus signs, and keep numbers and units on one line."""
    return re.sub(r"(?<=\d) (?=%|cm\b)", "\u00a0", re.sub(r"-(?=\d)", "−", text))


def _parted(text: str) -> tuple[str, str]:
    """A cell, and what it has in brackets."""
    number, bracket, rest = typeset(text).partition(" (")
    return number, f"({rest}" if bracket else ""
