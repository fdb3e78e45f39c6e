"""`robopref report`: one HTML page and one JSON file of the evaluation."""

from __future__ import annotations

import json

from rich.table import Table

from robopref.cli.context import Context
from robopref.evaluation.report import format_table, write_report


def run(context: Context) -> None:
    """Write ``report.html`` and ``summary.json``, and print the table."""
    path = write_report(context.folder)
    summary = json.loads((context.folder / "summary.json").read_text())
    rows = format_table(summary)
    table = Table(title=summary["headline"], title_justify="left")
    for index, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if index else "left")
    for row in rows[1:]:
        table.add_row(*row)
    context.console.print(table)
    context.console.print(f"report: {path}")
