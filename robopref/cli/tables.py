"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

T = TypeVar("T")

console = Console()


def print_table(console: Console, title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print a table.

    Args:
        console: Where to.
        title: Above it.
        rows: Text of the cells, the header first.
    """
    table = Table(title=escape(title), title_justify="left")
    for index, name in enumerate(rows[0]):
        table.add_column(escape(name), justify="right" if index else "left")
    for row in rows[1:]:
        table.add_row(*map(escape, row))
    console.print(table)


def tracked(items: Iterable[T], total: int, text: str) -> Iterator[T]:
    """Show a progress bar while items go by; it disappears at the end, and is not shown in files.

    Args:
        items: The items.
        total: How many there are.
        text: What is done.

    Yields:
        The items.
    """
    if not console.is_terminal:
        yield from items
        return
    yield from track(items, text, total, console=console, transient=True)
