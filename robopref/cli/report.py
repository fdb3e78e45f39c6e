"""`robopref report`: one HTML page and one JSON file of the evaluation."""

from __future__ import annotations

from pathlib import Path

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.errors import DataError
from robopref.evaluation.control import matched_tables
from robopref.evaluation.fronts import load_fronts
from robopref.files import read_json
from robopref.records import Goal
from robopref.reports.fronts_section import front_rows, policy_points
from robopref.reports.run_report import format_table, write_report


def run(context: Context) -> None:
    """Write ``report.html`` and ``summary.json``, and print the tables."""
    beside = [Path(one) for one in context.config.report.beside or ()]
    for folder in beside:
        if not folder.is_dir():
            raise DataError(
                f"report.beside: there is no run folder {folder}; name folders on which robopref evaluate "
                "ranker=weighted was run"
            )
    path = write_report(context.folder, beside)
    summary = read_json(context.folder / "summary.json")
    print_table(context.console, summary["headline"], format_table(summary))
    if summary["matched"] is not None:
        for title, rows in matched_tables(summary["matched"], Goal(**summary["goal"])):
            print_table(context.console, title, rows)
    if (found := load_fronts(context.folder)) is not None:
        policies = policy_points(found, context.folder, {one.resolve().name: one for one in beside})
        print_table(context.console, "Several objectives at once", front_rows(found, policies))
    context.console.print(f"report: {path}")
