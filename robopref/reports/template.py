"""The page of a report, and the pieces of HTML that fill it; every piece escapes the text it is given."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

_STYLE = """
:root { color-scheme: light dark; --page: #f4f5f6; --card: #ffffff; --ink: #1f2329; --muted: #60666e; --faint: #dfe2e6;
  --blue: #0072b2; --vermillion: #d55e00; --green: #008a65; --purple: #b3568a; --orange: #c98500; --sky: #2f97d0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #121417; --card: #1b1e23; --ink: #e8eaed; --muted: #a0a6ae; --faint: #343940;
    --blue: #4ba6e3; --vermillion: #f0813a; --green: #2fc095; --purple: #dc93bb; --orange: #edb53c; --sky: #8acdf3; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header p { margin: 0; }
.name { color: var(--muted); font-size: 14px; }
h1 { font-size: clamp(22px, 2.6vw, 30px); line-height: 1.3; font-weight: 650; margin: 6px 0 18px; max-width: 32em;
  text-wrap: pretty; }
h2 { font-size: 20px; line-height: 1.3; margin: 0 0 4px; }
section { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 20px 22px;
  margin-top: 18px; }
h3 { font-size: 15px; line-height: 1.35; font-weight: 600; margin: 0 0 6px; }
h1 small { display: block; font-size: 17px; font-weight: 400; color: var(--muted); margin-top: 4px; }
section > p { margin: 6px 0 12px; max-width: 46em; color: var(--muted); }
p.reading { color: var(--ink); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(46%, 190px), 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 25px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: 13.5px; line-height: 1.4; display: block; }
table + .grid { margin-top: 24px; }
h2 + .grid { margin-top: 12px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); gap: 22px 20px; }
.two { grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 26px 20px; }
figure { margin: 0; max-width: 420px; }
figcaption { color: var(--muted); font-size: 13.5px; line-height: 1.45; }
figure svg, figure video { display: block; width: 100%; height: auto; font-family: inherit; }
figure video { border-radius: 6px; background: var(--faint); margin-bottom: 6px; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 15px; }
th, td { padding: 7px 10px; text-align: right; border-bottom: 1px solid var(--faint); vertical-align: baseline; }
th { color: var(--muted); font-weight: 500; font-size: 13.5px; line-height: 1.35; vertical-align: bottom; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
td { overflow-wrap: anywhere; }
td span { white-space: nowrap; }
td small { color: var(--muted); font-size: 13px; white-space: nowrap; }
td i { font-style: normal; display: inline-block; width: 1.5em; }
tr.strong td { font-weight: 600; }
tr.strong td { overflow-wrap: anywhere; }
td span { white-space: nowrap; }
td small { font-weight: 400; }
table.plain td { overflow-wrap: anywhere; }
table.plain td:first-child { color: var(--muted); white-space: nowrap; padding-right: 20px; }
table.plain td:last-child { text-align: left; width: 99%; }
.bar { display: inline-block; height: 9px; min-width: 2px; background: var(--blue); border-radius: 2px;
  margin-right: 8px; vertical-align: 1px; max-width: 60%; }
.scale { display: flex; align-items: center; gap: 10px; margin: 4px 0 6px; font-size: 13.5px; color: var(--muted); }
.scale span { width: 130px; height: 9px; border-radius: 2px; }
.key { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 12px; font-size: 13.5px; color: var(--muted); }
.key b { color: var(--ink); font-size: 16px; font-weight: 400; }
.note, .missing { border-left: 3px solid var(--orange); padding: 2px 0 2px 12px; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
@media (max-width: 680px) {
  main { padding: 18px 12px 40px; }
  section { padding: 16px 14px; }
  h1, h2, h3, p, figcaption { overflow-wrap: anywhere; }
  table.wide td span, table.wide td small { white-space: normal; }
  figure { max-width: none; }
  table.plain, table.plain tbody, table.plain tr, table.plain td { display: block; }
  table.plain tr { padding: 7px 0; border-bottom: 1px solid var(--faint); }
  table.plain tr:last-child { border-bottom: 0; }
  table.plain td { border: 0; padding: 0; text-align: left; }
  table.plain td:first-child { white-space: normal; font-size: 13.5px; }
  table.plain td:last-child { width: auto; }
  table.wide, table.wide tbody, table.wide tr, table.wide td { display: block; }
  table.wide tr:first-child { display: none; }
  table.wide tr { padding: 9px 0; border-bottom: 1px solid var(--faint); }
  table.wide tr:last-child { border-bottom: 0; }
  table.wide td { border: 0; padding: 2px 0; display: flex; justify-content: space-between; gap: 14px;
    text-align: right; }
  table.wide td:first-child { display: block; text-align: left; font-weight: 600; }
  table.wide td:not(:first-child)::before { content: attr(data-label); color: var(--muted); font-weight: 400;
    font-size: 13.5px; text-align: left; }
  table.wide td.none { display: none; } }
@media print { body { background: none; } section { break-inside: avoid; } }
"""

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<main>
$content
</main>
</body>
</html>
""")


def page(title: str, content: Iterable[str]) -> str:
    """Put sections on a page.

    Args:
        title: Text of the browser tab.
        content: HTML of the sections.

    Returns:
        A whole HTML file.
    """
    return _PAGE.substitute(title=escape(title), style=_STYLE, content="\n".join(content))


def section(title: str, *content: str) -> str:
    """A titled part of the page.

    Args:
        title: Text.
        *content: HTML.

    Returns:
        HTML.
    """
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(content) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph.

    Args:
        text: Text; what is between backticks becomes code.
        kind: CSS class.

    Returns:
        HTML.
    """
    parts = escape(text).split("`")
    body = "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return f'<p class="{kind}">{body}</p>' if kind else f"<p>{body}</p>"


def missing(what: str, command: str) -> str:
    """Say what a section cannot show, and what would make it.

    Args:
        what: Path within the run folder.
        command: Command that writes it.

    Returns:
        HTML.
    """
    return paragraph(f"Not in this run folder: `{what}`. `{command}` makes it.", "missing")


def figure(title: str, drawing: str, caption: str = "") -> str:
    """A drawing with its title and caption.

    Args:
        title: Text.
        drawing: HTML or SVG.
        caption: Text.

    Returns:
        HTML.
    """
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><h3>{escape(title)}</h3>{drawing}{below}</figure>"


def grid(figures: Iterable[str], kind: str = "") -> str:
    """Figures side by side where there is room.

    Args:
        figures: HTML of each.
        kind: Further CSS class.

    Returns:
        HTML.
    """
    return f'<div class="{f"grid {kind}".strip()}">' + "\n".join(figures) + "</div>"


def video(path: Path) -> str:
    """A video held by the page itself.

    Args:
        path: An mp4 file.

    Returns:
        HTML.
    """
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<video controls muted loop playsinline preload="metadata" src="data:video/mp4;base64,{content}"></video>'


def mark(name: str, glyph: str, variable: str) -> str:
    """The mark of a strategy, in its colour, to be put before its name.

    Args:
        name: Name of the strategy, for those who cannot see the mark.
        glyph: The mark.
        variable: CSS variable of the colour.

    Returns:
        HTML.
    """
    # The last character asks for a plain shape where a phone would draw an emoji.
    return f'<i style="color:var({variable})" title="{escape(name)}">{glyph}\ufe0e</i>'


def key(entries: Iterable[tuple[str, str]], colors: Sequence[str], ends: tuple[str, str]) -> str:
    """What the marks and colours of pictures mean.

    Args:
        entries: Mark and meaning.
        colors: CSS colours of the scale, from its low end to its high end.
        ends: Text at both ends of the scale.

    Returns:
        HTML.
    """
    gradient = f"linear-gradient(90deg, {', '.join(colors)})"
    scale = f'improvement {escape(ends[0])} <span style="background:{gradient}"></span> {escape(ends[1])}'
    marks = "".join(f"<div><b>{glyph}\ufe0e</b> {escape(text)}</div>" for glyph, text in entries)
    return f'<div class="scale">{scale}</div><div class="key">{marks}</div>'


def tiles(content: Iterable[tuple[str, str]]) -> str:
    """A few numbers to be seen first.

    Args:
        content: Number and what it means, as text.

    Returns:
        HTML.
    """
    made = (f'<div class="tile"><b>{escape(number)}</b><span>{escape(text)}</span></div>' for number, text in content)
    return '<div class="tiles">' + "".join(made) + "</div>"


def table(rows: Sequence[Sequence[str]], *, marks: Sequence[str] = (), strong: Sequence[int] = ()) -> str:
    """A table that turns into a list of cards on a phone.

    Args:
        rows: Text of the cells, the header first; what a cell has in brackets is set smaller.
        marks: HTML to put before the first cell of each row behind the header.
        strong: Which rows behind the header to emphasise.

    Returns:
        HTML.
    """
    header, *body = rows
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>"]
    for i, row in enumerate(body):
        first = f"<td>{marks[i] if marks else ''}{escape(row[0])}</td>"
        rest = (_cell(name, text) for name, text in zip(header[1:], row[1:], strict=True))
        opening = '<tr class="strong">' if i in strong else "<tr>"
        lines.append(f"{opening}{first}{''.join(rest)}</tr>")
    return '<table class="wide">' + "\n".join(lines) + "</table>"


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values.

    Args:
        rows: Name as text and value as HTML.

    Returns:
        HTML.
    """
    lines = (f"<tr><td>{escape(name)}</td><td>{value}</td></tr>" for name, value in rows)
    return '<table class="plain">' + "\n".join(lines) + "</table>"


def typeset(text: str) -> str:
    """Turn the hyphens before numbers into minus signs, and keep numbers and units on one line."""
    return re.sub(r"(?<=\d) (?=%|cm\b)", "\u00a0", re.sub(r"-(?=\d)", "−", text))


def _cell(name: str, text: str) -> str:
    number, bracket, rest = typeset(text).partition(" (")
    small = f" <small>({escape(rest)}</small>" if bracket else ""
    kind = ' class="none"' if text == "–" else ""
    return f'<td{kind} data-label="{escape(name)}"><span>{escape(number)}{small}</span></td>'
