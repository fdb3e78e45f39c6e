"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
