"""`robopref report`: one HTML page and one JSON file of the evaluation."""

from __future__ import annotations

import json

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.evaluation.report import format_table, write_report


def run(context: Context) -> None:
    """Write ``report.html`` and ``summary.json``, and print the table."""
    path = write_report(context.folder)
    summary = json.loads((context.folder / "summary.json").read_text())
    print_table(context.console, summary["headline"], format_table(summary))
    context.console.print(f"report: {path}")
