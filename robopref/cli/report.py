"""`robopref report`: one HTML page and one JSON file of the evaluation."""

from __future__ import annotations

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.evaluation.control import matched_tables
from robopref.files import read_json
from robopref.records import Goal
from robopref.reports.run_report import format_table, write_report


def run(context: Context) -> None:
    """Write ``report.html`` and ``summary.json``, and print the tables."""
    path = write_report(context.folder)
    summary = read_json(context.folder / "summary.json")
    print_table(context.console, summary["headline"], format_table(summary))
    if summary["matched"] is not None:
        for title, rows in matched_tables(summary["matched"], Goal(**summary["goal"])):
            print_table(context.console, title, rows)
    context.console.print(f"report: {path}")
